use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use absentia_store::Result;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, RetryMethod, ScriptInvocation, ServerErrorKind,
    Value,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
    from_redis_value,
};
use tokio::runtime::Handle;

use crate::{
    RedisConfig,
    connect::{Connection, connect},
    error,
};

type Coming = Shared<BoxFuture<'static, RedisResult<Connection>>>;

/// One connection that all calls share, made when the first call needs it and again when it was lost.
///
/// It comes about in a task of its own: a call that is given up does not take the attempt with it.
pub(crate) struct Link {
    config: Arc<RedisConfig>,
    held: Arc<Held>,
}

#[derive(Default)]
struct Held {
    coming: Mutex<Option<Coming>>,
    /// Somebody is finding out whether the connection still answers.
    probed: AtomicBool,
}

impl Held {
    /// The next call connects anew.
    fn give_up(&self, old: &Coming) {
        let mut coming = self.lock();
        if coming.as_ref().is_some_and(|coming| coming.ptr_eq(old)) {
            *coming = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Coming>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches a call. Callers have limits of their own, shorter than the response timeout: one that gives up never learns that
/// its connection is dead, and each that comes after it would wait in vain, until the machine gives up sending a quarter of
/// an hour later. So a call that is dropped leaves a question behind, and a connection that does not answer it is replaced.
struct Watched<'a> {
    held: &'a Arc<Held>,
    coming: &'a Coming,
    connection: Connection,
    answered: bool,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // A Cluster's connections are watched by its driver.
        let (Connection::One(one), Ok(runtime)) = (&self.connection, Handle::try_current()) else { return };
        if self.held.probed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut one = one.clone();
        let (held, coming) = (self.held.clone(), self.coming.clone());
        runtime.spawn(async move {
            // Ends by the connection's response timeout.
            let answer = redis::cmd("PING").query_async::<Value>(&mut one).await;
            held.probed.store(false, Ordering::Release);
            if answer.is_err_and(|error| is_lost(&error) || error.is_timeout()) {
                held.give_up(&coming);
            }
        });
    }
}

/// What is sent.
enum Ask<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
    Script(&'a ScriptInvocation<'a>),
    /// A command that names no key, for the server that has this one.
    AtPrimary(&'a Cmd, &'a str),
}

impl Ask<'_> {
    async fn send(&self, connection: &mut Connection) -> RedisResult<Value> {
        match self {
            Self::Command(command) => command.query_async(connection).await,
            Self::Pipeline(pipeline) => pipeline.query_async(connection).await,
            Self::Script(script) => script.invoke_async(connection).await,
            Self::AtPrimary(command, key) => match connection {
                Connection::One(one) => command.query_async(one).await,
                Connection::Cluster(cluster) => {
                    let route = Route::with_key(key, SlotAddr::Master);
                    let route = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
                    cluster.route_command((*command).clone(), route).await
                }
            },
        }
    }
}

impl Link {
    pub(crate) fn new(config: Arc<RedisConfig>) -> Self {
        Self { config, held: Arc::default() }
    }

    /// Connects, if it is not connected.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        let (coming, _) = self.coming();
        self.arrive(&coming).await.map_err(|error| error::explain(&self.config, "connect", error))
    }

    pub(crate) async fn command<T: FromRedisValue>(&self, doing: &'static str, command: &Cmd) -> Result<T> {
        self.ask(doing, Ask::Command(command)).await
    }

    pub(crate) async fn pipeline<T: FromRedisValue>(&self, doing: &'static str, pipeline: &Pipeline) -> Result<T> {
        self.ask(doing, Ask::Pipeline(pipeline)).await
    }

    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        doing: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T> {
        self.ask(doing, Ask::Script(script)).await
    }

    /// Asks the primary that has `key`, or would have it.
    pub(crate) async fn at_primary<T: FromRedisValue>(
        &self,
        doing: &'static str,
        command: &Cmd,
        key: &str,
    ) -> Result<T> {
        self.ask(doing, Ask::AtPrimary(command, key)).await
    }

    /// Asks, and once more over another connection when the one that was there is gone. What was sent may be carried out
    /// twice then: puts and leases know themselves again by their id, and of the others the second finds the first done.
    /// At worst accounts that nobody works on are held until their claim's lease ends.
    async fn ask<T: FromRedisValue>(&self, doing: &'static str, ask: Ask<'_>) -> Result<T> {
        let value = match self.once(&ask).await {
            (Err(error), true) if is_lost(&error) => self.once(&ask).await.0,
            (answer, _) => answer,
        };
        let value = value.map_err(|error| error::explain(&self.config, doing, error))?;
        from_redis_value(value).map_err(|_| error::garbled(&self.config, doing))
    }

    /// Asks; whether it was over a connection that had been there before.
    async fn once(&self, ask: &Ask<'_>) -> (RedisResult<Value>, bool) {
        let (coming, is_old) = self.coming();
        let connection = match self.arrive(&coming).await {
            Ok(connection) => connection,
            Err(error) => return (Err(error), false),
        };
        let mut watched = Watched { held: &self.held, coming: &coming, connection, answered: false };
        let answer = ask.send(&mut watched.connection).await;
        watched.answered = true;
        drop(watched);
        if answer.as_ref().is_err_and(|error| is_lost(error) || error.is_timeout()) {
            self.held.give_up(&coming);
        }
        (answer, is_old)
    }

    fn coming(&self) -> (Coming, bool) {
        let mut coming = self.held.lock();
        if let Some(coming) = &*coming {
            return (coming.clone(), coming.peek().is_some());
        }
        let config = self.config.clone();
        let task = tokio::spawn(async move { connect(&config).await });
        let fresh = async move {
            task.await.unwrap_or_else(|_| Err((ErrorKind::Client, "the task that connects ended early").into()))
        };
        let fresh = fresh.boxed().shared();
        *coming = Some(fresh.clone());
        (fresh, false)
    }

    async fn arrive(&self, coming: &Coming) -> RedisResult<Connection> {
        let arrived = coming.clone().await;
        if arrived.is_err() {
            self.held.give_up(coming);
        }
        arrived
    }
}

/// Whether another connection may do better: this one is gone, or its server is not the primary any more.
fn is_lost(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || matches!(error.retry_method(), RetryMethod::Reconnect | RetryMethod::ReconnectFromInitialConnections)
}
