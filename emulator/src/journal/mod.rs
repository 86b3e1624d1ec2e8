//! What was asked of the emulator: the oracle for "how many requests".

mod requests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde::Serialize;

pub use requests::Requests;

use crate::clock::UnixSeconds;
use crate::lock;

/// So many of the latest requests are kept.
const KEPT: usize = 100_000;

/// What kind of request it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// `/common/discovery/instance`
    InstanceDiscovery,
    /// An OpenID Connect metadata document.
    Metadata,
    /// A key document.
    Keys,
    /// The authorization and admin consent endpoints and the pages behind them.
    Authorize,
    /// The token endpoint.
    Token,
    /// The end-session endpoint.
    Logout,
    /// The Microsoft Graph slice and UserInfo, which is Graph's too.
    Graph,
    /// The emulator's own pages for people.
    Page,
    /// Anything else: nothing is there.
    Unknown,
    /// The emulator's switches and their page; never in the journal.
    #[serde(skip)]
    Admin,
}

/// One request. It holds no secret: no bodies, no queries, no headers but the correlation id and the origin.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// 1 for the first request of this emulator, and so on.
    pub seq: u64,
    /// Seconds since 1970 on the emulator's clock, at arrival.
    pub at: UnixSeconds,
    /// Milliseconds since 1970 on the system's clock, at arrival.
    pub wall_ms: i64,
    /// HTTP method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// What it was for.
    pub endpoint: Endpoint,
    /// Tenant segment of the path, as it came.
    pub tenant: Option<String>,
    /// `grant_type` of a token request.
    pub grant_type: Option<String>,
    /// Client id, as it came or as the token names it.
    pub client_id: Option<String>,
    /// The user, once known.
    pub user: Option<JournalUser>,
    /// Requested scopes, as they came.
    pub scope: Option<String>,
    /// Display name of the API the token is for.
    pub resource: Option<String>,
    /// Status of the answer; `None` while there is none, and for ever if the client went away before.
    pub status: Option<u16>,
    /// OAuth or Graph error code.
    pub error: Option<String>,
    /// AADSTS number of a refusal.
    pub aadsts: Option<u32>,
    /// Correlation id, the client's if it sent one.
    pub correlation_id: String,
    /// Trace id, also in the answer.
    pub trace_id: String,
    /// `Origin` header, from browsers.
    pub origin: Option<String>,
}

/// Whom a request was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalUser {
    /// Object id in the tenant of the request.
    pub oid: String,
    /// User principal name.
    pub upn: String,
}

/// The journal of one emulator; cheap to clone, always current.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Journal {
    /// All requests that are kept (the latest 100,000), oldest first.
    pub fn requests(&self) -> Requests {
        Requests::new(lock(&self.kept).entries.iter().cloned().collect())
    }

    /// Requests to the token endpoint.
    pub fn token_requests(&self) -> Requests {
        self.requests().to(Endpoint::Token)
    }

    /// Requests to the Microsoft Graph slice.
    pub fn graph_requests(&self) -> Requests {
        self.requests().to(Endpoint::Graph)
    }

    /// Writes down a request at its arrival, so that those whose client goes away are counted too.
    pub(crate) fn begin(&self, entry: Entry) -> Note {
        let mut kept = lock(&self.kept);
        kept.last += 1;
        let seq = kept.last;
        kept.entries.push_back(Entry { seq, ..entry });
        if kept.entries.len() > KEPT {
            kept.entries.pop_front();
        }
        Note { journal: Some(self.clone()), seq }
    }
}

/// The way to amend one entry while its request is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Note {
    journal: Option<Journal>,
    seq: u64,
}

impl Note {
    pub(crate) fn amend(&self, how: impl FnOnce(&mut Entry)) {
        let Some(journal) = &self.journal else { return };
        let mut kept = lock(&journal.kept);
        let first = kept.entries.front().map_or(u64::MAX, |e| e.seq);
        let Some(at) = self.seq.checked_sub(first).and_then(|at| usize::try_from(at).ok()) else { return };
        if let Some(entry) = kept.entries.get_mut(at) {
            how(entry);
        }
    }
}
