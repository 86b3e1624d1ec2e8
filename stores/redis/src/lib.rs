#![doc = include_str!("docs.md")]

mod accounts;
mod claims;
mod config;
mod connect;
mod documents;
mod entries;
mod error;
mod leases;
mod link;
mod names;
mod opener;
mod replicas;
mod rows;
mod scan;
mod scripts;
mod stack_exchange;
mod time;
mod watch;

pub use config::{RedisConfig, Sentinel, Tls};
pub use opener::{RedisOpener, opener};

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use absentia_store::{Clock, Error, ErrorKind, Result};

use crate::{link::Link, names::Names, scan::Walk};

/// The stores of one Redis server, Cluster or Sentinel service: entries, accounts, leases, scan and watch. Clones share
/// its connections.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

struct Inner {
    config: Arc<RedisConfig>,
    clock: Arc<dyn Clock>,
    names: Names,
    /// For everything but waiting.
    link: Link,
    /// For `WAIT`, which holds up whatever follows it on its connection.
    waiting: Link,
    /// Makes the ids of this handle's writes unlike those of any other.
    process: u64,
    writes: AtomicU64,
    /// The client ids that are known to be listed.
    clients: Mutex<HashSet<String>>,
    walk: Mutex<Option<Walk>>,
}

impl RedisStore {
    /// Connects, and says what is wrong with the set-up at once. Writes nothing. With
    /// [`RedisConfig::abort_connect`] off, a server that does not answer is no error: the first call tries again.
    ///
    /// Cancel safe. Must be called within a tokio runtime, to which the connections belong.
    ///
    /// # Errors
    /// `Config` when the server refuses the password, its certificate or its version; `Unavailable` when it does not
    /// answer.
    pub async fn open(config: &RedisConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut process = [0; 8];
        aws_lc_rs::rand::fill(&mut process)
            .map_err(|_| Error::new(ErrorKind::Unavailable, "the machine gave no random bytes"))?;
        let config = Arc::new(config.clone());
        let store = Self(Arc::new(Inner {
            names: Names::new(&config),
            link: Link::new(config.clone()),
            waiting: Link::new(config.clone()),
            config,
            clock,
            process: u64::from_ne_bytes(process),
            writes: AtomicU64::new(0),
            clients: Mutex::default(),
            walk: Mutex::default(),
        }));
        match store.0.link.connect().await {
            Err(error) if store.0.config.abort_connect || error.kind() == ErrorKind::Config => Err(error),
            _ => Ok(store),
        }
    }

    /// Text that no other write has, whatever process or restart it comes from.
    fn write_id(&self) -> String {
        format!("{:016x}{:x}", self.0.process, self.0.writes.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("config", &self.0.config).finish_non_exhaustive()
    }
}
