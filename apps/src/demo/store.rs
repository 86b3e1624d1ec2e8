//! Where the story's tokens are kept: one file, or a Redis.

use std::{
    fmt,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use serde_json::{Value, json};

use super::{Failure, child::Program, world::path};

/// What `--store` takes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Kind {
    #[default]
    Sqlite,
    Redis,
}

/// The store, as the settings name it.
pub(crate) enum Store {
    File(String),
    Redis {
        connection: String,
        /// In front of all keys, so that a server that others use is none the worse.
        instance: String,
        /// The throw-away server, gone when this is.
        server: Option<Box<Program>>,
    },
}

impl Store {
    /// The database file in `folder`; or the Redis of `connection` or, without one, a server that is started in `folder`.
    pub(crate) async fn make(kind: Kind, connection: Option<&str>, folder: &Path) -> Result<Self, Failure> {
        if kind == Kind::Sqlite {
            return Ok(Self::File(format!("Data Source={}", folder.join("tokens.db").display())));
        }
        if !cfg!(feature = "redis") {
            return Err("this demo was built without Redis: run `cargo demo -- --store redis`, or build it with \
                        `--features redis`"
                .into());
        }
        let instance = format!("absentia-demo-{}:", std::process::id());
        if let Some(connection) = connection {
            return Ok(Self::Redis { connection: connection.to_owned(), instance, server: None });
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let port_text = port.to_string();
        let arguments =
            ["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", path(folder)?];
        let ready = |line: &str| line.contains("eady to accept connections").then_some(());
        let started = Program::start("redis-server", Path::new("redis-server"), &arguments, ready).await;
        let (server, ()) = started.map_err(|error| {
            format!(
                "{error}\n--store redis starts a throw-away server: install Debian's redis-server (apt-get install \
                 redis-server), or name one that runs with --connection HOST:PORT"
            )
        })?;
        Ok(Self::Redis { connection: format!("127.0.0.1:{port}"), instance, server: Some(Box::new(server)) })
    }

    /// The section `ConnectionStrings`.
    pub(crate) fn connection_strings(&self) -> Value {
        match self {
            Self::File(connection) => json!({ "TokenCacheDbConnStr": connection }),
            Self::Redis { connection, instance, .. } => {
                json!({ "TokenCacheRedisConnStr": connection, "TokenCacheRedisInstaceName": instance })
            }
        }
    }

    /// What is left where it was, for whoever owns it.
    pub(crate) fn left(&self) -> Option<String> {
        match self {
            Self::Redis { instance, server: None, .. } => {
                Some(format!("the demo's keys are left in Redis; their names hold {instance}"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "one database file",
            Self::Redis { server: Some(_), .. } => "a throw-away Redis",
            Self::Redis { server: None, .. } => "your Redis",
        })
    }
}
