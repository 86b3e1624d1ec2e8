use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use absentia_store::Result;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::{
    SqliteConfig,
    batch::{self, Waiting, Write},
    error, schema,
};

type Call = Box<dyn FnOnce(&mut Connection) + Send>;

enum Job {
    Call(Call),
    Write(Box<dyn Write>),
}

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
        let run = Job::Call(Box::new(move |connection| {
            if !sender.is_closed() {
                let _ = sender.send(job(connection));
            }
        }));
        self.jobs.send(run).map_err(|_| error::gave_up(&self.path, doing))?;
        self.answered(doing, answer).await
    }

    /// Runs `job` within one transaction that holds the write lock from its beginning. Run a second time, `job` starts from
    /// nothing: what it did before was rolled back.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        job: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        let write = Job::Write(Box::new(Waiting::new(job, sender)));
        self.jobs.send(write).map_err(|_| error::gave_up(&self.path, doing))?;
        self.answered(doing, answer).await
    }

    /// Runs `job` when its turn comes, and does not wait for it.
    pub(crate) fn post(&self, job: impl FnOnce(&mut Connection) + Send + 'static) {
        let _ = self.jobs.send(Job::Call(Box::new(job)));
    }

    async fn answered<T>(&self, doing: &'static str, answer: oneshot::Receiver<rusqlite::Result<T>>) -> Result<T> {
        match answer.await {
            Ok(done) => done.map_err(|error| error::explain(&self.path, doing, error)),
            Err(_) => Err(error::gave_up(&self.path, doing)),
        }
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

fn serve(mut connection: Connection, queue: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let mut call = match next {
            Ok(Job::Call(call)) => Some(call),
            Ok(Job::Write(write)) => {
                let mut writes = vec![write];
                let call = collect(&mut writes, &queue.lock().unwrap_or_else(PoisonError::into_inner));
                batch::commit(&connection, writes);
                call
            }
            Err(_) => return,
        };
        if let Some(call) = call.take() {
            batch::guarded(|| call(&mut connection)); // panicked: the caller sees its answer's sender dropped
        }
    }
}

/// Adds the writes that wait already, up to the first job of another kind, which it gives back.
fn collect(writes: &mut Vec<Box<dyn Write>>, queue: &mpsc::Receiver<Job>) -> Option<Call> {
    while writes.len() < batch::AT_ONCE {
        match queue.try_recv() {
            Ok(Job::Write(write)) => writes.push(write),
            Ok(Job::Call(call)) => return Some(call),
            Err(_) => break,
        }
    }
    None
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
