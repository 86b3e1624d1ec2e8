//! What several processes did to a store, and whether it can have happened: a checker of histories.
//!
//! * Each partition is linearizable as a register with conditional writes: the calls have an order that agrees with time
//!   and in which each answer is true. So each version replaces exactly the one it names.
//! * Nothing is lost: a commit keeps what others put there, and what is read is what was written.
//! * Nothing is resurrected: what a read finds after a sign-out was brought by a sign-in that began later, or by one still
//!   under way; and what began from nothing holds nothing of before.

mod content;
mod linear;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use serde::{Deserialize, Serialize};

/// One thing that was done to a partition.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Event {
    /// The user whose partition it is.
    pub user: String,
    /// Not before this it took effect, in nanoseconds of a clock that all processes share.
    pub began: u64,
    /// Not after this.
    pub ended: u64,
    /// What was done.
    pub act: Act,
}

/// What was done, and what came of it. Versions are hexadecimal.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Act {
    /// A read of the store, and what it found.
    Get(Option<(String, Content)>),
    /// A conditional write.
    Put {
        /// The version it replaces; `None` when there must be none.
        over: Option<String>,
        /// What it writes.
        content: Content,
        /// The version it became; `None` for a conflict.
        done: Option<String>,
    },
    /// A removal.
    Remove {
        /// The version that must be there; `None` for a sign-out, which removes any.
        only: Option<String>,
        /// What became of it.
        did: Did,
    },
    /// A sign-in, from when the account's generation was read to its acknowledgement, whatever that was.
    SignIn(String),
    /// A sign-out, from its first call to its acknowledgement.
    SignOut,
}

/// What a removal did.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Did {
    /// There was nothing.
    Nothing,
    /// Another version was there.
    Conflict,
    /// Removed.
    Removed,
}

/// What a partition holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Content {
    /// The sign-in that its refresh token comes from.
    pub sign_in: String,
    /// The number that each committer's token carries.
    pub numbers: BTreeMap<String, u64>,
}

/// What cannot have happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Violation {
    /// There is no order of the calls in which this one's answer is true.
    NotLinearizable(String),
    /// One version was written twice, or was read as something else than was written.
    VersionReused(String),
    /// A commit dropped or changed what another had put there.
    Lost(String),
    /// What a sign-out had ended was there again.
    Resurrected(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLinearizable(what) => write!(f, "not linearizable: {what}"),
            Self::VersionReused(what) => write!(f, "one version, two contents: {what}"),
            Self::Lost(what) => write!(f, "lost: {what}"),
            Self::Resurrected(what) => write!(f, "resurrected: {what}"),
        }
    }
}

/// The first violation of each law in each partition; none for a history that can have happened. Partitions must be empty
/// before it begins.
pub fn check(events: &[Event]) -> Vec<Violation> {
    let mut partitions: HashMap<&str, Vec<&Event>> = HashMap::new();
    for event in events {
        partitions.entry(&event.user).or_default().push(event);
    }
    let mut users: Vec<_> = partitions.into_iter().collect();
    users.sort_unstable_by_key(|(user, _)| *user);
    let laws = [linear::check, content::versions, content::commits, content::sign_outs];
    users.iter().flat_map(|(_, events)| laws.iter().filter_map(|law| law(events).err())).collect()
}

#[cfg(test)]
mod tests;
