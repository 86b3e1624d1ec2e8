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
        job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
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
    connection: &mut Connection,
    job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    // SQLite answers "busy" without asking its busy handler when waiting could be a deadlock, e.g. while another process
    // recovers the log: hence the second try, each with half of the time.
    let begun = match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
        }
        begun => begun,
    };
    let transaction = begun?;
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
        if let Some(pages) = config.max_page_count {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(connection)
    };
    set_up().map_err(|error| error::explain(&config.path, "open the database", error))
}
