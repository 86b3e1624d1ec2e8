use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use absentia_store::{Change, Error, ErrorKind, Key, Result, Version, Watch, WatchStore};
use async_trait::async_trait;
use redis::{
    AsyncConnectionConfig, FromRedisValue, PushInfo, PushKind, RedisResult, Value,
    aio::MultiplexedConnection,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
};
use tokio::sync::mpsc;

use crate::{
    RedisStore,
    connect::{self, Connection},
    error,
    names::Names,
};

/// How many announcements wait for a slow listener before it hears `Lost` instead.
const KEPT: usize = 10_000;

/// How long a silent connection is trusted. A connection that broke without a word would be silent for ever.
const SILENCE: Duration = Duration::from_secs(15);

const DOING: &str = "watch for changes";

#[async_trait]
impl WatchStore for RedisStore {
    async fn watch(&self) -> Result<Box<dyn Watch>> {
        RedisWatch::begin(self, false).await
    }

    async fn watch_others(&self) -> Result<Box<dyn Watch>> {
        RedisWatch::begin(self, true).await
    }
}

struct RedisWatch {
    store: RedisStore,
    /// Whether what programs do that announce nothing is told too.
    others: bool,
    /// Absent after it broke, until another could be begun.
    subscription: Option<Subscription>,
}

impl RedisWatch {
    async fn begin(store: &RedisStore, others: bool) -> Result<Box<dyn Watch>> {
        let subscription = Some(Subscription::begin(store, others).await?);
        Ok(Box::new(Self { store: store.clone(), others, subscription }))
    }
}

#[async_trait]
impl Watch for RedisWatch {
    async fn next(&mut self) -> Result<Vec<Change>> {
        loop {
            let Some(subscription) = &mut self.subscription else {
                self.subscription = Some(Subscription::begin(&self.store, self.others).await?);
                return Ok(vec![Change::Lost]);
            };
            let heard = tokio::select! {
                biased;
                heard = subscription.hear(&self.store.0.names) => heard,
                () = self.store.0.clock.sleep(SILENCE) => {
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
    /// Those to the primaries of a Cluster, each of which tells what is done to its own keys.
    trackers: Vec<MultiplexedConnection>,
    incoming: mpsc::Receiver<PushInfo>,
    /// Set when something did not fit into `incoming`.
    overflow: Arc<AtomicBool>,
}

impl Subscription {
    async fn begin(store: &RedisStore, others: bool) -> Result<Self> {
        let (config, channel) = (&*store.0.config, &store.0.names.channel);
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
        let mut subscription = Self { connection, trackers: Vec::new(), incoming, overflow };
        let connected = store.0.link.connect().await?;
        if others {
            subscription.track(store, &connected, &how).await.map_err(explain)?;
        }
        if let Connection::Cluster(cluster) = connected {
            let (id, limit) = (store.write_id(), store.0.clock.sleep(config.response_timeout));
            tokio::select! {
                biased;
                heard = subscription.hear_marks(cluster, channel, &id) => heard.map_err(explain)?,
                () = limit => {
                    let message = "a node of the Cluster does not pass announcements on; check the Cluster's bus";
                    return Err(Error::new(ErrorKind::Unavailable, format!("{}: could not {DOING}: {message}", config.name())));
                }
            }
        }
        Ok(subscription)
    }

    /// Has the server tell the names of entries that anybody touches: client-side caching in broadcast mode, which needs no
    /// memory there for each name. Replicas of a Cluster that become primaries are reached when the connection to the old one breaks.
    async fn track(
        &mut self,
        store: &RedisStore,
        connected: &Connection,
        how: &AsyncConnectionConfig,
    ) -> RedisResult<()> {
        let mut tracking = redis::cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("BCAST");
        let instance = store.0.names.instance();
        if !instance.is_empty() {
            tracking.arg("PREFIX").arg(instance);
        }
        let Connection::Cluster(cluster) = connected else { return tracking.exec_async(&mut self.connection).await };
        for (host, port) in connect::primaries(cluster).await? {
            let mut primary = connect::at(&store.0.config, &host, port, how).await?;
            tracking.exec_async(&mut primary).await?;
            self.trackers.push(primary);
        }
        Ok(())
    }

    /// Has each primary announce a mark, and waits for all: what was announced before has then been heard, and is
    /// forgotten, and the way from each to here is open.
    async fn hear_marks(&mut self, mut cluster: ClusterConnection, channel: &str, id: &str) -> RedisResult<()> {
        let mark = format!("m {id}");
        let publish = redis::cmd("PUBLISH").arg(channel).arg(&mark).to_owned();
        let everyone = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let mut missing = match cluster.route_command(publish, everyone).await? {
            Value::Map(answers) => answers.len(),
            _ => 0,
        };
        while missing > 0 {
            let push = self.incoming.recv().await;
            let Some(push) = push.filter(|push| push.kind != PushKind::Disconnection) else {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into());
            };
            missing -= usize::from(payload(push).is_some_and(|text| text == mark));
        }
        Ok(())
    }

    /// At least one change, or `None` when the connection is gone. Cancel safe.
    async fn hear(&mut self, names: &Names) -> Option<Vec<Change>> {
        let mut changes = Vec::new();
        while changes.is_empty() {
            let mut push = Some(self.incoming.recv().await?);
            // No await from here on: what was taken is returned.
            while let Some(taken) = push {
                match taken.kind {
                    PushKind::Disconnection => return None,
                    PushKind::Message => changes.extend(payload(taken).and_then(|text| change(&text))),
                    PushKind::Invalidate => touched(taken, names, &mut changes),
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
        for connection in std::iter::once(&mut self.connection).chain(&mut self.trackers) {
            if redis::cmd("PING").exec_async(connection).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// The entries whose names a server tells; it tells none when all are gone.
fn touched(push: PushInfo, names: &Names, changes: &mut Vec<Change>) {
    match push.data.into_iter().next() {
        Some(Value::Array(keys)) => {
            let keys = keys.into_iter().filter_map(|key| String::from_redis_value(key).ok());
            changes.extend(keys.filter_map(|key| names.key_of(&key)).map(Change::Touched));
        }
        _ => changes.push(Change::Lost),
    }
}

/// The text of an announcement.
fn payload(push: PushInfo) -> Option<String> {
    String::from_redis_value(push.data.into_iter().nth(1)?).ok()
}

/// What an announcement says: `w` and the version, or `r`, then a space and the key. `None` for the mark with which a
/// watch began, and for another program's words.
fn change(text: &str) -> Option<Change> {
    let (what, key) = text.split_once(' ')?;
    match what.split_at_checked(1)? {
        ("w", version) => Some(Change::Written(Key::new(key), Version::new(version.to_owned()))),
        ("r", "") => Some(Change::Removed(Key::new(key))),
        _ => None,
    }
}
