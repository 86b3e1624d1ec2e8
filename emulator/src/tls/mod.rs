//! TLS: a certificate authority of the emulator's own, and the certificates it makes for loopback names.

mod authority;
mod certificate;
mod folder;
mod listener;

pub use authority::TlsError;
pub(crate) use authority::{Authority, NAMES};
pub(crate) use certificate::public_key_hash;
pub(crate) use folder::{default_folder, in_folder, keep_server, named as certificate_in};
pub(crate) use listener::{Renewing, TlsListener};
