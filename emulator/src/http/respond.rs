//! The headers and bodies answers have in common.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, EXPIRES, LOCATION, PRAGMA, RETRY_AFTER, X_FRAME_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use maud::Markup;
use serde_json::Value;

use super::call::Call;
use crate::aadsts::Refusal;
use crate::entra::Entra;

/// An answer.
pub(crate) type Answer = Response<Body>;

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// A JSON answer of the login host, with the headers all of them have.
pub(crate) fn json(call: &Call, status: u16, body: &Value) -> Answer {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set(&mut answer, CONTENT_TYPE, JSON);
    identify(call, &mut answer);
    answer
}

/// An error answer of the login host, written into the journal.
pub(crate) fn refusal(entra: &Entra, call: &Call, refusal: &Refusal) -> Answer {
    note(call, refusal);
    let mut answer = json(call, refusal.status, &refusal.body(&entra.base, &call.trace));
    never_store(&mut answer);
    if let Some(seconds) = refusal.retry_after {
        set(&mut answer, RETRY_AFTER, &seconds.to_string());
    }
    answer
}

/// Writes a refusal into the journal.
pub(crate) fn note(call: &Call, refusal: &Refusal) {
    call.note.amend(|e| {
        e.error = Some(refusal.error.to_owned());
        e.aadsts = Some(refusal.code);
    });
}

/// A page for a person.
pub(crate) fn page(call: &Call, status: u16, markup: Markup) -> Answer {
    let mut answer = Response::new(Body::from(markup.into_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set(&mut answer, CONTENT_TYPE, HTML);
    set(&mut answer, HeaderName::from_static("content-security-policy"), crate::pages::POLICY);
    set(&mut answer, HeaderName::from_static("referrer-policy"), "no-referrer");
    if !is_silent(call) {
        set(&mut answer, X_FRAME_OPTIONS, "DENY");
    }
    never_store(&mut answer);
    identify(call, &mut answer);
    answer
}

/// Whether the request is for no page at all: those are made in hidden frames of other sites.
fn is_silent(call: &Call) -> bool {
    let prompts = [&call.query, &call.form].into_iter().filter_map(|params| params.get("prompt"));
    prompts.flat_map(str::split_whitespace).any(|word| word == "none")
}

/// A redirect that a browser follows with GET.
pub(crate) fn redirect(call: &Call, to: &str) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::FOUND;
    set(&mut answer, LOCATION, to);
    never_store(&mut answer);
    identify(call, &mut answer);
    answer
}

/// Tokens, errors and pages must not be kept by caches.
pub(crate) fn never_store(answer: &mut Answer) {
    set(answer, CACHE_CONTROL, "no-store, no-cache");
    set(answer, PRAGMA, "no-cache");
    set(answer, EXPIRES, "-1");
}

/// Sets a header; a value that is none is left out.
pub(crate) fn set(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

fn identify(call: &Call, answer: &mut Answer) {
    set(answer, HeaderName::from_static("x-ms-request-id"), &call.trace.trace_id.to_string());
    set(answer, HeaderName::from_static("x-ms-ests-server"), "2.1.0 - emulator");
    set(answer, HeaderName::from_static("x-content-type-options"), "nosniff");
    set(answer, HeaderName::from_static("p3p"), "CP=\"DSP CUR OTPi IND OTRi ONL FIN\"");
    if call.header("return-client-request-id").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        set(answer, HeaderName::from_static("client-request-id"), &call.trace.correlation_id.to_string());
    }
}
