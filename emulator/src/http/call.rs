//! One request, taken apart once for all endpoints.

use axum::http::{HeaderMap, Method};
use uuid::Uuid;

use super::params::Params;
use crate::aadsts::Trace;
use crate::directory::User;
use crate::entra::Entra;
use crate::journal::{JournalUser, Note};
use crate::random;

/// One request.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) query: Params,
    pub(crate) form: Params,
    /// The body as it came; the switches read JSON from it.
    pub(crate) body: Vec<u8>,
    pub(crate) headers: HeaderMap,
    pub(crate) trace: Trace,
    pub(crate) note: Note,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// A cookie's value.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let all = self.headers.get_all("cookie").into_iter().filter_map(|v| v.to_str().ok());
        all.flat_map(|v| v.split(';'))
            .find_map(|pair| pair.trim().split_once('=').filter(|(n, _)| *n == name))
            .map(|(_, v)| v)
    }

    /// Writes down whom the request is for.
    pub(crate) fn note_user(&self, user: &User) {
        self.note.amend(|e| {
            e.user = Some(JournalUser { oid: user.id.clone(), upn: user.user_principal_name.clone() });
        });
    }
}

/// Trace and correlation of a request: the client's correlation id if it is a GUID, in a header, the query or the body.
pub(crate) fn trace(entra: &Entra, headers: &HeaderMap, query: &Params, form: &Params) -> Trace {
    let header = headers.get("client-request-id").and_then(|v| v.to_str().ok());
    let sent = [header, query.get("client-request-id"), form.get("client-request-id")];
    let correlation = sent.into_iter().flatten().find_map(|text| Uuid::try_parse(text).ok());
    Trace { trace_id: random::guid(), correlation_id: correlation.unwrap_or_else(random::guid), at: entra.clock.now() }
}
