//! A sign-out that only the primary knows of is undone by a failover. So it is acknowledged when a replica has it.

use absentia_store::{Error, ErrorKind, Result};

use crate::{RedisStore, time::span};

const DOING: &str = "learn whether a replica has the sign-out";

impl RedisStore {
    /// Waits until a replica has everything that the primary of `key` was told before this call, if it has replicas.
    pub(crate) async fn wait_for_replica(&self, key: &str) -> Result<()> {
        let info = redis::cmd("INFO").arg("replication").to_owned();
        let info: String = self.0.waiting.at_primary(DOING, &info, key).await?;
        // One that is still being given its first copy could not take over either.
        if !info.lines().any(|line| line.starts_with("slave") && line.contains(",state=online,")) {
            return Ok(());
        }
        // WAIT counts what was told before the last command of its own connection, whoever told it: before INFO.
        let limit = self.0.config.replica_timeout.min(self.0.config.response_timeout / 2);
        let wait = redis::cmd("WAIT").arg(1).arg(span(limit).max(1)).to_owned();
        let reached: i64 = self.0.waiting.at_primary(DOING, &wait, key).await?;
        if reached > 0 {
            return Ok(());
        }
        let message = format!(
            "{}: the sign-out was carried out, but no replica confirmed it within {limit:?}: a failover could undo it; \
             sign out again when the replicas follow",
            self.0.config.name(),
        );
        Err(Error::new(ErrorKind::Unavailable, message))
    }
}
