//! The one loop of a process that serves users: announcements, and the removal of what expired.

use std::{collections::BTreeSet, future::Future, pin::pin, time::Duration};

use absentia_store::{Change, Key, Watch};

use crate::{cache::TokenCache, layout::Layout};

/// How often expired entries are deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(30 * 60);
/// How many at a time.
const SWEEP_BATCH: usize = 500;
/// How long the tombstone of a sign-out stays: longer than any browser session (14 days), because it holds the generation
/// by which a session from before the sign-out is known.
const TOMBSTONE: Duration = Duration::from_secs(15 * 24 * 3600);
/// How long touched entries are gathered before they are looked at: .NET touches an entry that slides whenever it uses it.
const GATHER: Duration = Duration::from_millis(100);
/// How many are gathered at most, and looked at together.
const TOUCHED: usize = 10_000;
const LOOK_BATCH: usize = 200;
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
            let watch = match self.layout() {
                Layout::Native => watches.watch().await,
                // .NET announces nothing.
                Layout::DotNet => watches.watch_others().await,
            };
            match watch {
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
        let (mut touched, mut due) = (BTreeSet::new(), self.0.clock.sleep(GATHER));
        loop {
            let changes = tokio::select! {
                biased;
                () = &mut due, if !touched.is_empty() => {
                    self.look_at(&mut touched).await;
                    due = self.0.clock.sleep(GATHER);
                    continue;
                }
                changes = watch.next() => changes,
            };
            match changes {
                Ok(changes) => {
                    for change in changes {
                        match change {
                            Change::Lost => memory.forget_all(),
                            Change::Removed(key) => memory.forget(key.as_str()),
                            Change::Written(key, version) => memory.forget_other_than(key.as_str(), &version),
                            Change::Touched(key) => {
                                if touched.is_empty() {
                                    due = self.0.clock.sleep(GATHER);
                                }
                                touched.insert(key);
                            }
                        }
                    }
                    if touched.len() > TOUCHED {
                        touched.clear();
                        memory.forget_all();
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "announcements of the token store stopped; trying again");
                    return;
                }
            }
        }
    }

    /// Forgets what memory holds of those entries that are not any more what it was made from. Those that could not be looked
    /// at stay in the set.
    async fn look_at(&self, touched: &mut BTreeSet<Key>) {
        let memory = &self.0.memory;
        touched.retain(|key| memory.holds(key.as_str()));
        while !touched.is_empty() {
            let keys: Vec<Key> = touched.iter().take(LOOK_BATCH).cloned().collect();
            let entries = match self.0.backend.entries.get_many(&keys).await {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::debug!(%error, "entries that others touched could not be looked at; trying again");
                    return;
                }
            };
            for (key, entry) in keys.iter().zip(entries) {
                match entry {
                    Some(entry) => memory.forget_other_than(key.as_str(), &entry.version),
                    None => memory.forget(key.as_str()),
                }
                touched.remove(key);
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
