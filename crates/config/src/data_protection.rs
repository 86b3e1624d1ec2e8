//! The key ring of ASP.NET Core, as a cache uses it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use absentia::{DataProtector, Error, Secret, Unprotected};
use absentia_cache::{OsRandom, Random as _};
use absentia_data_protection::{Certificate, KeyRing, Problem, Protector, Unopened};
use absentia_store::{Documents, Opener, Target};
use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{client, opener::pick, token_cache::DataProtectionSettings};

/// The purpose Microsoft.Identity.Web gives to its protector.
const PURPOSE: &str = "msal_cache";

/// Where the documents of a ring are.
#[derive(Clone)]
pub(crate) enum Source {
    Folder(PathBuf),
    List(Arc<dyn Documents>, String),
}

/// The protector of a ring that other processes add keys to.
pub(crate) struct RingProtector {
    protector: RwLock<Arc<Protector>>,
    source: Source,
    certificates: Vec<Certificate>,
}

impl RingProtector {
    pub(crate) async fn open(
        settings: &DataProtectionSettings,
        openers: &[Box<dyn Opener>],
        tokens: &Target,
    ) -> Result<Self, Error> {
        let source = Source::of(settings, openers, tokens).await?;
        let certificates = certificates(settings)?;
        let ring = source.read(&certificates).await?;
        let name = settings.application_name.as_deref().unwrap_or_default();
        let protector = RwLock::new(Arc::new(Protector::new(ring, name, &[PURPOSE])?));
        Ok(Self { protector, source, certificates })
    }

    fn protector(&self) -> Arc<Protector> {
        self.protector.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Source {
    pub(crate) async fn of(
        settings: &DataProtectionSettings,
        openers: &[Box<dyn Opener>],
        tokens: &Target,
    ) -> Result<Self, Error> {
        match (&settings.key_folder, &settings.redis_key) {
            (Some(folder), _) => Ok(Self::Folder(folder.clone())),
            (None, Some(list)) => {
                let opener = pick(openers, tokens).map_err(client::config)?;
                Ok(Self::List(opener.documents(tokens, list).await.map_err(client::store)?, list.clone()))
            }
            (None, None) => Err(Error::config("No key ring of Data Protection is named")
                .advise("Set DataProtection:KeyFolder or DataProtection:RedisKey")),
        }
    }

    /// The ring, after a warning for each part that is skipped.
    async fn read(&self, certificates: &[Certificate]) -> Result<KeyRing, Error> {
        let ring = self.ring(certificates).await?;
        for problem in ring.problems() {
            let Problem { source, reason } = problem;
            tracing::warn!(source, reason, "a part of the Data Protection key ring is skipped");
        }
        Ok(ring)
    }

    pub(crate) async fn ring(&self, certificates: &[Certificate]) -> Result<KeyRing, Error> {
        match self {
            Self::Folder(folder) => KeyRing::from_folder(folder, certificates),
            Self::List(documents, list) => {
                let named = documents.read().await.map_err(client::store)?.into_iter().enumerate();
                let named = named.map(|(number, document)| (format!("{list}, item {}", number + 1), document.to_vec()));
                KeyRing::from_documents(named, certificates)
            }
        }
    }
}

pub(crate) fn certificates(settings: &DataProtectionSettings) -> Result<Vec<Certificate>, Error> {
    let Some(file) = &settings.certificate else { return Ok(Vec::new()) };
    let bytes = Zeroizing::new(read(file)?);
    let certificate = match std::str::from_utf8(&bytes) {
        Ok(pem) if pem.contains("-----BEGIN") => Certificate::from_pem(&Secret::new(pem)),
        _ => {
            let none = Secret::new("");
            Certificate::from_pfx(&bytes, settings.certificate_password.as_ref().unwrap_or(&none))
        }
    };
    certificate
        .map(|certificate| vec![certificate])
        .map_err(|error| Error::config(format!("DataProtection:Certificate, {}: {error}", file.display())))
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    /// A certificate with its chain and key; more is something else.
    const LIMIT: u64 = 1024 * 1024;
    let named = |cause: std::io::Error| {
        Error::config(format!("DataProtection:Certificate, {}, cannot be read: {cause}", file.display()))
    };
    let size = std::fs::metadata(file).map_err(named)?.len();
    if size > LIMIT {
        return Err(Error::config(format!(
            "DataProtection:Certificate, {}, is no certificate: it has {size} bytes",
            file.display()
        )));
    }
    std::fs::read(file).map_err(named)
}

#[async_trait]
impl DataProtector for RingProtector {
    fn protect(&self, plain: &[u8], now: SystemTime) -> Result<Vec<u8>, Error> {
        self.protector().protect(plain, now, &|bytes| OsRandom.fill(bytes))
    }

    fn unprotect(&self, protected: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unprotected> {
        self.protector().unprotect(protected).map_err(|error| match error {
            Unopened::NotAPayload => Unprotected::NotProtected,
            // A key whose secret cannot be read here is one .NET may have.
            Unopened::UnknownKey(_) | Unopened::Unusable(_) => Unprotected::UnknownKey,
            Unopened::Revoked(_) | Unopened::Tampered => Unprotected::Damaged,
        })
    }

    async fn reload(&self) -> Result<(), Error> {
        let ring = self.source.read(&self.certificates).await?;
        let mut protector = self.protector.write().unwrap_or_else(PoisonError::into_inner);
        *protector = Arc::new(protector.with_ring(ring));
        Ok(())
    }
}
