//! How entries are named, protected and kept: our way, or Microsoft.Identity.Web's.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use absentia_core::Error;
use async_trait::async_trait;
use zeroize::Zeroizing;

/// How entries are named. Within them the JSON is the same, so entries can be moved from one to the other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Layout {
    /// Ours: each key begins with the client id, long-running keys are hashed, an app has one entry for each resource.
    #[default]
    Native,
    /// Microsoft.Identity.Web's: keys are what MSAL.NET suggests, an entry may hold the tokens of several apps.
    DotNet,
}

/// How the entries of the [`DotNet`](Layout::DotNet) layout are protected. There is no default: what .NET does must be known.
#[derive(Clone)]
pub struct DotNetProtection(pub(crate) Protected);

#[derive(Clone)]
pub(crate) enum Protected {
    Plain,
    DataProtection { protector: Arc<dyn DataProtector>, plain_until: Option<SystemTime> },
}

impl DotNetProtection {
    /// Entries are plain text, as without `MsalDistributedTokenCacheAdapterOptions.Encrypt`: whoever reads the store can act as
    /// every user in it.
    pub fn plain() -> Self {
        Self(Protected::Plain)
    }

    /// Entries are protected by ASP.NET Core Data Protection, as with `Encrypt = true`. Plain text is refused.
    pub fn data_protection(protector: Arc<dyn DataProtector>) -> Self {
        Self(Protected::DataProtection { protector, plain_until: None })
    }

    /// Accepts plain entries until `date`: for a cache whose protection was switched on with users in it. What is written is
    /// protected at once. Whoever can write to the store until then can put tokens of his own into it.
    #[must_use]
    pub fn accept_plain_until(mut self, date: SystemTime) -> Self {
        if let Protected::DataProtection { plain_until, .. } = &mut self.0 {
            *plain_until = Some(date);
        }
        self
    }
}

impl std::fmt::Debug for DotNetProtection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Protected::Plain => "plain",
            Protected::DataProtection { .. } => "data protection",
        })
    }
}

/// ASP.NET Core Data Protection, as far as a cache needs it: `IDataProtector` for one purpose, `msal_cache`.
#[async_trait]
pub trait DataProtector: Send + Sync + 'static {
    /// Protects an entry at `now`.
    ///
    /// # Errors
    /// `Config` when the ring has no key to protect with.
    fn protect(&self, plain: &[u8], now: SystemTime) -> Result<Vec<u8>, Error>;

    /// Opens an entry.
    ///
    /// # Errors
    /// Why it does not open.
    fn unprotect(&self, protected: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unprotected>;

    /// Reads the ring again: another process may have added a key. Cancel safe.
    ///
    /// # Errors
    /// When it cannot be read; the keys that are known stay.
    async fn reload(&self) -> Result<(), Error>;
}

/// Why a protected entry does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unprotected {
    /// Not protected at all: it does not begin as protected bytes do.
    NotProtected,
    /// By a key the ring does not have.
    UnknownKey,
    /// Damaged, protected for another purpose or application, or by a revoked key.
    Damaged,
}

/// How long entries of the [`DotNet`](Layout::DotNet) layout are kept: .NET's `DistributedCacheEntryOptions`. Nothing set means what
/// it means there: an entry with a refresh token stays until somebody removes it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DotNetExpiry {
    /// `SlidingExpiration`: how long an entry stays without being read. Unset, a window that is stored stays.
    pub sliding: Option<Duration>,
    /// `AbsoluteExpirationRelativeToNow`: how long an entry stays after it was written. It wins over the end of its last token,
    /// as in .NET.
    pub relative: Option<Duration>,
}
