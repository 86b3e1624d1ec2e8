//! Which of Entra's browser sessions go on, as far as sessions of this app hang on them.
//!
//! A front-channel sign-out names Entra's session by its `sid`, in a frame that mostly comes without this app's cookie. So it
//! must be known without the browser, and on every node, which sessions are over. Each `sid` that signed in has an entry in the
//! store until the last cookie made for it has ended. Who was never signed in here has none, and cannot be signed out: guesses
//! of strangers write nothing.

use absentia::{
    Error,
    store::{Entry, Expiry, Key, When, Written},
};
use absentia_core::encoding::sha256_base64url;

use crate::{
    session::{LIFE, SKEW},
    sign_in::SignIn,
};

/// The longest `sid` that is looked at, in bytes. Entra's are GUIDs.
const LONGEST: usize = 200;
/// How often a write that met another one is tried.
const TRIES: usize = 5;
/// First byte of what is stored: the session goes on.
const ON: u8 = 1;
/// First byte of what is stored: it is over.
const OVER: u8 = 0;

/// A session at Entra: SHA-256 of its `sid`, in base64url. Neither store nor cookie is to show what ends a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AtEntra(String);

/// What a front-channel sign-out did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// The session is over from now on.
    Done,
    /// It was over, or never signed in here.
    Unknown,
    /// It was named by another issuer than the one that issued its ID token.
    OtherIssuer,
}

impl AtEntra {
    /// The session of a `sid`; none for a text that is too long or empty.
    pub(crate) fn of(sid: &str) -> Option<Self> {
        (!sid.is_empty() && sid.len() <= LONGEST).then(|| Self(sha256_base64url(sid)))
    }

    /// What [`as_str`](Self::as_str) gave.
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl SignIn {
    /// Writes down that this session signed in here.
    ///
    /// # Errors
    /// `InteractionRequired` when it signed out meanwhile; `Unavailable` when the store did not answer.
    pub(crate) async fn begins(&self, session: &AtEntra, issuer: &str) -> Result<(), Error> {
        let now = self.cache().clock().now();
        let until = now + LIFE + std::time::Duration::from_secs(SKEW);
        for _ in 0..TRIES {
            let found = self.find(session).await?;
            let (when, over) = match &found {
                None => (When::Absent, false),
                Some((entry, state)) => {
                    (When::Unchanged(entry.version.clone()), state.as_ref().is_some_and(|(on, _)| *on == OVER))
                }
            };
            if over {
                return Err(Error::interaction_required("The user signed out while signing in")
                    .advise("The user must sign in again"));
            }
            if self.keep(session, ON, issuer, when, Some(until)).await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Whether it signed in here and did not sign out since.
    ///
    /// # Errors
    /// When the store did not answer.
    pub(crate) async fn goes_on(&self, session: &AtEntra) -> Result<bool, Error> {
        let found = self.find(session).await?;
        Ok(found.and_then(|(_, state)| state).is_some_and(|(on, _)| on == ON))
    }

    /// Ends it, if `issuer` is the one that issued its ID token. Entra does not always say who it is; then the `sid`, which
    /// nobody can guess, is enough.
    ///
    /// # Errors
    /// When the store did not answer: it may not be over.
    pub(crate) async fn ends(&self, session: &AtEntra, issuer: Option<&str>) -> Result<Ended, Error> {
        for _ in 0..TRIES {
            let Some((entry, Some((ON, issued_by)))) = self.find(session).await? else { return Ok(Ended::Unknown) };
            if issuer.is_some_and(|issuer| issuer != issued_by) {
                return Ok(Ended::OtherIssuer);
            }
            // It is kept as long as the cookies that hang on it: a sign-in under way must find it too.
            if self.keep(session, OVER, &issued_by, When::Unchanged(entry.version), entry.expiry.absolute).await? {
                return Ok(Ended::Done);
            }
        }
        Err(contended())
    }

    fn key(&self, session: &AtEntra) -> Key {
        Key::new(format!("{}/session/{}", self.client().client_id().to_ascii_lowercase(), session.0))
    }

    /// The entry, and what it says when it is ours: the state, and who issued the ID token.
    async fn find(&self, session: &AtEntra) -> Result<Option<(Entry, Option<(u8, String)>)>, Error> {
        let key = self.key(session);
        let entry = self.cache().backend().entries.get(&key).await.map_err(|error| self.cache().store_error(error))?;
        Ok(entry.map(|entry| {
            let plain = self.ring().open_entry(&key, &entry.value, self.cache().clock().now()).ok();
            let state = plain.and_then(|plain| {
                let (state, issuer) = plain.split_first()?;
                Some((*state, std::str::from_utf8(issuer).ok()?.to_owned()))
            });
            (entry, state)
        }))
    }

    /// Whether it was written; not, when another write came first.
    async fn keep(
        &self,
        session: &AtEntra,
        state: u8,
        issuer: &str,
        when: When,
        until: Option<std::time::SystemTime>,
    ) -> Result<bool, Error> {
        let (key, cache) = (self.key(session), self.cache());
        let sealed = {
            let plain = [&[state], issuer.as_bytes()].concat();
            self.ring().seal_entry(&key, &plain, cache.clock().now(), &**cache.random())?
        };
        let expiry = Expiry { sliding: None, absolute: until };
        let written = cache.backend().entries.put(&key, sealed.into(), when, expiry).await;
        Ok(matches!(written.map_err(|error| cache.store_error(error))?, Written::Done(_)))
    }
}

fn contended() -> Error {
    Error::unavailable("Others wrote the same session each time it was tried").advise("Try again")
}
