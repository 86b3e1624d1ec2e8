use std::sync::Arc;

use absentia_store::{Backend, Clock, Opener, Result, SqliteTarget, Target};
use async_trait::async_trait;

use crate::{SqliteConfig, SqliteStore};

/// Opens SQLite targets of connection strings.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteOpener;

/// The opener to register with the settings of an app.
pub fn opener() -> Box<dyn Opener> {
    Box::new(SqliteOpener)
}

#[async_trait]
impl Opener for SqliteOpener {
    fn backend(&self) -> &'static str {
        env!("CARGO_PKG_NAME")
    }

    fn accepts(&self, target: &Target) -> bool {
        matches!(target, Target::Sqlite(_))
    }

    async fn open(&self, target: &Target, clock: Arc<dyn Clock>) -> Result<Backend> {
        let config = config(target)?;
        let store = Arc::new(SqliteStore::open(&config, clock).await?);
        Ok(Backend::of(name(&config), &store))
    }

    async fn create(&self, target: &Target, clock: Arc<dyn Clock>) -> Result<Backend> {
        let config = config(target)?;
        let store = Arc::new(SqliteStore::create(&config, clock).await?);
        Ok(Backend::of(name(&config), &store))
    }
}

fn name(config: &SqliteConfig) -> String {
    format!("sqlite {}", config.path.display())
}

fn config(target: &Target) -> Result<SqliteConfig> {
    let Target::Sqlite(SqliteTarget { path, busy_timeout, .. }) = target else {
        let message = format!("absentia-sqlite cannot open {}", target.engine());
        return Err(absentia_store::Error::new(absentia_store::ErrorKind::Config, message));
    };
    let mut config = SqliteConfig::new(path);
    config.busy_timeout = busy_timeout.unwrap_or(config.busy_timeout);
    Ok(config)
}
