use std::sync::Arc;

use absentia_store::{Backend, Clock, Documents, Opener, RedisTarget, Result, SystemClock, Target};
use async_trait::async_trait;

use crate::{RedisConfig, RedisStore, documents::List, error};

/// Opens Redis targets of connection strings.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisOpener;

/// The opener to register with the settings of an app.
pub fn opener() -> Box<dyn Opener> {
    Box::new(RedisOpener)
}

#[async_trait]
impl Opener for RedisOpener {
    fn backend(&self) -> &'static str {
        env!("CARGO_PKG_NAME")
    }

    fn accepts(&self, target: &Target) -> bool {
        matches!(target, Target::Redis(_))
    }

    async fn open(&self, target: &Target, clock: Arc<dyn Clock>) -> Result<Backend> {
        let config = config(target)?;
        let store = Arc::new(RedisStore::open(&config, clock).await?);
        Ok(Backend::of(config.name(), &store))
    }

    /// Redis needs no schema: makes nothing, and says whether the server can be used.
    async fn create(&self, target: &Target, clock: Arc<dyn Clock>) -> Result<Backend> {
        let config = RedisConfig { abort_connect: true, ..config(target)? };
        let store = Arc::new(RedisStore::open(&config, clock).await?);
        Ok(Backend::of(config.name(), &store))
    }

    async fn documents(&self, target: &Target, list: &str) -> Result<Arc<dyn Documents>> {
        let store = RedisStore::open(&config(target)?, Arc::new(SystemClock)).await?;
        Ok(Arc::new(List { store, name: list.to_owned() }))
    }
}

fn config(target: &Target) -> Result<RedisConfig> {
    let Target::Redis(RedisTarget { connection, instance_name }) = target else {
        return Err(error::config(format!("absentia-redis cannot open {}", target.engine())));
    };
    let config = RedisConfig { instance_name: instance_name.clone(), ..RedisConfig::parse(connection.expose())? };
    config.check()
}
