//! The switches over HTTP, under `/_admin`, in JSON. They are never in the journal.

use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call::Call;
use super::respond::{self, Answer};
use crate::directory::{Application, User};
use crate::entra::{Entra, Outage};
use crate::lock;

/// Status and sentence of a refusal.
type Refused = (u16, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seconds {
    seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifetime {
    seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Context {
    context: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    #[serde(default, with = "double")]
    token_delay_ms: Option<Option<u64>>,
    #[serde(default, with = "double")]
    outage: Option<Option<Outage>>,
}

/// Tells a member that is `null` from one that is absent: the first clears, the second leaves.
mod double {
    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::<T>::deserialize(d).map(Some)
    }
}

pub(crate) fn answer(entra: &Entra, call: &Call, rest: &[String]) -> Answer {
    // A page of another site can send simple POSTs to loopback, but not without telling its origin.
    if call.header("origin").is_some_and(|origin| origin != entra.base) {
        return respond::json(call, 403, &json!({ "error": "requests from other origins are not served here" }));
    }
    match decide(entra, call, rest) {
        Ok(body) => respond::json(call, 200, &body),
        Err((status, message)) => respond::json(call, status, &json!({ "error": message })),
    }
}

fn decide(entra: &Entra, call: &Call, rest: &[String]) -> Result<Value, Refused> {
    let segments: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["health"]) => Ok(json!({ "status": "ok" })),
        ("GET", ["directory"]) => serde_json::to_value(&entra.directory).map_err(|e| (500, e.to_string())),
        ("GET", ["clock"]) => Ok(clock(entra)),
        ("POST", ["clock", "advance"]) => {
            entra.clock.advance(Duration::from_secs(body::<Seconds>(call)?.seconds));
            Ok(clock(entra))
        }
        ("GET", ["state"]) => Ok(state(entra)),
        ("PUT", ["state"]) => {
            let wanted: State = body(call)?;
            if let Some(outage) = wanted.outage.flatten().filter(|o| !(400..=599).contains(&o.status)) {
                return Err((400, format!("outage.status: {} is not an error status (400 to 599)", outage.status)));
            }
            let mut faults = lock(&entra.faults);
            if let Some(delay) = wanted.token_delay_ms {
                faults.token_delay = delay.map(Duration::from_millis);
            }
            if let Some(outage) = wanted.outage {
                faults.outage = outage;
            }
            drop(faults);
            Ok(state(entra))
        }
        ("GET", ["journal"]) => {
            let after = match call.query.get("after") {
                Some(text) => text.parse().map_err(|_| (400, "after: not a number".to_owned()))?,
                None => 0,
            };
            let entries: Vec<_> = entra.journal.requests().after(after).into_iter().collect();
            Ok(json!({ "requests": entries }))
        }
        ("GET", ["issued"]) => match entra.issued.all() {
            Some(secrets) => Ok(json!({ "issued": secrets })),
            None => Err((404, "issued secrets are not remembered; start with --remember-issued".to_owned())),
        },
        ("DELETE", ["admin-consents", client]) => {
            Ok(json!({ "revoked": entra.consents.revoke_admin(&app(entra, client)?.app_id) }))
        }
        (method, ["users", name, what @ ..]) => of_user(entra, call, method, find(entra, name)?, what),
        _ => Err((404, "there is no such switch; see the emulator's README".to_owned())),
    }
}

fn of_user(entra: &Entra, call: &Call, method: &str, user: &User, what: &[&str]) -> Result<Value, Refused> {
    match (method, what) {
        ("POST", ["revoke-sessions"]) => entra.accounts.revoke(&user.id, entra.tick()),
        ("POST", ["disable"]) => entra.accounts.set_enabled(&user.id, false),
        ("POST", ["delete"]) => entra.accounts.delete(&user.id),
        ("POST", ["enable"]) => entra.accounts.set_enabled(&user.id, true),
        ("PUT", ["token-lifetime"]) => {
            let seconds = body::<Lifetime>(call)?.seconds;
            if seconds == Some(0) {
                return Err((400, "seconds: must be 1 or more, or null".to_owned()));
            }
            entra.accounts.set_lifetime(&user.id, seconds.map(Duration::from_secs));
        }
        ("PUT", ["authentication-context"]) => {
            let context = body::<Context>(call)?.context;
            let fits = |context: &str| !context.is_empty() && context.bytes().all(|b| b.is_ascii_alphanumeric());
            if context.as_deref().is_some_and(|context| !fits(context)) {
                return Err((400, "context: must be letters and digits, such as c1, or null".to_owned()));
            }
            entra.accounts.set_context(&user.id, context);
        }
        ("DELETE", ["consents", client]) => {
            return Ok(json!({ "revoked": entra.consents.revoke(&user.id, &app(entra, client)?.app_id) }));
        }
        _ => return Err((404, "there is no such switch; see the emulator's README".to_owned())),
    }
    Ok(json!({
        "id": user.id,
        "userPrincipalName": user.user_principal_name,
        "enabled": entra.accounts.enabled(&user.id).unwrap_or(user.account_enabled),
        "token_lifetime_seconds": entra.accounts.lifetime(&user.id).map(|l| l.as_secs()),
        "authentication_context": entra.accounts.context(&user.id),
    }))
}

fn find<'a>(entra: &'a Entra, name: &str) -> Result<&'a User, Refused> {
    entra.directory.user(name).map(|(_, user)| user).ok_or_else(|| (404, format!("no user `{name}`")))
}

fn app<'a>(entra: &'a Entra, name: &str) -> Result<&'a Application, Refused> {
    let found = entra.directory.apps().find(|(_, app)| app.answers_to(name));
    found.map(|(_, app)| app).ok_or_else(|| (404, format!("no application `{name}`")))
}

fn clock(entra: &Entra) -> Value {
    json!({ "now": entra.clock.now(), "ahead_seconds": entra.clock.ahead().as_secs() })
}

fn state(entra: &Entra) -> Value {
    let faults = entra.faults();
    json!({ "token_delay_ms": faults.token_delay.map(|d| d.as_millis()), "outage": faults.outage })
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Refused> {
    if call.method != Method::PUT && call.method != Method::POST {
        return Err((405, "this switch takes a body".to_owned()));
    }
    serde_json::from_slice(&call.body).map_err(|e| (400, format!("the body is not what this switch takes: {e}")))
}
