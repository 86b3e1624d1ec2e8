//! A web app and a worker over one Redis behind a proxy.

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use absentia::{AccountId, Error, store::AccountQuery};
use absentia_redis::{RedisConfig, RedisStore};
use absentia_store::{Backend, Clock, ManualClock, SystemClock};
use absentia_tests::World;
use absentia_worker::{Report, Worker};

use super::{proxy::Proxy, support::Server};

pub(crate) const APP: &str = "https://graph.microsoft.com/.default";
pub(crate) const GRANT_APP: &str = "client_credentials";
pub(crate) const GRANT_OBO: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Whether Debian's servers are here. A run in CI needs them.
pub(crate) fn is_installed(test: &str) -> bool {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "redis-server is not installed: apt-get install redis-server redis-tools"
        );
        eprintln!("skipped: {test} (redis-server is not installed: apt-get install redis-server redis-tools)");
    }
    found
}

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) server: Mutex<Server>,
    pub(crate) proxy: Arc<Proxy>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let server = Server::start(&["--maxmemory-policy", "noeviction"]);
        let proxy = Proxy::before(server.port).await;
        let mut config = RedisConfig::new("127.0.0.1", proxy.port);
        (config.connect_timeout, config.response_timeout) = (Duration::from_secs(2), Duration::from_secs(1));
        // Limits are measured by the machine's clock, as those of real networks are.
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Arc::new(RedisStore::open(&config, clock.clone()).await.unwrap());
        let backend = Backend::of(config.name(), &store).with_deadlines(&clock);
        let world = World::over(backend, ManualClock::at(clock.now())).await;
        Self { world, server: Mutex::new(server), proxy: Arc::new(proxy) }
    }

    /// Signs a user in.
    pub(crate) async fn account(&self, name: &str) -> AccountId {
        let user = self.world.entra.user(name);
        self.world.sign_in(&user).await.unwrap();
        self.world.id(&user)
    }

    /// A pass of a worker that has just been started. `first` is done when the first account is in hand.
    pub(crate) async fn pass(&self, first: impl Fn() + Sync) -> Report<()> {
        self.world.advance(Duration::from_secs(1));
        let client = self.world.builder(&self.world.another_cache()).background().build().unwrap();
        let worker = Worker::new(&client).idle(Duration::ZERO);
        let is_first = std::sync::Once::new();
        let act = async |user: absentia_worker::AbsentUser| {
            is_first.call_once(&first);
            user.token("User.Read").await.map(drop)
        };
        worker.once(std::future::pending(), act).await
    }

    /// Time passes, but not for the server: what it keeps for longer than this test takes, it keeps.
    pub(crate) fn minutes(&self, minutes: u64) {
        self.world.advance(Duration::from_secs(60 * minutes));
    }

    /// How many requests of a grant Entra has seen.
    pub(crate) fn requests(&self, grant: &str) -> usize {
        self.world.entra.journal().token_requests().grant(grant).count()
    }

    /// How the accounts stand, as the store says.
    pub(crate) async fn states(&self) -> Vec<&'static str> {
        let accounts = self.world.client.accounts(&AccountQuery::default()).await.unwrap();
        accounts.iter().map(|account| account.state().as_str()).collect()
    }

    pub(crate) fn cli(&self, words: &[&str]) {
        assert_eq!(self.server.lock().unwrap().cli(words), "OK", "{words:?}");
    }

    /// Comes again and again, as callers do; nothing but the store's being away is a reason to.
    pub(crate) async fn in_the_end<T>(&self, what: &str, mut call: impl AsyncFnMut() -> Result<T, Error>) -> T {
        let mut last = None;
        for _ in 0..60 {
            match call().await {
                Ok(answer) => return answer,
                Err(error) => {
                    assert_eq!(error.kind(), absentia::ErrorKind::Unavailable, "{what}: {error}");
                    last = Some(error);
                }
            }
            SystemClock.sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: not in sixty tries: {last:?}");
    }
}
