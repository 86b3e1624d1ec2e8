//! Browser sessions: who is signed in where.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::aadsts::Refusal;
use crate::{lock, random};

/// So many sessions are kept; the oldest makes room.
const KEPT: usize = 10_000;

/// One account that is signed in, named by its home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedIn {
    pub(crate) home_tenant: String,
    pub(crate) home_id: String,
    /// When the password was given, in milliseconds on the emulator's clock.
    pub(crate) at_millis: i64,
}

/// A browser session; its id is the `sid` claim and the `session_state`, never the cookie.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) sid: String,
    pub(crate) accounts: Vec<SignedIn>,
    order: u64,
}

/// All sessions by cookie value.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_cookie: HashMap<String, Session>,
    next: u64,
}

impl Sessions {
    /// The session of a cookie.
    pub(crate) fn get(&self, cookie: &str) -> Option<Session> {
        lock(&self.kept).by_cookie.get(cookie).cloned()
    }

    /// Signs an account in: into the session of that cookie if there is one, else into a new one. Answers the cookie.
    pub(crate) fn sign_in(&self, cookie: Option<&str>, account: SignedIn) -> Result<String, Refusal> {
        let fresh = random::token::<32>()?;
        let mut kept = lock(&self.kept);
        if let Some((cookie, session)) = cookie.and_then(|c| kept.by_cookie.get_mut(c).map(|s| (c, s))) {
            session.accounts.retain(|a| a.home_id != account.home_id);
            session.accounts.push(account);
            return Ok(cookie.to_owned());
        }
        if kept.by_cookie.len() >= KEPT
            && let Some(oldest) = kept.by_cookie.iter().min_by_key(|(_, s)| s.order).map(|(c, _)| c.clone())
        {
            kept.by_cookie.remove(&oldest);
        }
        let order = kept.next;
        kept.next += 1;
        let session = Session { sid: random::guid().to_string(), accounts: vec![account], order };
        kept.by_cookie.insert(fresh.clone(), session);
        Ok(fresh)
    }

    /// Ends a session, or one account's part of it. Whether the session is over.
    pub(crate) fn sign_out(&self, cookie: &str, only: Option<&str>) -> bool {
        let mut kept = lock(&self.kept);
        let over = match (only, kept.by_cookie.get_mut(cookie)) {
            (_, None) => return true,
            (None, Some(_)) => true,
            (Some(home_id), Some(session)) => {
                session.accounts.retain(|a| a.home_id != home_id);
                session.accounts.is_empty()
            }
        };
        if over {
            kept.by_cookie.remove(cookie);
        }
        over
    }
}
