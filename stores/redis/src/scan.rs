use std::{collections::BTreeSet, sync::PoisonError};

use absentia_store::{Key, Result, ScanStore};
use async_trait::async_trait;
use redis::{
    Cmd,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
    from_redis_value,
};

use crate::{
    RedisStore,
    connect::{self, Connection},
    error,
};

const DOING: &str = "walk over the entries";

/// How many keys the server looks at before it serves somebody else.
const LOOK_AT: usize = 1_000;

/// The keys of a walk that is under way, so that its next page needs no other look at the whole database: Redis lists
/// keys in no order.
pub(crate) struct Walk {
    /// The last key that was told.
    after: Key,
    left: BTreeSet<Key>,
}

#[async_trait]
impl ScanStore for RedisStore {
    async fn scan(&self, after: Option<&Key>, limit: usize) -> Result<Vec<Key>> {
        let known = self.walk().take_if(|walk| after == Some(&walk.after));
        let mut left = match known {
            Some(walk) => walk.left,
            None => {
                let mut keys = self.all_keys().await?;
                match after {
                    Some(after) => keys.split_off(after).into_iter().filter(|key| key != after).collect(),
                    None => std::mem::take(&mut keys),
                }
            }
        };
        let page: Vec<Key> = std::iter::from_fn(|| left.pop_first()).take(limit).collect();
        *self.walk() = page.last().map(|last| Walk { after: last.clone(), left });
        Ok(page)
    }

    /// The server deletes what ended by itself.
    async fn sweep(&self, _limit: usize) -> Result<usize> {
        Ok(0)
    }
}

impl RedisStore {
    fn walk(&self) -> std::sync::MutexGuard<'_, Option<Walk>> {
        self.0.walk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn all_keys(&self) -> Result<BTreeSet<Key>> {
        let mut keys = BTreeSet::new();
        match self.0.link.connect().await? {
            Connection::One(_) => self.keys_of(None, &mut keys).await?,
            Connection::Cluster(cluster) => {
                // Each primary has the keys of its slots.
                let primaries = connect::primaries(&cluster).await;
                for (host, port) in primaries.map_err(|error| error::explain(&self.0.config, DOING, error))? {
                    self.keys_of(Some(SingleNodeRoutingInfo::ByAddress { host, port }), &mut keys).await?;
                }
            }
        }
        Ok(keys)
    }

    async fn keys_of(&self, node: Option<SingleNodeRoutingInfo>, keys: &mut BTreeSet<Key>) -> Result<()> {
        let instance = self.0.names.instance();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{}*", literally(instance)));
            scan.arg("COUNT").arg(LOOK_AT).arg("TYPE").arg("hash");
            let (next, names) = self.page(scan, node.clone()).await?;
            // What is not text was not written by a cache.
            let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
            keys.extend(names.filter_map(|name| self.0.names.key_of(&name)));
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    async fn page(&self, scan: Cmd, node: Option<SingleNodeRoutingInfo>) -> Result<(u64, Vec<Vec<u8>>)> {
        let Some(node) = node else { return self.0.link.command(DOING, &scan).await };
        let Connection::Cluster(mut cluster) = self.0.link.connect().await? else {
            return Err(error::garbled(&self.0.config, DOING));
        };
        let answer = cluster.route_command(scan, RoutingInfo::SingleNode(node)).await;
        let answer = answer.map_err(|error| error::explain(&self.0.config, DOING, error))?;
        from_redis_value(answer).map_err(|_| error::garbled(&self.0.config, DOING))
    }
}

/// A pattern that matches this text alone.
fn literally(text: &str) -> String {
    text.chars().flat_map(|c| r"*?[]\^-".contains(c).then_some('\\').into_iter().chain([c])).collect()
}
