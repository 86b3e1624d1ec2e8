use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use absentia_store::{Change, Clock, Key, Result, Version, Watch, WatchStore};
use async_trait::async_trait;
use redis::{AsyncConnectionConfig, FromRedisValue, PushInfo, PushKind, aio::MultiplexedConnection};
use tokio::sync::mpsc;

use crate::{RedisConfig, RedisStore, connect, error};

/// How many announcements wait for a slow listener before it hears `Lost` instead.
const KEPT: usize = 10_000;

/// How long a silent connection is trusted. A connection that broke without a word would be silent for ever.
const SILENCE: Duration = Duration::from_secs(15);

const DOING: &str = "watch for changes";

#[async_trait]
impl WatchStore for RedisStore {
    async fn watch(&self) -> Result<Box<dyn Watch>> {
        let (config, channel) = (self.0.config.clone(), self.0.names.channel.clone());
        let subscription = Subscription::begin(&config, &channel).await?;
        Ok(Box::new(RedisWatch { config, channel, clock: self.0.clock.clone(), subscription: Some(subscription) }))
    }
}

struct RedisWatch {
    config: Arc<RedisConfig>,
    channel: String,
    clock: Arc<dyn Clock>,
    /// Absent after it broke, until another could be begun.
    subscription: Option<Subscription>,
}

#[async_trait]
impl Watch for RedisWatch {
    async fn next(&mut self) -> Result<Vec<Change>> {
        loop {
            let Some(subscription) = &mut self.subscription else {
                self.subscription = Some(Subscription::begin(&self.config, &self.channel).await?);
                return Ok(vec![Change::Lost]);
            };
            let heard = tokio::select! {
                biased;
                heard = subscription.hear() => heard,
                () = self.clock.sleep(SILENCE) => {
                    if subscription.is_alive().await { continue } else { None }
                }
            };
            match heard {
                Some(changes) => return Ok(changes),
                None => self.subscription = None,
            }
        }
    }
}

/// A connection of its own that listens. Any node of a Cluster hears what is announced at the others.
struct Subscription {
    connection: MultiplexedConnection,
    incoming: mpsc::Receiver<PushInfo>,
    /// Set when something did not fit into `incoming`.
    overflow: Arc<AtomicBool>,
}

impl Subscription {
    async fn begin(config: &RedisConfig, channel: &str) -> Result<Self> {
        let (sender, incoming) = mpsc::channel(KEPT);
        let overflow = Arc::new(AtomicBool::new(false));
        let full = overflow.clone();
        // It must not fail: an error would end the connection.
        let push = move |push: PushInfo| -> std::result::Result<(), std::convert::Infallible> {
            if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(push) {
                full.store(true, Ordering::Release);
            }
            Ok(())
        };
        let how = AsyncConnectionConfig::new().set_push_sender(push);
        let explain = |error| error::explain(config, DOING, error);
        let mut connection = connect::find(config, &how).await.map_err(explain)?.connection;
        connection.subscribe(channel).await.map_err(explain)?;
        Ok(Self { connection, incoming, overflow })
    }

    /// At least one change, or `None` when the connection is gone. Cancel safe.
    async fn hear(&mut self) -> Option<Vec<Change>> {
        let mut changes = Vec::new();
        while changes.is_empty() {
            let mut push = Some(self.incoming.recv().await?);
            // No await from here on: what was taken is returned.
            while let Some(taken) = push {
                match taken.kind {
                    PushKind::Disconnection => return None,
                    PushKind::Message => changes.push(change(taken).unwrap_or(Change::Lost)),
                    _ => {}
                }
                push = self.incoming.try_recv().ok();
            }
            if self.overflow.swap(false, Ordering::AcqRel) {
                changes.push(Change::Lost);
            }
        }
        Some(changes)
    }

    async fn is_alive(&mut self) -> bool {
        redis::cmd("PING").exec_async(&mut self.connection).await.is_ok()
    }
}

/// What an announcement says: `w` and the version, or `r`, then a space and the key. `None` for another program's words.
fn change(push: PushInfo) -> Option<Change> {
    let payload = push.data.into_iter().nth(1)?;
    let text = String::from_redis_value(payload).ok()?;
    let (what, key) = text.split_once(' ')?;
    match what.split_at_checked(1)? {
        ("w", version) => Some(Change::Written(Key::new(key), Version::new(version.to_owned()))),
        ("r", "") => Some(Change::Removed(Key::new(key))),
        _ => None,
    }
}
