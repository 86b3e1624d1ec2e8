use absentia_store::{Key, Result, ScanStore};
use async_trait::async_trait;

use crate::SqliteStore;

/// Leases that ended this long ago are swept, in milliseconds: nobody waits for one that long.
const LEASE_MEMORY: i64 = 24 * 60 * 60 * 1000;

const SCAN_AFTER: &str = "SELECT key FROM entries
    WHERE key > ?1 AND (expires_ms IS NULL OR expires_ms > ?2) ORDER BY key LIMIT ?3";
const SCAN_FIRST: &str = "SELECT key FROM entries
    WHERE key >= ?1 AND (expires_ms IS NULL OR expires_ms > ?2) ORDER BY key LIMIT ?3";

#[async_trait]
impl ScanStore for SqliteStore {
    async fn scan(&self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>> {
        let (after, now) = (after.cloned(), self.now());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.readers
            .call("walk over the entries", move |connection| {
                let (sql, after) = match &after {
                    Some(after) => (SCAN_AFTER, after.as_str()),
                    None => (SCAN_FIRST, ""),
                };
                let mut statement = connection.prepare_cached(sql)?;
                statement.query_map((after, now, limit), |row| Ok(Key::new(row.get_ref(0)?.as_str()?)))?.collect()
            })
            .await
    }

    async fn sweep(&self, limit: usize) -> Result<usize> {
        let now = self.now();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.writer
            .write("delete expired entries", move |transaction| {
                transaction
                    .prepare_cached(
                        "DELETE FROM leases WHERE key IN (SELECT key FROM leases WHERE until_ms <= ?1 LIMIT ?2)",
                    )?
                    .execute((now - LEASE_MEMORY, limit))?;
                let deleted = transaction
                    .prepare_cached(
                        "DELETE FROM entries WHERE id IN
                            (SELECT id FROM entries WHERE sweep_ms <= ?1 AND expires_ms <= ?1 LIMIT ?2)",
                    )?
                    .execute((now, limit))?;
                transaction
                    .prepare_cached(
                        "UPDATE entries SET sweep_ms = expires_ms WHERE id IN
                            (SELECT id FROM entries
                             WHERE sweep_ms <= ?1 AND (expires_ms IS NULL OR expires_ms > ?1) LIMIT ?2)",
                    )?
                    .execute((now, limit))?;
                Ok(deleted)
            })
            .await
    }
}
