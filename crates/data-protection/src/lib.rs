//! ASP.NET Core Data Protection: what `IDataProtector.Protect` of .NET made opens here, and the other way round.
//!
//! A [`KeyRing`] is the XML .NET keeps in a folder or in a Redis list. A [`Protector`] is `CreateProtector(..)` over it,
//! for one application name and one chain of purposes; the token cache of Microsoft.Identity.Web uses `msal_cache`.
//! A ring of somebody else's is read and never rewritten: [`create_key`] only adds a file.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let now = std::time::SystemTime::UNIX_EPOCH;
//! # let random = |_: &mut [u8]| Ok(());
//! use absentia_data_protection::{KeyRing, Protector};
//!
//! let ring = KeyRing::from_folder("/var/lib/keys".as_ref(), &[])?;
//! let protector = Protector::new(ring, "my-app", &["msal_cache"])?; // what .NET gives to SetApplicationName
//! let payload = protector.protect(b"{}", now, &random)?;
//! assert_eq!(&protector.unprotect(&payload)?[..], b"{}");
//! # Ok(())
//! # }
//! ```
//!
//! Formats: `authenticated-encryption-details`, `subkeyderivation`, `context-headers` and `key-storage-format` of the
//! ASP.NET Core documentation. Time and randomness are passed in. Nothing here waits, and nothing is logged: what a
//! reader of the ring should know is in [`KeyRing::problems`].

mod algorithm;
mod certificate;
mod choice;
mod create;
mod dates;
mod der;
mod descriptor;
mod document;
mod encrypted_xml;
mod encryptor;
mod kdf;
mod key;
mod pfx;
mod protector;
mod ring;

pub use algorithm::{Algorithm, Hash, KeySize};
pub use certificate::Certificate;
pub use create::{KeyDocument, NewKey, create_key};
pub use key::{Key, Protection};
pub use protector::{Protector, Unopened};
pub use ring::{KeyRing, Problem};

/// Fills a buffer with random bytes, or says that there are none. The caller's generator; the fixed vectors of the tests.
pub type Random<'a> = &'a dyn Fn(&mut [u8]) -> Result<(), absentia_core::Error>;
