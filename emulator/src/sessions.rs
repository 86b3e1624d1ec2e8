//! Browser sessions: who is signed in where.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use crate::aadsts::Refusal;
use crate::{lock, random};

/// So many sessions are kept; the oldest makes room.
const KEPT: usize = 10_000;

/// One account that is signed in, named by its home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedIn {
    /// The `sid` claim and the `session_state`: this account's part of this browser session.
    pub(crate) sid: String,
    pub(crate) home_tenant: String,
    pub(crate) home_id: String,
    /// When the password was given, in milliseconds on the emulator's clock.
    pub(crate) at_millis: i64,
    /// The authentication contexts it satisfied.
    pub(crate) contexts: BTreeSet<String>,
    /// The apps it was signed in to, with the tenant each was signed in at.
    pub(crate) apps: BTreeMap<String, String>,
}

/// A browser session: the accounts that share a cookie.
#[derive(Clone, Debug)]
pub(crate) struct Session {
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
    pub(crate) fn sign_in(&self, cookie: Option<&str>, mut account: SignedIn) -> Result<String, Refusal> {
        let fresh = random::token::<32>()?;
        let mut kept = lock(&self.kept);
        if let Some((cookie, session)) = cookie.and_then(|c| kept.by_cookie.get_mut(c).map(|s| (c, s))) {
            // Apps know the account by its sid, also after the password was asked for again.
            if let Some(before) = session.accounts.iter().position(|a| a.home_id == account.home_id) {
                let before = session.accounts.remove(before);
                (account.sid, account.apps) = (before.sid, before.apps);
                account.contexts.extend(before.contexts);
            }
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
        let session = Session { accounts: vec![account], order };
        kept.by_cookie.insert(fresh.clone(), session);
        Ok(fresh)
    }

    /// Writes down that an account was signed in to an app.
    pub(crate) fn used(&self, sid: &str, client_id: &str, tenant: &str) {
        let mut kept = lock(&self.kept);
        let accounts = kept.by_cookie.values_mut().flat_map(|session| &mut session.accounts);
        for account in accounts.filter(|account| account.sid == sid) {
            account.apps.insert(client_id.to_owned(), tenant.to_owned());
        }
    }

    /// Ends a session, or one account's part of it. Answers who was signed out, and whether the session is over.
    pub(crate) fn sign_out(&self, cookie: &str, only: Option<&str>) -> (Vec<SignedIn>, bool) {
        let mut kept = lock(&self.kept);
        let Some(session) = kept.by_cookie.get_mut(cookie) else { return (Vec::new(), true) };
        let (out, stay) = session.accounts.drain(..).partition(|a| only.is_none_or(|sid| a.sid == sid));
        session.accounts = stay;
        let over = session.accounts.is_empty();
        if over {
            kept.by_cookie.remove(cookie);
        }
        (out, over)
    }

    /// The latest sessions, newest first.
    pub(crate) fn latest(&self, most: usize) -> Vec<Session> {
        let mut all: Vec<Session> = lock(&self.kept).by_cookie.values().cloned().collect();
        all.sort_by_key(|session| std::cmp::Reverse(session.order));
        all.truncate(most);
        all
    }
}
