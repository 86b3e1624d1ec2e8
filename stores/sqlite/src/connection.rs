use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use absentia_store::Result;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::{SqliteConfig, error, schema};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Threads that each hold one connection and take calls from one queue.
///
/// A call that is dropped before its turn is skipped; once begun it runs to its end. So a dropped call happened whole or
/// not at all.
pub(crate) struct Lane {
    path: Arc<Path>,
    jobs: mpsc::Sender<Job>,
}

impl Lane {
    /// Starts `threads` threads; answers when each has opened its connection.
    pub(crate) async fn start(name: &str, threads: usize, config: &SqliteConfig) -> Result<Self> {
        let path: Arc<Path> = Arc::from(config.path.as_path());
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let (queue, config) = (queue.clone(), config.clone());
            let (opened, answer) = oneshot::channel();
            spawn(name, &path, move || match open(&config) {
                Ok(connection) => {
                    let _ = opened.send(Ok(()));
                    serve(connection, &queue);
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            })?;
            answer.await.map_err(|_| error::gave_up(&path, "open the database"))??;
        }
        Ok(Self { path, jobs })
    }

    /// Runs `job` on one of the threads. `doing` completes "could not …".
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        let run: Job = Box::new(move |connection| {
            if !sender.is_closed() {
                let _ = sender.send(job(connection));
            }
        });
        self.jobs.send(run).map_err(|_| error::gave_up(&self.path, doing))?;
        match answer.await {
            Ok(done) => done.map_err(|error| error::explain(&self.path, doing, error)),
            Err(_) => Err(error::gave_up(&self.path, doing)),
        }
    }

    /// Runs `job` within one transaction that holds the write lock from its beginning.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.call(doing, |connection| in_transaction(connection, job)).await
    }

    /// Runs `job` when its turn comes, and does not wait for it.
    pub(crate) fn post(&self, job: impl FnOnce(&mut Connection) + Send + 'static) {
        let _ = self.jobs.send(Box::new(job));
    }
}

/// Runs `job` on a thread of its own, for work that opens its own connection.
pub(crate) async fn once<T: Send + 'static>(
    name: &str,
    path: &Path,
    job: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, answer) = oneshot::channel();
    spawn(name, path, move || {
        let _ = sender.send(job());
    })?;
    answer.await.map_err(|_| error::gave_up(path, "open the database"))?
}

pub(crate) fn spawn(name: &str, path: &Path, body: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(drop)
        .map_err(|cause| error::gave_up(path, "start a thread").caused_by(cause))
}

/// Runs `job` in a transaction, waiting at most the busy timeout for the write lock.
pub(crate) fn in_transaction<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    // SQLite answers "busy" without asking its busy handler when waiting could be a deadlock, e.g. while another process
    // recovers the log: hence the second try, each with half of the time.
    let begin = || Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
    let transaction = match begin() {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => begin()?,
        begun => begun?,
    };
    let answer = job(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

fn serve(mut connection: Connection, queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // The caller sees its answer's sender dropped, and the transaction rolled back as it was unwound.
        if catch_unwind(AssertUnwindSafe(|| job(&mut connection))).is_err() {
            tracing::error!("a call to SQLite panicked; it was answered with an error");
        }
    }
}

/// A connection to a database that exists and has this program's schema.
pub(crate) fn open(config: &SqliteConfig) -> Result<Connection> {
    schema::expect_file(&config.path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(config, flags)?;
    schema::check(&connection, &config.path)?;
    Ok(connection)
}

/// A connection with this crate's settings.
pub(crate) fn connect(config: &SqliteConfig, flags: OpenFlags) -> Result<Connection> {
    let set_up = || {
        let connection = Connection::open_with_flags(&config.path, flags)?;
        connection.busy_timeout(config.busy_timeout / 2)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // A checkpoint syncs twice. Four times SQLite's usual distance, 16 MB of log, makes a write a third faster.
        connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
        if let Some(pages) = config.max_page_count {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(connection)
    };
    set_up().map_err(|error| error::explain(&config.path, "open the database", error))
}

#[cfg(test)]
mod tests {
    use absentia_store::ErrorKind;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let config = SqliteConfig::new(folder.path().join("tokens.db"));
        schema::create(&config).unwrap();
        let lane = Lane::start("test", 1, &config).await.unwrap();
        let insert = "INSERT INTO changes (key, kind) VALUES ('ada', 1)";
        let panicked = lane.write("do as told", move |connection| -> rusqlite::Result<()> {
            connection.execute(insert, [])?;
            panic!("halfway")
        });
        let error = panicked.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("could not do as told"), "{error}");
        let count = "SELECT count(*) FROM changes";
        let rows: i64 =
            lane.write("count", move |connection| connection.query_row(count, [], |row| row.get(0))).await.unwrap();
        assert_eq!(rows, 0, "half a transaction was left");
    }

    #[tokio::test]
    async fn a_call_that_was_dropped_before_its_turn_does_not_happen() {
        let folder = tempfile::tempdir().unwrap();
        let config = SqliteConfig::new(folder.path().join("tokens.db"));
        schema::create(&config).unwrap();
        let lane = Lane::start("test", 1, &config).await.unwrap();
        let (go, wait) = mpsc::channel::<()>();
        lane.post(move |_| {
            let _ = wait.recv();
        });
        let insert = "INSERT INTO changes (key, kind) VALUES ('ada', 1)";
        {
            let mut call = std::pin::pin!(lane.write("insert", move |connection| connection.execute(insert, [])));
            let polled = std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context).is_ready()));
            assert!(!polled.await);
        }
        go.send(()).unwrap();
        let count = "SELECT count(*) FROM changes";
        let rows: i64 =
            lane.write("count", move |connection| connection.query_row(count, [], |row| row.get(0))).await.unwrap();
        assert_eq!(rows, 0);
    }
}
