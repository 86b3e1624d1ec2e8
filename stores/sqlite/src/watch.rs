use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use absentia_store::{Change, Key, Result, Watch, WatchStore};
use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync;

use crate::{
    SqliteConfig, SqliteStore, connection,
    entries::{self, REMOVED, WRITTEN},
    error,
};

/// How many changes are told at once.
const AT_ONCE: i64 = 1_000;
/// How many batches wait for a slow listener before the thread stops reading on.
const BATCHES: usize = 16;

#[async_trait]
impl WatchStore for SqliteStore {
    async fn watch(&self) -> Result<Box<dyn Watch>> {
        let config = self.config.clone();
        let (batches, incoming) = sync::mpsc::channel(BATCHES);
        let (alive, stop) = mpsc::channel::<()>();
        let (ready, answer) = sync::oneshot::channel();
        connection::spawn("absentia-sqlite-watch", &self.config.path, move || match Watcher::begin(&config) {
            Ok(watcher) => {
                if ready.send(Ok(())).is_ok() {
                    watcher.run(&batches, &stop, config.watch_interval);
                }
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        })?;
        answer.await.map_err(|_| error::gave_up(&self.config.path, "watch for changes"))??;
        Ok(Box::new(SqliteWatch { incoming, config: self.config.clone(), _alive: alive }))
    }
}

struct SqliteWatch {
    incoming: sync::mpsc::Receiver<Result<Vec<Change>>>,
    config: Arc<SqliteConfig>,
    /// Dropped with the watch, which ends its thread.
    _alive: mpsc::Sender<()>,
}

#[async_trait]
impl Watch for SqliteWatch {
    async fn next(&mut self) -> Result<Vec<Change>> {
        match self.incoming.recv().await {
            Some(batch) => batch,
            None => Err(error::gave_up(&self.config.path, "watch for changes")),
        }
    }
}

/// The thread's side of a watch.
struct Watcher {
    config: Arc<SqliteConfig>,
    /// Absent after an error, until it could be opened again.
    connection: Option<Connection>,
    /// `PRAGMA data_version` when `changes` was last read.
    seen: Option<i64>,
    /// The last change told.
    after: i64,
}

impl Watcher {
    fn begin(config: &Arc<SqliteConfig>) -> Result<Self> {
        let connection = connection::open(config)?;
        let after = newest(&connection).map_err(|error| error::explain(&config.path, "watch for changes", error))?;
        Ok(Self { config: config.clone(), connection: Some(connection), seen: None, after })
    }

    fn run(mut self, batches: &sync::mpsc::Sender<Result<Vec<Change>>>, stop: &mpsc::Receiver<()>, interval: Duration) {
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(interval) {
            // A place is taken before anything is read: what was read is always told.
            while let Ok(place) = batches.try_reserve() {
                match self.look() {
                    Ok(changes) if changes.is_empty() => break,
                    Ok(changes) => place.send(Ok(changes)),
                    Err(error) => {
                        self.connection = None;
                        self.seen = None;
                        place.send(Err(error));
                        break;
                    }
                }
            }
        }
    }

    /// What changed since the last look; at most [`AT_ONCE`].
    fn look(&mut self) -> Result<Vec<Change>> {
        let explain = |error| error::explain(&self.config.path, "watch for changes", error);
        if self.connection.is_none() {
            self.connection = Some(connection::open(&self.config)?);
        }
        let Some(connection) = &self.connection else { return Ok(Vec::new()) };
        let version = data_version(connection).map_err(explain)?;
        if self.seen == Some(version) {
            return Ok(Vec::new());
        }
        let (changes, after) = read(connection, self.after).map_err(explain)?;
        self.after = after;
        // Asked before reading: what is committed in between is found by the next look.
        self.seen = changes.is_empty().then_some(version);
        Ok(changes)
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

fn newest(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT coalesce(max(sequence), 0) FROM changes")?.query_row([], |row| row.get(0))
}

fn read(connection: &Connection, after: i64) -> rusqlite::Result<(Vec<Change>, i64)> {
    let mut statement = connection
        .prepare_cached("SELECT sequence, key, kind FROM changes WHERE sequence > ?1 ORDER BY sequence LIMIT ?2")?;
    let rows = statement.query_map((after, AT_ONCE), |row| {
        let key = Key::new(row.get_ref(1)?.as_str()?);
        let change = match row.get::<_, i64>(2)? {
            WRITTEN => Change::Written(key, entries::version(row.get(0)?)),
            REMOVED => Change::Removed(key),
            _ => Change::Lost,
        };
        Ok((row.get::<_, i64>(0)?, change))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    // Sequences have no gaps: one that is missing was trimmed, and a newest below ours means that the file was replaced.
    let first = rows.first().map(|(sequence, _)| *sequence);
    if first.is_some_and(|first| first != after + 1) || (first.is_none() && newest(connection)? < after) {
        return Ok((vec![Change::Lost], newest(connection)?));
    }
    let last = rows.last().map_or(after, |(sequence, _)| *sequence);
    Ok((rows.into_iter().map(|(_, change)| change).collect(), last))
}
