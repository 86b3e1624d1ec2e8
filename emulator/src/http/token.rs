//! The token endpoint over HTTP.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, VARY,
};
use axum::http::{HeaderName, Method};
use serde_json::json;

use super::call::Call;
use super::respond::{self, Answer};
use crate::aadsts::Refusal;
use crate::entra::Entra;
use crate::grant;

pub(crate) fn answer(entra: &Entra, call: &Call, tenant: &str) -> Answer {
    if call.method == Method::OPTIONS {
        let mut answer = respond::json(call, 200, &json!({}));
        respond::set(&mut answer, ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS");
        respond::set(
            &mut answer,
            ACCESS_CONTROL_ALLOW_HEADERS,
            call.header("access-control-request-headers").unwrap_or("content-type"),
        );
        let allowed =
            entra.directory.apps().any(|(_, app)| call.header("origin").is_some_and(|o| app.serves_origin(o)));
        return with_origin(call, allowed, answer);
    }
    if call.method != Method::POST {
        return respond::refusal(entra, call, &Refusal::wrong_verb(call.method.as_str()));
    }
    match grant::answer(entra, call, tenant) {
        Ok(body) => {
            let mut answer = respond::json(call, 200, &body);
            respond::never_store(&mut answer);
            telemetry(&mut answer, 0);
            with_origin(call, is_spa(entra, call), answer)
        }
        Err(refusal) => {
            let mut answer = respond::refusal(entra, call, &refusal);
            telemetry(&mut answer, refusal.code);
            // A page must be able to read why its app may not be a single-page app.
            with_origin(call, is_spa(entra, call) || refusal.code == 9_002_326, answer)
        }
    }
}

/// Whether the request comes from a page of a single-page app that this client is registered as.
fn is_spa(entra: &Entra, call: &Call) -> bool {
    let client = call.form.get("client_id").and_then(|id| entra.directory.app(id));
    client.zip(call.header("origin")).is_some_and(|(client, origin)| client.serves_origin(origin))
}

fn with_origin(call: &Call, allowed: bool, mut answer: Answer) -> Answer {
    if let (true, Some(origin)) = (allowed, call.header("origin")) {
        respond::set(&mut answer, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        respond::set(&mut answer, VARY, "Origin");
    }
    answer
}

fn telemetry(answer: &mut Answer, code: u32) {
    let version = if code == 0 { "1,0,0,,".to_owned() } else { format!("1,{code},0,,") };
    respond::set(answer, HeaderName::from_static("x-ms-clitelem"), &version);
}
