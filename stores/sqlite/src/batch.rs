//! Writes that wait for the writer at the same time share one transaction.
//!
//! A write's price is mostly its transaction's: the lock, and a page of `changes` in the log. Each write is still answered
//! only when what it wrote is committed. When one of several fails, they are all rolled back and run one by one, so that
//! none fails for its neighbour.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::{Connection, Result, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

/// Writes in one transaction at most: with 7 KB each that is 2 MB of log.
pub(crate) const AT_ONCE: usize = 256;

/// A write that waits for its turn.
pub(crate) trait Write: Send {
    /// Whether somebody still waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Runs within a transaction, and keeps the answer. What ran before was rolled back.
    fn run(&mut self, transaction: &Connection) -> Result<()>;
    /// Gives the answer that [`Write::run`] kept; or the error of its transaction.
    fn answer(self: Box<Self>, committed: Result<()>);
}

pub(crate) struct Waiting<T, F> {
    job: F,
    kept: Option<T>,
    sender: oneshot::Sender<Result<T>>,
}

impl<T, F: FnMut(&Connection) -> Result<T>> Waiting<T, F> {
    pub(crate) fn new(job: F, sender: oneshot::Sender<Result<T>>) -> Self {
        Self { job, kept: None, sender }
    }
}

impl<T: Send, F: FnMut(&Connection) -> Result<T> + Send> Write for Waiting<T, F> {
    fn is_wanted(&self) -> bool {
        !self.sender.is_closed()
    }

    fn run(&mut self, transaction: &Connection) -> Result<()> {
        self.kept = Some((self.job)(transaction)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let answer = match (committed, self.kept) {
            (Ok(()), Some(kept)) => Ok(kept),
            (Ok(()), None) => return, // never run: the caller sees its sender dropped
            (Err(error), _) => Err(error),
        };
        let _ = self.sender.send(answer);
    }
}

/// Commits `writes`: together if that works, else each alone. Those nobody waits for any more are skipped; once begun, a
/// write runs to its end.
pub(crate) fn commit(connection: &Connection, mut writes: Vec<Box<dyn Write>>) {
    writes.retain(|write| write.is_wanted());
    let together = writes.len() > 1
        && matches!(
            guarded(|| in_transaction(connection, |transaction| {
                writes.iter_mut().try_for_each(|write| write.run(transaction))
            })),
            Some(Ok(()))
        );
    for mut write in writes {
        let committed = match together {
            true => Some(Ok(())),
            false => guarded(|| in_transaction(connection, |transaction| write.run(transaction))),
        };
        if let Some(committed) = committed {
            write.answer(committed);
        }
    }
}

/// `None` when it panicked: the transaction was rolled back as it was unwound.
pub(crate) fn guarded<T>(job: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(job)).ok();
    if done.is_none() {
        tracing::error!("a call to SQLite panicked; it was answered with an error");
    }
    done
}

/// Runs `job` in a transaction that holds the write lock from its beginning, waiting at most the busy timeout for it.
pub(crate) fn in_transaction<T>(connection: &Connection, job: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    // SQLite answers "busy" without asking its busy handler when waiting could be a deadlock, e.g. while another process
    // recovers the log: hence the second try, each with half of the time.
    let begin = || Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
    let transaction = match begin() {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => begin()?,
        begun => begun?,
    };
    let answer = job(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use rusqlite::OptionalExtension as _;

    use super::*;

    type Answer = oneshot::Receiver<Result<usize>>;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY)").unwrap();
        connection
    }

    fn write(
        job: impl FnMut(&Connection) -> Result<usize> + Send + 'static,
        writes: &mut Vec<Box<dyn Write>>,
    ) -> Answer {
        let (sender, answer) = oneshot::channel();
        writes.push(Box::new(Waiting::new(job, sender)));
        answer
    }

    fn insert(id: i64) -> impl FnMut(&Connection) -> Result<usize> + Send + 'static {
        move |connection| connection.execute("INSERT INTO rows (id) VALUES (?1)", [id])
    }

    fn rows(connection: &Connection) -> String {
        connection.query_row("SELECT group_concat(id) FROM rows", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn writes_that_wait_together_are_one_transaction() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE rows (id INTEGER PRIMARY KEY)").unwrap();
        let mut writes = Vec::new();
        let mut answers: Vec<Answer> = (1..=3).map(|id| write(insert(id), &mut writes)).collect();
        let look = move |_: &Connection| {
            Connection::open(&path)?
                .query_row("SELECT id FROM rows", [], |_| Ok(1))
                .optional()
                .map(Option::unwrap_or_default)
        };
        let mut seen_elsewhere = write(look, &mut writes);
        commit(&connection, writes);
        assert!(answers.iter_mut().all(|answer| matches!(answer.try_recv(), Ok(Ok(1)))));
        assert!(matches!(seen_elsewhere.try_recv(), Ok(Ok(0))), "the first were committed before the last ran");
        assert_eq!(rows(&connection), "1,2,3");
    }

    #[test]
    fn one_that_fails_or_panics_takes_no_other_with_it() {
        let (connection, mut writes) = (database(), Vec::new());
        let mut first = write(insert(1), &mut writes);
        let mut again = write(insert(1), &mut writes);
        let mut panics = write(|_| panic!("halfway"), &mut writes);
        let mut last = write(insert(2), &mut writes);
        let nobody = write(insert(3), &mut writes);
        drop(nobody);
        commit(&connection, writes);
        assert!(matches!(first.try_recv(), Ok(Ok(1))));
        assert!(matches!(again.try_recv(), Ok(Err(_))));
        assert_eq!(panics.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        assert!(matches!(last.try_recv(), Ok(Ok(1))));
        assert_eq!(rows(&connection), "1,2");
    }

    #[test]
    fn what_fails_at_the_commit_is_answered_with_its_error() {
        let (connection, mut writes) = (database(), Vec::new());
        let later = "PRAGMA foreign_keys = ON;
            CREATE TABLE more (id INTEGER REFERENCES rows (id) DEFERRABLE INITIALLY DEFERRED)";
        connection.execute_batch(later).unwrap();
        let mut good = write(insert(1), &mut writes);
        let mut bad = write(|connection| connection.execute("INSERT INTO more VALUES (7)", []), &mut writes);
        commit(&connection, writes);
        assert!(matches!(good.try_recv(), Ok(Ok(1))));
        assert!(matches!(bad.try_recv(), Ok(Err(_))));
        assert_eq!(rows(&connection), "1");
    }
}
