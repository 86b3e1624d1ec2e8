use std::{borrow::Cow, fmt, time::Duration};

use absentia_store::Result;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::{error, names::OWN, stack_exchange};

/// Where the server is and how to talk to it.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// Hosts and ports: one server, seeds of a Cluster, a primary and its replicas, or sentinels.
    pub endpoints: Vec<(String, u16)>,
    /// Put before the key of every entry, as it is: .NET's `InstanceName`. Empty by default.
    pub instance_name: String,
    /// The ACL user; the server's default user when absent.
    pub user: Option<String>,
    pub(crate) password: Option<Password>,
    /// How connections are encrypted; `None` for plain text.
    pub tls: Option<Tls>,
    /// The number of the database. A Cluster has only 0.
    pub database: u32,
    /// Set when the endpoints are sentinels.
    pub sentinel: Option<Sentinel>,
    /// How long a connection may take to come about. 5 s by default.
    pub connect_timeout: Duration,
    /// How long an answer may take before its connection is given up. 5 s by default.
    pub response_timeout: Duration,
    /// Whether [`RedisStore::open`](crate::RedisStore::open) fails while the server does not answer. On by default.
    pub abort_connect: bool,
    /// Put before the channel of announcements. Empty by default.
    pub channel_prefix: String,
    /// How long a sign-out waits for a replica, where there are replicas. 2 s by default.
    pub replica_timeout: Duration,
}

/// How connections are encrypted: TLS 1.2 or 1.3, with the certificate checked against the machine's authorities.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The name the certificate must bear, when it is not that of the endpoint. With one endpoint only.
    pub server_name: Option<String>,
    /// Certificates of authorities, as PEM, to trust instead of the machine's.
    pub authorities: Option<Vec<u8>>,
}

/// A primary that sentinels watch.
#[derive(Clone, Debug)]
pub struct Sentinel {
    /// The name under which they watch it.
    pub service: String,
    /// The ACL user at the sentinels.
    pub user: Option<String>,
    pub(crate) password: Option<Password>,
}

#[derive(Clone)]
pub(crate) struct Password(pub(crate) String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password]")
    }
}

impl RedisConfig {
    /// A server without TLS or password at this address.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            endpoints: vec![(host.into(), port)],
            instance_name: String::new(),
            user: None,
            password: None,
            tls: None,
            database: 0,
            sentinel: None,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(5),
            abort_connect: true,
            channel_prefix: String::new(),
            replica_timeout: Duration::from_secs(2),
        }
    }

    /// Reads a connection string: a `redis://` or `rediss://` URL, else StackExchange.Redis' text.
    ///
    /// # Errors
    /// `Config`, naming what cannot be read or has no meaning here, never its value.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let is_url = ["redis://", "rediss://"]
            .into_iter()
            .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
        if is_url { of_url(text) } else { stack_exchange::parse(text) }
    }

    /// The same with this instance name.
    #[must_use]
    pub fn instance_name(self, instance_name: impl Into<String>) -> Self {
        Self { instance_name: instance_name.into(), ..self }
    }

    /// The same with this password.
    #[must_use]
    pub fn password(self, password: impl Into<String>) -> Self {
        Self { password: Some(Password(password.into())), ..self }
    }

    /// What it is, for people: `redis cache.example.net:6379`.
    pub fn name(&self) -> String {
        let hosts: Vec<_> = self.endpoints.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        match &self.sentinel {
            Some(sentinel) => format!("redis {} of {}", sentinel.service, hosts.join(",")),
            None => format!("redis {}", hosts.join(",")),
        }
    }

    pub(crate) fn check(self) -> Result<Self> {
        if self.endpoints.is_empty() {
            return Err(error::unreadable("names no host; write host:port"));
        }
        if self.instance_name.starts_with(OWN) {
            return Err(error::config(format!("the Redis instance name may not begin with {OWN}: name it otherwise")));
        }
        if self.endpoints.len() > 1 && self.tls.as_ref().is_some_and(|tls| tls.server_name.is_some()) {
            return Err(error::unreadable(
                "has sslHost with several endpoints; leave it out, so that each certificate bears its endpoint's name",
            ));
        }
        Ok(self)
    }
}

fn of_url(text: &str) -> Result<RedisConfig> {
    let url = Url::parse(text).map_err(|_| {
        error::unreadable(
            "is no URL; write redis[s]://[user][:password]@host[:port][/database], the password percent-encoded",
        )
    })?;
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(error::unreadable("names no host"));
    }
    let mut config = RedisConfig::new(host, url.port().unwrap_or(6379));
    config.tls = (url.scheme() == "rediss").then(Tls::default);
    config.user = decoded(url.username(), "user")?.filter(|user| !user.is_empty());
    config.password = url.password().map(|password| decoded(password, "password")).transpose()?.flatten().map(Password);
    config.database = match url.path().trim_matches('/') {
        "" => 0,
        path => path.parse().map_err(|_| error::unreadable("has a path that is no database number"))?,
    };
    if url.fragment().is_some() {
        return Err(error::unreadable("has a fragment (#…); certificates are always checked, so leave it out"));
    }
    for (name, value) in url.query_pairs() {
        match (name.as_ref(), value.as_ref()) {
            ("protocol", "3" | "resp3") => {}
            ("protocol", _) => {
                return Err(error::unreadable("asks for a protocol other than resp3, which this backend speaks"));
            }
            _ => return Err(error::unreadable("has a query parameter other than protocol; leave it out")),
        }
    }
    config.check()
}

fn decoded(text: &str, what: &str) -> Result<Option<String>> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|text| Some(Cow::into_owned(text)))
        .map_err(|_| error::unreadable(&format!("has a {what} that is not UTF-8 after percent-decoding")))
}
