use std::time::Duration;

use absentia_store::{Entry, Expiry, Key, Removal, Removed, Result, Store, Version, When, Written};
use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension};

use crate::{
    SqliteStore,
    batch::in_transaction,
    time::{instant, millis, span},
};

/// How many changes a watch may lag behind before it hears `Lost`.
pub(crate) const CHANGES_KEPT: i64 = 10_000;
/// Old changes are deleted in batches of this many, by the write that fills the batch.
const CHANGES_TRIMMED_AT_ONCE: i64 = 256;
/// How long a read waits for the write lock to re-arm an entry before it leaves that to the writer.
const REARM_PATIENCE: Duration = Duration::from_millis(20);

pub(crate) const WRITTEN: i64 = 1;
pub(crate) const REMOVED: i64 = 2;

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let mut found = self.get_many(std::slice::from_ref(key)).await?;
        Ok(found.pop().flatten())
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>> {
        let (keys, now, patience) = (keys.to_vec(), self.now(), self.config.busy_timeout / 2);
        let (found, late) = self
            .readers
            .call("read an entry", move |connection| {
                let mut late = Vec::new();
                let mut found = Vec::with_capacity(keys.len());
                for key in keys {
                    let Some(row) = read(&mut connection.prepare_cached(READ)?, &key, now)? else {
                        found.push(None);
                        continue;
                    };
                    if row.is_worth_rearming(now) {
                        connection.busy_timeout(REARM_PATIENCE)?;
                        let armed = in_transaction(connection, |transaction| rearm(transaction, &key, now));
                        connection.busy_timeout(patience)?;
                        // A database that cannot be written can still be read: no other failure is the reader's.
                        if armed.is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)) {
                            late.push(key);
                        }
                    }
                    found.push(Some(row.entry));
                }
                Ok((found, late))
            })
            .await?;
        for key in late {
            self.writer.post(move |connection| {
                let _ = in_transaction(connection, |transaction| rearm(transaction, &key, now));
            });
        }
        Ok(found)
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        let (key, now) = (key.clone(), self.now());
        self.writer
            .write("write an entry", move |transaction| {
                let sliding = expiry.sliding.map(|window| span(window).max(1));
                let absolute = expiry.absolute.map(millis);
                let ends = ends(sliding, absolute, now);
                let (key, value) = (key.as_str(), value.as_ref());
                let version: Option<i64> = match &when {
                    When::Absent => transaction
                        .prepare_cached(INSERT)?
                        .query_row((key, value, sliding, absolute, now, ends), |row| row.get(0))
                        .optional()?,
                    When::Unchanged(version) => {
                        let Some(version) = number(version) else { return Ok(Written::Conflict) };
                        let update = |sql| {
                            transaction
                                .prepare_cached(sql)?
                                .query_row((key, value, sliding, absolute, now, ends, version), |row| row.get(0))
                                .optional()
                        };
                        match update(UPDATE)? {
                            None => update(UPDATE_ENDING_EARLIER)?,
                            written => written,
                        }
                    }
                };
                let Some(version) = version else { return Ok(Written::Conflict) };
                announce(transaction, version, key, WRITTEN)?;
                Ok(Written::Done(self::version(version)))
            })
            .await
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        let (key, now) = (key.clone(), self.now());
        self.writer
            .write("remove an entry", move |transaction| {
                let key = key.as_str();
                let found: Option<i64> = transaction
                    .prepare_cached(
                        "SELECT version FROM entries WHERE key = ?1 AND (expires_ms IS NULL OR expires_ms > ?2)",
                    )?
                    .query_row((key, now), |row| row.get(0))
                    .optional()?;
                let Some(found) = found else { return Ok(Removed::Absent) };
                if let Removal::IfUnchanged(version) = &when
                    && number(version) != Some(found)
                {
                    return Ok(Removed::Conflict);
                }
                transaction.prepare_cached("DELETE FROM entries WHERE key = ?1")?.execute([key])?;
                let sequence: i64 = transaction
                    .prepare_cached("SELECT coalesce(max(sequence), 0) + 1 FROM changes")?
                    .query_row([], |row| row.get(0))?;
                announce(transaction, sequence, key, REMOVED)?;
                Ok(Removed::Done)
            })
            .await
    }
}

const READ: &str = "SELECT version, sliding_ms, absolute_ms, touched_ms, value
    FROM entries WHERE key = ?1 AND (expires_ms IS NULL OR expires_ms > ?2)";

const INSERT: &str =
    "INSERT INTO entries (key, value, sliding_ms, absolute_ms, touched_ms, expires_ms, sweep_ms, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, (SELECT coalesce(max(sequence), 0) + 1 FROM changes))
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, sliding_ms = excluded.sliding_ms,
        absolute_ms = excluded.absolute_ms, touched_ms = excluded.touched_ms, expires_ms = excluded.expires_ms,
        sweep_ms = excluded.sweep_ms, version = excluded.version
    WHERE entries.expires_ms <= excluded.touched_ms
    RETURNING version";

macro_rules! update {
    ($more:literal, $condition:literal) => {
        concat!(
            "UPDATE entries SET value = ?2, sliding_ms = ?3, absolute_ms = ?4, touched_ms = ?5, expires_ms = ?6, ",
            $more,
            "version = (SELECT coalesce(max(sequence), 0) + 1 FROM changes)
             WHERE key = ?1 AND version = ?7 AND (expires_ms IS NULL OR expires_ms > ?5) ",
            $condition,
            " RETURNING version"
        )
    };
}

/// Leaves the index of the sweep alone: it may look at an entry too early, not too late. What most writes need.
const UPDATE: &str = update!("", "AND (?6 IS NULL OR sweep_ms <= ?6)");
/// For an entry that ends earlier than a sweep would look, or did not end before.
const UPDATE_ENDING_EARLIER: &str = update!("sweep_ms = ?6, ", "");

struct Row {
    entry: Entry,
    touched: i64,
}

impl Row {
    fn is_worth_rearming(&self, now: i64) -> bool {
        self.entry.expiry.sliding.is_some_and(|window| now - self.touched >= (span(window) / 10).max(1))
    }
}

fn read(statement: &mut CachedStatement<'_>, key: &Key, now: i64) -> rusqlite::Result<Option<Row>> {
    statement
        .query_row((key.as_str(), now), |row| {
            let sliding: Option<i64> = row.get(1)?;
            let expiry = Expiry {
                sliding: sliding.map(|millis| Duration::from_millis(millis.unsigned_abs())),
                absolute: row.get::<_, Option<i64>>(2)?.map(instant),
            };
            let value = Bytes::copy_from_slice(row.get_ref(4)?.as_blob()?);
            let version = self::version(row.get(0)?);
            Ok(Row { entry: Entry { value, version, expiry }, touched: row.get(3)? })
        })
        .optional()
}

/// Moves a sliding expiry on. The condition is asked again: another reader may have been faster.
fn rearm(connection: &Connection, key: &Key, now: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE entries SET touched_ms = ?2, expires_ms = min(?2 + sliding_ms, coalesce(absolute_ms, ?2 + sliding_ms))
             WHERE key = ?1 AND sliding_ms IS NOT NULL AND expires_ms > ?2 AND ?2 - touched_ms >= max(sliding_ms / 10, 1)",
        )?
        .execute((key.as_str(), now))
}

fn announce(transaction: &Connection, sequence: i64, key: &str, kind: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO changes (sequence, key, kind) VALUES (?1, ?2, ?3)")?
        .execute((sequence, key, kind))?;
    if sequence % CHANGES_TRIMMED_AT_ONCE == 0 {
        transaction.prepare_cached("DELETE FROM changes WHERE sequence <= ?1")?.execute([sequence - CHANGES_KEPT])?;
    }
    Ok(())
}

fn ends(sliding: Option<i64>, absolute: Option<i64>, now: i64) -> Option<i64> {
    let slides = sliding.map(|window| now.saturating_add(window));
    slides.into_iter().chain(absolute).min()
}

/// A version of another backend is no version here.
fn number(version: &Version) -> Option<i64> {
    version.as_bytes().try_into().ok().map(i64::from_be_bytes)
}

/// A version is the sequence of its change: never reused, the same in the row and in its announcement.
pub(crate) fn version(sequence: i64) -> Version {
    Version::new(sequence.to_be_bytes().to_vec())
}
