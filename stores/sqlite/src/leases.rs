use std::time::Duration;

use absentia_store::{Acquired, Key, Lease, LeaseState, LeaseStore, Result};
use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::OptionalExtension;

use crate::{SqliteStore, time::span};

/// Whether a row still says something at `?2`. All processes share the machine's clock; if that was set back, a row may
/// seem to last far longer than it was meant to, and is then taken as over.
macro_rules! lasts {
    () => {
        "until_ms > ?2 AND until_ms - ?2 <= 2 * span_ms"
    };
}

#[async_trait]
impl LeaseStore for SqliteStore {
    async fn acquire(&self, key: &Key, owner: &str, ttl: Duration) -> Result<Acquired> {
        let (wanted, now, ttl) = (key.clone(), self.now(), span(ttl));
        let owner = owner.to_owned();
        self.writer
            .write("take a lease", move |transaction| {
                // The first fence is the time, so that it is beyond those of a row that was swept away.
                let held: Option<i64> = transaction
                    .prepare_cached(
                        "INSERT INTO leases (key, fence, owner, until_ms, span_ms) VALUES (?1, ?2, ?3, ?2 + ?4, ?4)
                         ON CONFLICT (key) DO UPDATE SET fence = leases.fence + 1, owner = excluded.owner,
                             until_ms = excluded.until_ms, span_ms = excluded.span_ms, outcome = NULL
                         WHERE leases.owner IS NULL OR NOT (leases.until_ms > ?2 AND leases.until_ms - ?2 <= 2 * leases.span_ms)
                         RETURNING fence",
                    )?
                    .query_row((wanted.as_str(), now, &owner, ttl), |row| row.get(0))
                    .optional()?;
                if let Some(fence) = held {
                    let (key, owner) = (wanted.clone(), owner.clone());
                    return Ok(Acquired::Held(Lease { key, owner, fence: fence.unsigned_abs() }));
                }
                let fence: i64 = transaction
                    .prepare_cached("SELECT fence FROM leases WHERE key = ?1")?
                    .query_row([wanted.as_str()], |row| row.get(0))?;
                Ok(Acquired::Busy(fence.unsigned_abs()))
            })
            .await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        let (lease, now, ttl) = (lease.clone(), self.now(), span(ttl));
        self.writer
            .write("renew a lease", move |transaction| {
                let renewed = transaction
                    .prepare_cached(concat!(
                        "UPDATE leases SET until_ms = ?2 + ?5, span_ms = ?5
                         WHERE key = ?1 AND owner = ?3 AND fence = ?4 AND ",
                        lasts!()
                    ))?
                    .execute((lease.key.as_str(), now, &lease.owner, lease.fence.cast_signed(), ttl))?;
                Ok(renewed == 1)
            })
            .await
    }

    async fn release(&self, lease: &Lease, outcome: Option<Bytes>, keep: Duration) -> Result<()> {
        let (lease, now) = (lease.clone(), self.now());
        let keep = if outcome.is_some() { span(keep) } else { 0 };
        self.writer
            .write("release a lease", move |transaction| {
                transaction
                    .prepare_cached(concat!(
                        "UPDATE leases SET owner = NULL, outcome = ?5, until_ms = ?2 + ?6, span_ms = ?6
                         WHERE key = ?1 AND owner = ?3 AND fence = ?4 AND ",
                        lasts!()
                    ))?
                    .execute((
                        lease.key.as_str(),
                        now,
                        &lease.owner,
                        lease.fence.cast_signed(),
                        outcome.as_deref(),
                        keep,
                    ))
                    .map(drop)
            })
            .await
    }

    async fn look(&self, key: &Key) -> Result<LeaseState> {
        let (key, now) = (key.clone(), self.now());
        self.readers
            .call("look at a lease", move |connection| {
                let found: Option<(bool, i64, Option<Vec<u8>>)> = connection
                    .prepare_cached(concat!(
                        "SELECT owner IS NOT NULL, fence, outcome FROM leases WHERE key = ?1 AND ",
                        lasts!()
                    ))?
                    .query_row((key.as_str(), now), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?;
                Ok(match found {
                    Some((true, fence, _)) => LeaseState::Held(fence.unsigned_abs()),
                    Some((false, fence, Some(outcome))) => {
                        LeaseState::Ended { fence: fence.unsigned_abs(), outcome: outcome.into() }
                    }
                    _ => LeaseState::Free,
                })
            })
            .await
    }
}
