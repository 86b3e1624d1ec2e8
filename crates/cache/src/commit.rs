//! Writing: rows first, then the partition, conditionally.

use std::time::{Duration, UNIX_EPOCH};

use absentia_core::Error;
use absentia_store::{Activity, Expiry, Key, Recorded, Removal, Removed, Version, When, Written};

use crate::{
    cache::{Loaded, Protection, TokenCache},
    counters::Counter,
    identity::Identity,
    merge::{Change, ChangeKind, Merged, merge},
    partition::{Partition, Section},
    record::SIGN_IN,
};

/// Races lost in a row before a commit gives up.
pub(crate) const TRIES: usize = 32;

/// What a commit did.
#[derive(Debug)]
pub enum Committed {
    /// The grant it began from is gone: the user signed out.
    Gone,
    /// Another sign-in happened meanwhile: begin again from what is there.
    StartAgain,
    /// What is there may be another's to read: nothing was written.
    NotStored,
    /// Written.
    Stored {
        /// What is stored now.
        partition: Partition,
        /// Which writing.
        version: Version,
    },
}

/// What is known of the entry a commit changes.
#[derive(Debug)]
pub enum Base {
    /// There was none.
    Absent,
    /// It was this; with the window that slides its expiry, when one is set.
    Found(Partition, Version, Option<Duration>),
    /// It could not be read; only what needs nothing from it may replace it.
    Unreadable(Version),
    /// It could not be read, but .NET may be able to; only a sign-in or a start may replace it.
    Locked(Version),
}

impl From<Loaded> for Base {
    fn from(loaded: Loaded) -> Self {
        match loaded {
            Loaded::Absent => Self::Absent,
            Loaded::Found { partition, version, sliding } => Self::Found(partition, version, sliding),
            Loaded::Unreadable(version) => Self::Unreadable(version),
            Loaded::Locked(version) => Self::Locked(version),
        }
    }
}

impl TokenCache {
    /// Writes `change` into the partition of `identity`, which was `base`, and merges with whoever wrote meanwhile.
    ///
    /// `activity` is recorded before the partition is written, so that no entry lives without its row. When the account signed
    /// out (for a first write, where `sign_in` is set: since that generation was read), nothing stays written, no newer sign-in
    /// is replaced, and the answer is `Gone`.
    ///
    /// Cancel safe in the store's sense: dropped, it wrote whole entries or none.
    ///
    /// # Errors
    /// `Unavailable` when a store did not answer or too many races were lost; `Config` when the store's set-up is wrong.
    pub async fn commit(
        &self,
        identity: &Identity,
        base: Base,
        change: &Change,
        activity: Option<&Activity>,
    ) -> Result<Committed, Error> {
        if let Some(activity) = activity
            && self.record(activity).await? == Recorded::SignedOut
        {
            if let (None, Base::Found(_, version, _)) = (activity.sign_in, &base) {
                // What was loaded outlived a sign-out: its writer was killed before it could take it back, or the sign-out is
                // under way. A sign-out that comes later may have no row left to find it by.
                self.remove_unchanged(identity, version).await?;
            }
            return Ok(Committed::Gone);
        }
        let committed = self.write(identity, base, change, activity).await?;
        if matches!(committed, Committed::Stored { .. }) && self.signed_out_since(activity).await? {
            // She signed out between the row and the entry: the entry must not outlive that.
            self.take_back(identity, change).await?;
            return Ok(Committed::Gone);
        }
        Ok(committed)
    }

    /// Whether the account of a first write signed out since its generation was read. A later use has none.
    async fn signed_out_since(&self, activity: Option<&Activity>) -> Result<bool, Error> {
        let Some((activity, generation)) = activity.and_then(|activity| Some((activity, activity.sign_in?))) else {
            return Ok(false);
        };
        Ok(self.generation(&activity.client_id, &activity.account_id).await? != generation)
    }

    /// Removes the entry as long as it holds what `change` brought, also where others have added to it meanwhile: that
    /// came from the same ended grant. A newer sign-in stays.
    async fn take_back(&self, identity: &Identity, change: &Change) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Loaded::Found { partition, version, .. } = self.load(identity).await? else { return Ok(()) };
            if !holds(&partition, change, identity)
                || self.remove_unchanged(identity, &version).await? != Removed::Conflict
            {
                return Ok(());
            }
        }
        Err(Error::unavailable("The entry changed too often while it was removed").advise("Sign out again"))
    }

    async fn remove_unchanged(&self, identity: &Identity, version: &Version) -> Result<Removed, Error> {
        let key = identity.key();
        self.forget(&key);
        let removed = self.remove(&key, Removal::IfUnchanged(version.clone())).await;
        removed.map_err(|error| self.store_error(error))
    }

    /// The account's generation: 0 where no accounts are kept.
    ///
    /// # Errors
    /// When the store did not answer.
    pub async fn generation(&self, client_id: &str, account_id: &str) -> Result<u64, Error> {
        match &self.0.backend.accounts {
            Some(accounts) => accounts.generation(client_id, account_id).await.map_err(|error| self.store_error(error)),
            None => Ok(0),
        }
    }

    async fn record(&self, activity: &Activity) -> Result<Recorded, Error> {
        let Some(accounts) = &self.0.backend.accounts else { return Ok(Recorded::Done) };
        match accounts.record(activity).await {
            Ok(recorded) => Ok(recorded),
            // A later use only moves a time: its loss is counted. A first write without its row would be an entry that
            // sign-out cannot find.
            Err(error) if activity.sign_in.is_none() => {
                self.0.counters.count(Counter::ActivityFailed);
                tracing::warn!(%error, "the account's activity was not recorded");
                Ok(Recorded::Done)
            }
            Err(error) => Err(self.store_error(error)),
        }
    }

    async fn write(
        &self,
        identity: &Identity,
        base: Base,
        change: &Change,
        activity: Option<&Activity>,
    ) -> Result<Committed, Error> {
        let key = identity.key();
        let needs_base = change.kind == ChangeKind::Refresh && identity.needs_stored_grant();
        // `seen` is what the flight began from; `there` is what is stored as far as we know.
        let (seen, mut there) = match base {
            Base::Found(partition, version, sliding) => {
                (Some(partition.clone()), Base::Found(partition, version, sliding))
            }
            other => (None, other),
        };
        let mut reloaded = false;
        for _ in 0..TRIES {
            let (theirs, when, sliding) = match there {
                Base::Found(partition, version, sliding) => (partition, When::Unchanged(version), sliding),
                Base::Absent | Base::Unreadable(_) | Base::Locked(_) if needs_base => return Ok(Committed::Gone),
                Base::Locked(_) if change.kind == ChangeKind::Refresh => return Ok(Committed::NotStored),
                // Plain on-behalf-of: what was signed out meanwhile is not written again.
                Base::Absent if reloaded && seen.is_some() && !identity.is_app() => return Ok(Committed::Gone),
                Base::Absent => (Partition::default(), When::Absent, None),
                Base::Unreadable(version) | Base::Locked(version) => {
                    (Partition::default(), When::Unchanged(version), None)
                }
            };
            let base = if reloaded { seen.as_ref() } else { None };
            let merged = match merge(base, theirs, change, identity, self.now()) {
                Merged::Ready(partition) => partition,
                Merged::Gone => return Ok(Committed::Gone),
                Merged::StartAgain => return Ok(Committed::StartAgain),
            };
            let written = self.put(&key, &merged, when, sliding).await?;
            if let Written::Done(version) = written {
                return Ok(Committed::Stored { partition: merged, version });
            }
            self.0.counters.count(Counter::Conflict);
            there = self.load(identity).await?.into();
            reloaded = true;
            if self.signed_out_since(activity).await? {
                return Ok(Committed::Gone); // what is there may be of a newer sign-in, which this one must not replace
            }
        }
        Err(Error::unavailable("The entry changed too often while it was written").advise("Try again"))
    }

    pub(crate) async fn put(
        &self,
        key: &Key,
        partition: &Partition,
        when: When,
        sliding: Option<Duration>,
    ) -> Result<Written, Error> {
        let value = self.seal(key, partition)?;
        let expiry = self.expiry(partition, sliding);
        self.put_bytes(key, value, when, expiry).await.map_err(|error| self.store_error(error))
    }

    /// Partitions with a refresh token slide; others end with their last token. In .NET's layout what its options say;
    /// `stored` is the window the entry has.
    fn expiry(&self, partition: &Partition, stored: Option<Duration>) -> Expiry {
        // Never in the past: a store takes no such line, and a token of unknown life was not kept anyway.
        let last = || UNIX_EPOCH + Duration::from_secs(partition.last_expiry().max(self.now() + 1));
        let stays = partition.has_refresh_token();
        match &self.0.protection {
            Protection::DotNet { expiry, .. } => Expiry {
                sliding: expiry.sliding.or(stored),
                absolute: match expiry.relative {
                    Some(relative) => Some(self.0.clock.now() + relative),
                    None => (!stays).then(last),
                },
            },
            Protection::Plain | Protection::Sealed(_) if stays => {
                Expiry { sliding: Some(self.0.sliding), absolute: None }
            }
            Protection::Plain | Protection::Sealed(_) => Expiry { sliding: None, absolute: Some(last()) },
        }
    }
}

/// Whether a partition holds what a change brought: a refresh token of its sign-in, or where it brought none its access
/// token.
fn holds(partition: &Partition, change: &Change, identity: &Identity) -> bool {
    match (&change.refresh_token, &change.access_token) {
        (Some(mine), _) => partition.refresh_token(identity).is_some_and(|there| {
            let sign_in = mine.text(SIGN_IN);
            there == mine || (!sign_in.is_empty() && there.text(SIGN_IN) == sign_in)
        }),
        (None, Some(mine)) => partition.section(Section::AccessToken).contains(mine),
        (None, None) => false,
    }
}

impl Identity {
    /// Whether a refresh lives on what is stored: without its refresh token there is nothing to go on with.
    pub fn needs_stored_grant(&self) -> bool {
        use crate::identity::Subject;
        matches!(self.subject, Subject::Account(_) | Subject::LongRunning(_))
    }

    /// Whether the subject is the app itself.
    pub fn is_app(&self) -> bool {
        matches!(self.subject, crate::identity::Subject::App { .. })
    }
}
