//! `RedisStore` keeps every law, whatever kind of Redis it is in.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering},
};

use absentia_redis::{RedisConfig, RedisStore, Tls};
use absentia_store::{Backend, SystemClock, conformance::Fixture};
use support::Server;

/// Each law has an instance name of its own, and so an empty store.
async fn fixture(config: RedisConfig) -> Fixture {
    static LAWS: AtomicU64 = AtomicU64::new(0);
    // Characters that mean something in patterns and slots.
    let instance_name = format!("*[{{}}]?{}:", LAWS.fetch_add(1, Ordering::Relaxed));
    let config = config.instance_name(instance_name);
    let backend = open(config.clone()).await;
    Fixture::in_real_time(backend).expiring_by_itself().reopened_by(move || open(config.clone()))
}

async fn open(config: RedisConfig) -> Backend {
    let store = RedisStore::open(&config, Arc::new(SystemClock)).await.unwrap();
    Backend::of(config.name(), &Arc::new(store))
}

fn config(text: &str) -> RedisConfig {
    RedisConfig::parse(text).unwrap()
}

mod redis_single {
    use super::*;

    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(&[]));

    absentia_store::conformance_tests!(|| fixture(config(&SERVER.address())));
}

mod redis_tls {
    use super::*;

    static SERVER: LazyLock<support::Tls> = LazyLock::new(|| support::Tls::start(&["127.0.0.1"]));

    absentia_store::conformance_tests!(|| {
        let mut config = config(&format!("rediss://{}", SERVER.server.address()));
        config.tls = Some(Tls { authorities: Some(SERVER.authority.clone().into_bytes()), ..Tls::default() });
        fixture(config)
    });
}

mod redis_cluster {
    use super::*;

    static SERVERS: LazyLock<support::Cluster> = LazyLock::new(support::Cluster::start);

    absentia_store::conformance_tests!(|| fixture(config(&SERVERS.seeds())));
}

mod redis_sentinel {
    use super::*;

    static SERVERS: LazyLock<support::Sentinels> = LazyLock::new(support::Sentinels::start);

    absentia_store::conformance_tests!(|| fixture(config(&SERVERS.text())));
}
