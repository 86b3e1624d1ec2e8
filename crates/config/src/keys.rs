//! The rings of the settings, for `absentia keys`.

use std::{fmt, path::PathBuf, time::SystemTime};

use absentia::{Error, KeyRing, Layout};
use absentia_cache::{OsRandom, Random as _};
use absentia_data_protection::{Certificate, KeyDocument, NewKey};
use absentia_store::Opener;
use bytes::Bytes;

use crate::{
    Settings,
    client::config,
    data_protection::{Source, certificates},
};

/// The key ring of ASP.NET Core Data Protection that protects the entries. Keys are added to it, and nothing in it is ever
/// changed.
pub struct DotNetKeys {
    source: Source,
    certificates: Vec<Certificate>,
    ring: absentia_data_protection::KeyRing,
}

impl Settings {
    /// Our own ring and its file, read: it seals the entries or, in .NET's layout, what a web app seals. `None` where .NET's layout
    /// goes without one.
    ///
    /// # Errors
    /// As [`KeyRing::load`]; `Config` when no file is named although the layout needs one.
    pub fn key_ring(&self) -> Result<Option<(PathBuf, KeyRing)>, Error> {
        let plan = self.store_plan().map_err(config)?;
        let Some(file) = self.ring_file(&plan)? else { return Ok(None) };
        let ring = KeyRing::load(&file)?;
        Ok(Some((file, ring)))
    }

    /// .NET's ring, read. `None` when it protects nothing: in our own layout, and where `TokenCache:Encrypt` is false.
    ///
    /// # Errors
    /// `Config` when it or its certificate cannot be read, or something in it may be a damaged revocation; `Unavailable` when the
    /// store did not answer.
    pub async fn dotnet_keys(&self, openers: &[Box<dyn Opener>]) -> Result<Option<DotNetKeys>, Error> {
        if self.token_cache.layout != Layout::DotNet || self.token_cache.encrypt != Some(true) {
            return Ok(None);
        }
        let plan = self.store_plan().map_err(config)?;
        let source = Source::of(&self.data_protection, openers, &plan.tokens).await?;
        let certificates = certificates(&self.data_protection)?;
        let ring = source.ring(&certificates).await?;
        Ok(Some(DotNetKeys { source, certificates, ring }))
    }
}

impl DotNetKeys {
    /// What is in it.
    pub fn ring(&self) -> &absentia_data_protection::KeyRing {
        &self.ring
    }

    /// Where it is: the folder, or the list in Redis.
    pub fn place(&self) -> String {
        match &self.source {
            Source::Folder(folder) => folder.display().to_string(),
            Source::List(_, list) => format!("the Redis list {list}"),
        }
    }

    /// Adds a key and gives the ring with it, read again: a file more in the folder, or one more item at the end of the list. With
    /// the settings' certificate its secret is encrypted to it.
    ///
    /// # Errors
    /// `Config` when the ring's keys are under something this key could not be under, its dates are none, or its file cannot be written;
    /// `Unavailable` when the store did not answer.
    pub async fn create(self, new: NewKey, now: SystemTime) -> Result<(String, Self), Error> {
        let certificate = self.certificates.first();
        let key = KeyDocument::new(&self.ring, new, certificate, now, &|bytes| OsRandom.fill(bytes))?;
        match &self.source {
            Source::Folder(folder) => key.write(folder)?,
            Source::List(documents, _) => {
                let document = Bytes::copy_from_slice(key.xml().as_bytes());
                documents.append(document).await.map_err(crate::client::store)?;
            }
        }
        let id = key.id().to_string();
        let ring = self.source.ring(&self.certificates).await?;
        Ok((id, Self { ring, ..self }))
    }
}

impl fmt::Debug for DotNetKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DotNetKeys").field("place", &self.place()).field("ring", &self.ring).finish_non_exhaustive()
    }
}
