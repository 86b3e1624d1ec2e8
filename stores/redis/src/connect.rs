//! From endpoints to a connection: which server, and is it a Cluster.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, Pipeline, ProtocolVersion,
    RedisConnectionInfo, RedisError, RedisFuture, RedisResult, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
    from_redis_value,
    io::{
        AsyncDNSResolver,
        tcp::{TcpSettings, socket2::TcpKeepalive},
    },
};

use crate::{RedisConfig, config::Password};

/// When an idle connection is probed for whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A connection that many calls share.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

/// A server that was found, and what it says it is.
pub(crate) struct Found {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) is_cluster: bool,
}

/// Connects to what the endpoints stand for.
pub(crate) async fn connect(config: &RedisConfig) -> RedisResult<Connection> {
    let found = find(config, &AsyncConnectionConfig::new()).await?;
    if !found.is_cluster {
        return Ok(Connection::One(found.connection));
    }
    if config.database != 0 {
        return Err((ErrorKind::InvalidClientConfig, "a Cluster has only database 0").into());
    }
    let nodes = config.endpoints.iter().map(|(host, port)| info(config, host, *port));
    let mut builder = ClusterClientBuilder::new(nodes.collect::<RedisResult<Vec<_>>>()?)
        .use_protocol(ProtocolVersion::RESP3)
        .tcp_settings(tcp())
        .connection_timeout(config.connect_timeout)
        .response_timeout(config.response_timeout)
        .overall_response_timeout(Some(config.response_timeout.saturating_mul(2)));
    if let Some(authorities) = config.tls.as_ref().and_then(|tls| tls.authorities.clone()) {
        builder = builder.certs(TlsCertificates { client_tls: None, root_cert: Some(authorities) });
    }
    builder.build()?.get_async_connection().await.map(Connection::Cluster)
}

/// The primary among the endpoints, or the one sentinels name, or any node of a Cluster. A replica only when nothing
/// better answers: it can still be read.
pub(crate) async fn find(config: &RedisConfig, how: &AsyncConnectionConfig) -> RedisResult<Found> {
    let how = timely(config, how);
    if config.sentinel.is_some() {
        let (host, port) = primary_of_sentinels(config).await?;
        return ask(config, &host, port, &how).await.map(|(found, _)| found);
    }
    let (mut replica, mut last) = (None, None);
    for (host, port) in &config.endpoints {
        match ask(config, host, *port, &how).await {
            Ok((found, true)) => return Ok(found),
            Ok((found, false)) => replica = Some(found),
            Err(error) => last = Some(error),
        }
    }
    match (replica, last) {
        (Some(found), _) => Ok(found),
        (None, Some(error)) => Err(error),
        (None, None) => Err((ErrorKind::InvalidClientConfig, "no endpoint is named").into()),
    }
}

/// A connection to the server at this address.
pub(crate) async fn at(
    config: &RedisConfig,
    host: &str,
    port: u16,
    how: &AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    ask(config, host, port, &timely(config, how)).await.map(|(found, _)| found.connection)
}

/// The addresses of a Cluster's primaries.
pub(crate) async fn primaries(cluster: &ClusterConnection) -> RedisResult<Vec<(String, u16)>> {
    let everyone = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
    let garbled = || RedisError::from((ErrorKind::UnexpectedReturnType, "the Cluster names its primaries otherwise"));
    let Value::Map(answers) = cluster.clone().route_command(redis::cmd("PING"), everyone).await? else {
        return Err(garbled());
    };
    let address = |node: Value| {
        let node = from_redis_value::<String>(node).ok()?;
        let (host, port) = node.rsplit_once(':')?;
        Some((host.to_owned(), port.parse().ok()?))
    };
    answers.into_iter().map(|(node, _)| address(node).ok_or_else(garbled)).collect()
}

fn timely(config: &RedisConfig, how: &AsyncConnectionConfig) -> AsyncConnectionConfig {
    how.clone().set_connection_timeout(Some(config.connect_timeout)).set_response_timeout(Some(config.response_timeout))
}

/// Connects to one server; whether it may be written.
async fn ask(config: &RedisConfig, host: &str, port: u16, how: &AsyncConnectionConfig) -> RedisResult<(Found, bool)> {
    let mut how = how.clone();
    if config.tls.as_ref().is_some_and(|tls| tls.server_name.is_some()) {
        how = how.set_dns_resolver(Instead(host.to_owned()));
    }
    let mut connection =
        client(config, info(config, host, port)?)?.get_multiplexed_async_connection_with_config(&how).await?;
    let said: HashMap<String, Value> = redis::cmd("HELLO").query_async(&mut connection).await?;
    let word = |name: &str| said.get(name).cloned().and_then(|value| from_redis_value::<String>(value).ok());
    let is_cluster = word("mode").as_deref() == Some("cluster");
    let is_primary = word("role").as_deref() != Some("replica");
    Ok((Found { connection, is_cluster }, is_cluster || is_primary))
}

async fn primary_of_sentinels(config: &RedisConfig) -> RedisResult<(String, u16)> {
    let Some(sentinel) = &config.sentinel else { return Err((ErrorKind::EmptySentinelList, "no sentinel").into()) };
    let mut last: RedisError = (ErrorKind::EmptySentinelList, "no sentinel is named").into();
    let how = timely(config, &AsyncConnectionConfig::new());
    for (host, port) in &config.endpoints {
        let asked = async {
            let login = login(sentinel.user.as_deref(), sentinel.password.as_ref());
            let info =
                address(config, host, *port).into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp());
            let mut connection = client(config, info)?.get_multiplexed_async_connection_with_config(&how).await?;
            let ask = redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&sentinel.service).to_owned();
            ask.query_async::<Option<(String, u16)>>(&mut connection).await
        };
        match asked.await {
            Ok(Some(primary)) => return Ok(primary),
            Ok(None) => last = (ErrorKind::MasterNameNotFoundBySentinel, "no primary of this name").into(),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn info(config: &RedisConfig, host: &str, port: u16) -> RedisResult<redis::ConnectionInfo> {
    let login = login(config.user.as_deref(), config.password.as_ref()).set_db(config.database.into());
    Ok(address(config, host, port).into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp()))
}

fn address(config: &RedisConfig, host: &str, port: u16) -> ConnectionAddr {
    match &config.tls {
        None => ConnectionAddr::Tcp(host.to_owned(), port),
        Some(tls) => ConnectionAddr::TcpTls {
            host: tls.server_name.as_deref().unwrap_or(host).to_owned(),
            port,
            insecure: false,
            tls_params: None,
        },
    }
}

fn login(user: Option<&str>, password: Option<&Password>) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if let Some(user) = user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(&password.0);
    }
    login
}

fn client(config: &RedisConfig, info: redis::ConnectionInfo) -> RedisResult<Client> {
    let Some(tls) = &config.tls else { return Client::open(info) };
    // The one crypto provider; an error says that the program installed it already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match &tls.authorities {
        Some(pem) => Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) }),
        None => Client::open(info),
    }
}

fn tcp() -> TcpSettings {
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE / 3).with_retries(3);
    TcpSettings::default().set_nodelay(true).set_keepalive(keep_alive)
}

/// Goes to the endpoint, while the certificate is held against another name.
struct Instead(String);

impl AsyncDNSResolver for Instead {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        _host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((self.0.as_str(), port)).await?.collect();
            Ok(Box::new(found.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}
