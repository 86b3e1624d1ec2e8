use absentia_store::{Documents, Error, ErrorKind, Result};
use async_trait::async_trait;
use bytes::Bytes;

use crate::{RedisStore, scripts};

/// How many documents a list may have, and the bytes of one: a key of ASP.NET Core has about 1 KB, some more under a
/// certificate.
const DOCUMENTS: usize = 1_024;
const DOCUMENT: usize = 64 * 1024;

/// A list under its own name, as `PersistKeysToStackExchangeRedis` keeps it: without the instance name.
pub(crate) struct List {
    pub(crate) store: RedisStore,
    pub(crate) name: String,
}

#[async_trait]
impl Documents for List {
    async fn read(&self) -> Result<Vec<Bytes>> {
        let mut range = redis::cmd("LRANGE");
        range.arg(&self.name).arg(0).arg(DOCUMENTS); // one more than there may be
        let found: Vec<Bytes> = self.store.0.link.command("read the list of keys", &range).await?;
        if found.len() > DOCUMENTS || found.iter().any(|document| document.len() > DOCUMENT) {
            let message = format!("the list {} holds something else than keys: it is too large", self.name);
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(found)
    }

    async fn append(&self, document: Bytes) -> Result<()> {
        let mut append = scripts::APPEND.key(&self.name);
        append.arg(&document[..]);
        self.store.0.link.script::<i64>("add to the list of keys", &append).await.map(drop)
    }
}
