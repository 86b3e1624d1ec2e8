#![doc = include_str!("docs.md")]

mod accounts;
mod batch;
mod claims;
mod config;
mod connection;
mod entries;
mod error;
mod leases;
mod opener;
mod record;
mod rows;
mod scan;
mod schema;
mod time;
mod watch;

pub use config::SqliteConfig;
pub use opener::{SqliteOpener, opener};

use std::{fmt, sync::Arc};

use absentia_store::{Clock, Result};

use crate::connection::Lane;

/// How many threads read. A read takes tens of microseconds, so two keep up with the one that writes.
const READERS: usize = 2;

/// The stores of one SQLite file: entries, accounts, leases, scan and watch. Clones share its connections.
#[derive(Clone)]
pub struct SqliteStore {
    config: Arc<SqliteConfig>,
    clock: Arc<dyn Clock>,
    writer: Arc<Lane>,
    readers: Arc<Lane>,
}

impl SqliteStore {
    /// Makes the file (mode 0600) if there is none, brings its schema up to date, and opens it. Repeatable. Only
    /// `absentia store create` and tests call it: an app opens what somebody made on purpose.
    ///
    /// Cancel safe: the schema changes whole or not at all.
    ///
    /// # Errors
    /// `Config` when the folder is missing, the path is no database, or its schema is newer; else as SQLite says.
    pub async fn create(config: &SqliteConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let wanted = config.clone();
        connection::once("absentia-sqlite-create", &config.path, move || schema::create(&wanted)).await?;
        Self::open(config, clock).await
    }

    /// Opens a database that [`create`](Self::create) made, and starts its threads, which end with the last clone. Never
    /// creates or changes anything.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// `Config` when the file or its schema is missing, older or newer; the message says what to run.
    pub async fn open(config: &SqliteConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let writer = Lane::start("absentia-sqlite-write", 1, config).await?;
        let readers = Lane::start("absentia-sqlite-read", READERS, config).await?;
        Ok(Self { config: Arc::new(config.clone()), clock, writer: Arc::new(writer), readers: Arc::new(readers) })
    }

    /// Now, in milliseconds since 1970.
    fn now(&self) -> i64 {
        time::millis(self.clock.now())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("config", &self.config).finish_non_exhaustive()
    }
}
