//! The two-level token cache of absentia.
//!
//! Level 1 is memory: access tokens by subject, bounded in bytes. Level 2 is a [`Store`](absentia_store::Store): one sealed
//! entry per subject, in MSAL's unified cache JSON. [`TokenCache`] joins them; it never asks Entra for anything and decides
//! nothing about who may have which token: that is the client's business, in the `absentia` crate.

mod adopt;
mod cache;
mod commit;
mod counters;
mod events;
mod explain;
mod failure;
mod fresh;
mod identity;
mod key_file;
mod key_info;
mod key_ring;
mod keys;
mod layout;
mod memory;
mod merge;
mod partition;
mod random;
mod record;
mod remove;
mod retire;
mod seal;
mod upkeep;

pub use adopt::Adopted;
pub use cache::{Builder, Loaded, Peeked, TokenCache};
pub use commit::{Base, Committed};
pub use counters::{Counter, Counters};
pub use events::{Event, Events, Heard};
pub use explain::{Answer, Explanation, Reason};
pub use failure::{StoreFailure, Then};
pub use fresh::Freshness;
pub use identity::{Identity, LongRunningKey, Subject};
pub use key_info::{Kept, KeyId, KeyInfo, KeyState, Rotated};
pub use key_ring::KeyRing;
pub use layout::{DataProtector, DotNetExpiry, DotNetProtection, Layout, Unprotected};
pub use memory::{Cached, Slot, TokenInner, View};
pub use merge::{Change, ChangeKind, Merged, merge};
pub use partition::{Partition, Section};
pub use random::{OsRandom, Random, SequentialRandom};
pub use record::{Entity, SIGN_IN};
pub use retire::Retired;
pub use seal::NotOpened;
