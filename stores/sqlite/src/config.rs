use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the database is and how patient its callers are.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The database file. Its folder must exist; `-wal` and `-shm` files lie beside it.
    pub path: PathBuf,
    /// How long a call waits for another process that is writing before it ends as `Unavailable`. 1 s by default.
    pub busy_timeout: Duration,
    /// The largest size of the file, in pages of 4 KiB; writes beyond it end as `Full`. No limit by default.
    pub max_page_count: Option<u32>,
    /// How often a watch looks for changes made by other connections. 250 ms by default.
    pub watch_interval: Duration,
}

impl SqliteConfig {
    /// A database at `path`, everything else by default.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            busy_timeout: Duration::from_secs(1),
            max_page_count: None,
            watch_interval: Duration::from_millis(250),
        }
    }
}
