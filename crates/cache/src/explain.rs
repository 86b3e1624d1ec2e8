//! Why the next answer for a user is a hit, a refresh or a miss: from what is stored alone.

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia_core::{AccountId, Authority, Error, Scopes};
use absentia_store::{Account, GrantKind, GrantState};

use crate::{
    cache::{TokenCache, UnknownKey, unix},
    fresh::Freshness,
    identity::{Identity, LongRunningKey, Subject},
    partition::{Partition, Section, is_plain_bearer},
    record::Entity,
};

/// What a call for a token of a grant gets next, in a process that has nothing of it in memory, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Which grant.
    pub kind: GrantKind,
    /// What `token` gets.
    pub answer: Answer,
    /// Why, from the access token to the refresh token; the last one decides.
    pub why: Vec<Reason>,
    /// Why no worker acts for the user through this grant. `None` when one does.
    pub absence: Option<Reason>,
}

/// What becomes of a call for a token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Answer {
    /// The stored access token is served.
    Hit,
    /// The stored refresh token is redeemed at Entra. A process that acts in the user's absence does not when she is
    /// [blocked](Reason::Blocked).
    Refresh,
    /// Nothing stored helps: the user must sign in.
    Miss,
}

impl Answer {
    /// The word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Refresh => "refresh",
            Self::Miss => "miss",
        }
    }
}

/// Why an answer is what it is. The list is closed: each has a test.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reason {
    /// No row says that this grant can act: no worker knows it.
    NoRow,
    /// The user signed out.
    SignedOut {
        /// When.
        at: SystemTime,
    },
    /// An operator blocked the account.
    Blocked {
        /// When.
        at: SystemTime,
    },
    /// A worker found out that the user must sign in.
    NeedsSignIn {
        /// `AADSTS50173`, `entry_missing` and the like.
        reason: String,
        /// Since when.
        since: SystemTime,
    },
    /// There is a row, but no entry: somebody deleted it, or it expired.
    EntryMissing,
    /// The entry is protected by a key that is not in the ring.
    EntryLocked,
    /// The entry does not open, or is no token cache.
    EntryDamaged,
    /// The entry holds tokens, but none that names its key.
    EntryOfAnother,
    /// The access token is served without a thought.
    TokenFresh {
        /// From here on it is refreshed ahead.
        due: SystemTime,
        /// Until here it is served.
        until: SystemTime,
    },
    /// The access token is served, and refreshed ahead in the background.
    TokenDue {
        /// Since when it is due.
        since: SystemTime,
        /// Until here it is served.
        until: SystemTime,
    },
    /// The entry ends before its token would, because the store was told so when it was written.
    EntryEndsFirst {
        /// When.
        at: SystemTime,
    },
    /// The access token is too near its end, or past it.
    TokenPastUse {
        /// Since when it is not served: five minutes before its end.
        since: SystemTime,
        /// Its end.
        ends: SystemTime,
    },
    /// The access token was cached at a time that has not come: somebody's clock is wrong.
    TokenFromFuture {
        /// When it says it was cached.
        cached_at: SystemTime,
    },
    /// No access token grants the scopes.
    NoTokenForScope {
        /// What those that are there grant, each as words separated by blanks.
        granted: Vec<String>,
    },
    /// An access token would grant the scopes, but is another app's.
    TokenOfAnotherClient {
        /// Whose.
        client_id: String,
    },
    /// An access token would grant the scopes, but is of another cloud.
    TokenOfAnotherCloud {
        /// Its `environment`.
        environment: String,
    },
    /// An access token would grant the scopes, but is for another tenant.
    TokenOfAnotherTenant {
        /// Its `realm`.
        tenant: String,
    },
    /// An access token would grant the scopes, but names another user or process than the entry's key.
    TokenOfAnotherKey,
    /// An access token would grant the scopes, but is no plain Bearer token: it is bound to a key or to more than its scopes.
    TokenBound,
    /// There is no refresh token.
    NoRefreshToken,
    /// The refresh token is of another app, cloud, user or process.
    RefreshTokenOfAnother {
        /// Its client id.
        client_id: String,
        /// Its `environment`.
        environment: String,
    },
}

impl Reason {
    /// Its name, for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoRow => "no-row",
            Self::SignedOut { .. } => "signed-out",
            Self::Blocked { .. } => "blocked",
            Self::NeedsSignIn { .. } => "needs-sign-in",
            Self::EntryMissing => "entry-missing",
            Self::EntryLocked => "entry-locked",
            Self::EntryDamaged => "entry-damaged",
            Self::EntryOfAnother => "entry-of-another",
            Self::TokenFresh { .. } => "token-fresh",
            Self::TokenDue { .. } => "token-due",
            Self::EntryEndsFirst { .. } => "entry-ends-first",
            Self::TokenPastUse { .. } => "token-past-use",
            Self::TokenFromFuture { .. } => "token-from-future",
            Self::NoTokenForScope { .. } => "no-token-for-scope",
            Self::TokenOfAnotherClient { .. } => "token-of-another-client",
            Self::TokenOfAnotherCloud { .. } => "token-of-another-cloud",
            Self::TokenOfAnotherTenant { .. } => "token-of-another-tenant",
            Self::TokenOfAnotherKey => "token-of-another-key",
            Self::TokenBound => "token-bound",
            Self::NoRefreshToken => "no-refresh-token",
            Self::RefreshTokenOfAnother { .. } => "refresh-token-of-another",
        }
    }
}

/// What the store has for a key.
enum Stored {
    Absent,
    Locked,
    Damaged,
    Found { partition: Partition, ends: Option<SystemTime> },
}

impl TokenCache {
    /// Why a call for `scopes` of this user would be a hit, a refresh or a miss: for each of her grants that can act, in the
    /// order in which a worker tries them; of her own sign-in when there is none. Entra is not asked and nothing is written,
    /// but to read an entry counts as a use of it: a sliding expiry moves. Holds no secret. Cancel safe.
    ///
    /// # Errors
    /// When a store did not answer; `Config` when a row names no key of a long-running process.
    pub async fn explain(
        &self,
        client_id: &str,
        authority: &Authority,
        user: &AccountId,
        scopes: impl Into<Scopes<'_>>,
    ) -> Result<Vec<Explanation>, Error> {
        let scopes = scopes.into();
        let row = match &self.0.backend.accounts {
            Some(accounts) => {
                accounts.account(client_id, user.as_str()).await.map_err(|error| self.store_error(error))?
            }
            None => None,
        };
        let mut subjects = Vec::new();
        let mut grants: Vec<_> = row.iter().flat_map(Account::acting_grants).collect();
        grants.sort_by_key(|grant| (grant.kind != GrantKind::Account, Reverse(grant.last_activity)));
        for grant in grants {
            subjects.push(match grant.kind {
                GrantKind::LongRunning => Subject::LongRunning(LongRunningKey::of_entry(&grant.key, self.layout())?),
                GrantKind::Account | GrantKind::Assertion => Subject::Account(user.clone()),
            });
        }
        if subjects.is_empty() {
            subjects.push(Subject::Account(user.clone()));
        }
        let mut explained = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let identity =
                Identity { client_id: client_id.into(), authority: authority.clone(), subject, layout: self.layout() };
            let stored = self.stored(&identity).await?;
            explained.push(Explanation::of(&identity, row.as_ref(), &stored, scopes, self.0.clock.now()));
        }
        Ok(explained)
    }

    /// As [`load`](Self::load), but it tells a key that is not here from damage in either layout, and counts nothing.
    async fn stored(&self, identity: &Identity) -> Result<Stored, Error> {
        let key = identity.key();
        let entry = self.0.backend.entries.get(&key).await.map_err(|error| self.store_error(error))?;
        let Some(entry) = entry else { return Ok(Stored::Absent) };
        let mut opened = self.decode(&key, &entry.value);
        if matches!(opened, Err(UnknownKey)) && self.reload_ring().await {
            opened = self.decode(&key, &entry.value);
        }
        Ok(match opened {
            Err(UnknownKey) => Stored::Locked,
            Ok(None) => Stored::Damaged,
            Ok(Some(partition)) => Stored::Found { partition, ends: entry.expiry.absolute },
        })
    }
}

impl Explanation {
    fn of(identity: &Identity, row: Option<&Account>, stored: &Stored, scopes: Scopes<'_>, now: SystemTime) -> Self {
        let (answer, why) = match stored {
            Stored::Absent => (Answer::Miss, vec![missing(row)]),
            Stored::Locked => (Answer::Miss, vec![Reason::EntryLocked]),
            Stored::Damaged => (Answer::Miss, vec![Reason::EntryDamaged]),
            Stored::Found { partition, .. } if !partition.names_key(identity) => {
                (Answer::Miss, vec![Reason::EntryOfAnother])
            }
            Stored::Found { partition, ends } => found(identity, partition, *ends, scopes, unix(now)),
        };
        let kind = identity.subject.grant_kind().unwrap_or(GrantKind::Account);
        Self { kind, answer, why, absence: absence(identity, row) }
    }
}

fn missing(row: Option<&Account>) -> Reason {
    match row {
        None => Reason::NoRow,
        Some(Account { revoked_at: Some(at), .. }) => Reason::SignedOut { at: *at },
        Some(_) => Reason::EntryMissing,
    }
}

fn absence(identity: &Identity, row: Option<&Account>) -> Option<Reason> {
    let Some(row) = row else { return Some(Reason::NoRow) };
    if let Some(at) = row.blocked_at {
        return Some(Reason::Blocked { at });
    }
    if let Some(at) = row.revoked_at {
        return Some(Reason::SignedOut { at });
    }
    let key = identity.key();
    match row.grants.iter().find(|grant| grant.key == key).map(|grant| &grant.state) {
        None => Some(Reason::NoRow),
        Some(GrantState::Healthy) => None,
        Some(GrantState::NeedsSignIn { reason, since, .. }) => {
            Some(Reason::NeedsSignIn { reason: reason.clone(), since: *since })
        }
    }
}

/// The order of a flight: the access token that grants the scopes, else the refresh token.
fn found(
    identity: &Identity,
    partition: &Partition,
    entry_ends: Option<SystemTime>,
    scopes: Scopes<'_>,
    now: u64,
) -> (Answer, Vec<Reason>) {
    let mut why = Vec::with_capacity(2);
    match partition.access_token(identity, scopes) {
        Some(token) => {
            let lines = Freshness::of(token, 0);
            let (due, until) = (time(lines.refresh_due), time(lines.usable));
            if lines.is_usable(now) {
                why.push(match lines.is_fresh(now) {
                    true => Reason::TokenFresh { due, until },
                    false => Reason::TokenDue { since: due, until },
                });
                why.extend(entry_ends.filter(|at| *at < until).map(|at| Reason::EntryEndsFirst { at }));
                return (Answer::Hit, why);
            }
            why.push(if now < lines.not_before {
                Reason::TokenFromFuture { cached_at: time(token.seconds("cached_at")) }
            } else {
                Reason::TokenPastUse { since: until, ends: time(token.seconds("expires_on")) }
            });
        }
        None => why.push(no_token(identity, partition, scopes)),
    }
    if partition.refresh_token(identity).is_some() {
        return (Answer::Refresh, why);
    }
    why.push(match partition.section(Section::RefreshToken).first() {
        Some(other) => Reason::RefreshTokenOfAnother {
            client_id: other.text("client_id").to_owned(),
            environment: other.text("environment").to_owned(),
        },
        None => Reason::NoRefreshToken,
    });
    (Answer::Miss, why)
}

/// Why none of the access tokens is one for the scopes.
fn no_token(identity: &Identity, partition: &Partition, scopes: Scopes<'_>) -> Reason {
    let tokens = partition.section(Section::AccessToken).iter();
    let granting = tokens.filter(|token| scopes.are_granted_by(token.text("target")));
    granting.map(|token| not_ours(identity, token)).next().unwrap_or_else(|| {
        let granted = partition.usable_access_tokens(identity).map(|token| token.text("target").to_owned());
        Reason::NoTokenForScope { granted: granted.collect() }
    })
}

/// Why a token that grants the scopes is not used.
fn not_ours(identity: &Identity, token: &Entity) -> Reason {
    let text = |name| token.text(name).to_owned();
    if !token.text("client_id").eq_ignore_ascii_case(&identity.client_id) {
        Reason::TokenOfAnotherClient { client_id: text("client_id") }
    } else if !identity.is_ours(token) {
        Reason::TokenOfAnotherCloud { environment: text("environment") }
    } else if !identity.is_named_by(token) {
        Reason::TokenOfAnotherKey
    } else if !is_plain_bearer(token) {
        Reason::TokenBound
    } else {
        Reason::TokenOfAnotherTenant { tenant: text("realm") }
    }
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests;
