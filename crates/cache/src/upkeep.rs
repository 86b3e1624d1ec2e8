//! The one loop of a process that serves users: announcements, and the removal of what expired.

use std::{future::Future, pin::pin, time::Duration};

use absentia_store::{Change, Watch};

use crate::cache::TokenCache;

/// How often expired entries are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(30 * 60);
/// How many at a time.
const SWEEP_BATCH: usize = 500;
/// How long the tombstone of a sign-out stays: longer than any browser session (14 days), because it holds the generation
/// by which a session from before the sign-out is known.
const TOMBSTONE: Duration = Duration::from_secs(15 * 24 * 3600);
/// How long a broken watch rests.
const WATCH_PAUSE: Duration = Duration::from_secs(1);

impl TokenCache {
    /// Listens to announcements of other processes and deletes what expired, each 30 minutes, until `shutdown` ends. Spawn
    /// it beside the server; `Worker::run` includes it. Without it, what memory holds is at most two minutes behind the
    /// store. Cancel safe.
    pub async fn upkeep(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut announcements = pin!(self.listen());
        let mut sweeps = pin!(self.sweeps());
        tokio::select! {
            () = &mut shutdown => {}
            () = &mut announcements => {}
            () = &mut sweeps => {}
        }
    }

    async fn listen(&self) {
        let Some(watches) = &self.0.backend.watch else { return std::future::pending().await };
        loop {
            match watches.watch().await {
                Ok(watch) => {
                    // What changed before this watch began is not announced to it.
                    self.0.memory.forget_all();
                    self.follow(watch).await;
                }
                Err(error) => tracing::warn!(%error, "announcements of the token store cannot be heard; trying again"),
            }
            self.0.clock.sleep(WATCH_PAUSE).await;
        }
    }

    async fn follow(&self, mut watch: Box<dyn Watch>) {
        let memory = &self.0.memory;
        loop {
            match watch.next().await {
                Ok(changes) => {
                    for change in changes {
                        match change {
                            Change::Lost => memory.forget_all(),
                            Change::Removed(key) => memory.forget(key.as_str()),
                            Change::Written(key, version) => memory.forget_other_than(key.as_str(), &version),
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "announcements of the token store stopped; trying again");
                    return;
                }
            }
        }
    }

    async fn sweeps(&self) {
        loop {
            self.0.clock.sleep(SWEEP_EVERY).await;
            self.sweep().await;
            // .NET adds keys days before they protect. Whoever only writes would never meet one it does not know.
            self.reload_ring().await;
        }
    }

    /// Deletes what expired, in bounded batches: entries, tombstones, rows whose entry ended. Says how many. Errors are
    /// logged: the next sweep tries again. Cancel safe.
    pub async fn sweep(&self) -> usize {
        let mut total = 0;
        if let Some(scan) = &self.0.backend.scan {
            loop {
                match scan.sweep(SWEEP_BATCH).await {
                    Ok(deleted) => {
                        total += deleted;
                        if deleted < SWEEP_BATCH {
                            break;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "expired entries were not deleted");
                        break;
                    }
                }
            }
        }
        if let Some(accounts) = &self.0.backend.accounts {
            let now = self.0.clock.now();
            // Until nothing is left: a grant that goes may leave an account without any, and callers of an API leave more rows
            // in 30 minutes than one batch holds.
            loop {
                match accounts.sweep_accounts(now - TOMBSTONE, now, SWEEP_BATCH).await {
                    Ok(0) => break,
                    Ok(deleted) => total += deleted,
                    Err(error) => {
                        tracing::warn!(%error, "rows of what ended were not deleted");
                        break;
                    }
                }
            }
        }
        total
    }
}
