//! The page for people: what exists, what happens, and the switches.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, LOCATION, X_FRAME_OPTIONS};
use axum::http::{HeaderName, Method, Response, StatusCode};
use url::Url;

use super::call::Call;
use super::respond::{self, Answer, set};
use crate::entra::{Entra, Outage};
use crate::{lock, pages};

/// A policy for pages that hold one another.
const FRAMES: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; \
    frame-src 'self'; frame-ancestors 'self'";

pub(crate) fn answer(entra: &Entra, call: &Call, rest: &[String]) -> Answer {
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (&call.method, rest.as_slice()) {
        (&Method::GET | &Method::HEAD, []) => page(call, pages::console(entra)),
        (&Method::GET | &Method::HEAD, ["live"]) => page(call, pages::live(entra, call.query.get("paused").is_some())),
        (&Method::POST, []) => switch(entra, call),
        _ => said(StatusCode::NOT_FOUND, "There is nothing here."),
    }
}

fn page(call: &Call, markup: maud::Markup) -> Answer {
    let mut answer = respond::page(call, 200, markup);
    set(&mut answer, HeaderName::from_static("content-security-policy"), FRAMES);
    set(&mut answer, X_FRAME_OPTIONS, "SAMEORIGIN");
    // Without it, browsers do not say where the page's own forms come from.
    set(&mut answer, HeaderName::from_static("referrer-policy"), "same-origin");
    answer
}

fn switch(entra: &Entra, call: &Call) -> Answer {
    if !from_here(entra, call) {
        return said(StatusCode::FORBIDDEN, "Switches are set from the emulator's own page only.");
    }
    if !decide(entra, call) {
        return said(StatusCode::BAD_REQUEST, "There is no such switch.");
    }
    let mut answer = said(StatusCode::SEE_OTHER, "");
    set(&mut answer, LOCATION, "/");
    answer
}

/// Whether a form was sent by the page itself. Another site's page cannot hide its origin, nor can one whose name was
/// made to point to this machine.
fn from_here(entra: &Entra, call: &Call) -> bool {
    let Some(origin) = call.header("origin").and_then(|o| Url::parse(o).ok()) else { return false };
    let Ok(base) = Url::parse(&entra.base) else { return false };
    let loopback = matches!(origin.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let same_port = origin.port_or_known_default() == base.port_or_known_default();
    origin.origin() == base.origin() || (loopback && same_port && origin.scheme() == base.scheme())
}

fn decide(entra: &Entra, call: &Call) -> bool {
    let form = &call.form;
    let user = form.get("user").and_then(|name| entra.directory.user(name)).map(|(_, user)| user);
    match (form.get("switch").unwrap_or_default(), user) {
        ("revoke-sessions", Some(user)) => entra.accounts.revoke(&user.id, entra.tick()),
        ("disable", Some(user)) => entra.accounts.set_enabled(&user.id, false),
        ("enable", Some(user)) => entra.accounts.set_enabled(&user.id, true),
        ("revoke-consent", Some(user)) => {
            entra.consents.revoke(&user.id, form.get("client").unwrap_or_default());
        }
        ("revoke-admin-consent", _) => {
            entra.consents.revoke_admin(form.get("client").unwrap_or_default());
        }
        ("clock", _) => match form.get("seconds").and_then(|text| text.parse().ok()) {
            Some(seconds) => entra.clock.advance(Duration::from_secs(seconds)),
            None => return false,
        },
        ("outage", _) => lock(&entra.faults).outage = Some(Outage { status: 503, retry_after: Some(5) }),
        ("no-outage", _) => lock(&entra.faults).outage = None,
        _ => return false,
    }
    true
}

fn said(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    set(&mut answer, CACHE_CONTROL, "no-store");
    answer
}
