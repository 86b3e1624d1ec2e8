//! The slice of Microsoft Graph: who am I.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::call::Call;
use super::graph_user;
use super::respond::{Answer, set};
use crate::clock::graph_date;
use crate::directory::{GRAPH, User};
use crate::entra::Entra;
use crate::token::jwt::{self, Decoded};

const ODATA: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
/// Delegated permissions that let an app read the signed-in user.
const READS_ME: [&str; 4] = ["User.Read", "User.ReadWrite", "User.ReadBasic.All", "User.Read.All"];

/// A refusal in Graph's form.
struct Refused {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refused {
    fn token(message: &str) -> Refused {
        Refused { status: 401, code: "InvalidAuthenticationToken", message: message.to_owned() }
    }
}

pub(crate) fn answer(entra: &Entra, call: &Call, beta: bool, rest: &[String]) -> Answer {
    match find(entra, call, beta, rest) {
        Ok(body) => respond(call, 200, ODATA, &body),
        Err(refused) => refuse(entra, call, &refused),
    }
}

fn find(entra: &Entra, call: &Call, beta: bool, rest: &[String]) -> Result<Value, Refused> {
    let token = verify(entra, call)?;
    let [me] = rest else { return Err(not_there(rest)) };
    if !me.eq_ignore_ascii_case("me") {
        return Err(not_there(rest));
    }
    if !matches!(call.method, Method::GET | Method::HEAD) {
        let message = "The request method is not supported by this slice of Microsoft Graph.".to_owned();
        return Err(Refused { status: 405, code: "Request_BadRequest", message });
    }
    let Some(scp) = token.text("scp") else {
        let message = "/me request is only valid with delegated authentication flow.".to_owned();
        return Err(Refused { status: 400, code: "BadRequest", message });
    };
    let user = subject(entra, &token)?;
    call.note_user(user);
    if !scp.split(' ').any(|scope| READS_ME.contains(&scope)) {
        let message = "Insufficient privileges to complete the operation.".to_owned();
        return Err(Refused { status: 403, code: "Authorization_RequestDenied", message });
    }
    let select = call.query.get("$select").filter(|s| !s.trim().is_empty());
    graph_user::me(entra, user, beta, select).map_err(|message| Refused { status: 400, code: "BadRequest", message })
}

/// The user of a token. Revoked and disabled users' tokens work to their end, as without continuous access evaluation.
fn subject<'a>(entra: &'a Entra, token: &Decoded) -> Result<&'a User, Refused> {
    let tenant = token.text("tid").and_then(|id| entra.directory.tenant(id));
    let user = tenant.zip(token.text("oid")).and_then(|(tenant, oid)| tenant.user(oid));
    user.ok_or_else(|| Refused {
        status: 404,
        code: "Request_ResourceNotFound",
        message: format!(
            "Resource '{}' does not exist or one of its queried reference-property objects are not present.",
            token.text("oid").unwrap_or_default()
        ),
    })
}

fn verify(entra: &Entra, call: &Call) -> Result<Decoded, Refused> {
    let sent = call.header("authorization").unwrap_or_default();
    let token = match sent.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => token.trim(),
        _ => return Err(Refused::token("Access token is empty.")),
    };
    let token = jwt::decode(token).ok_or_else(|| {
        Refused::token(
            "IDX14100: JWT is not well formed, there are no dots (.).\nThe token needs to be in JWS or JWE \
             Compact Serialization Format.",
        )
    })?;
    call.note.amend(|e| {
        e.client_id = token.text("appid").or_else(|| token.text("azp")).map(crate::grant::shortened);
        e.scope = token.text("scp").map(crate::grant::shortened);
        e.tenant = token.text("tid").map(crate::grant::shortened);
    });
    if !token.is_signed_by(&entra.key) {
        return Err(Refused::token("Access token validation failure. Invalid signature."));
    }
    let graph = entra.directory.app(GRAPH);
    let audience = token.text("aud").unwrap_or_default();
    let ours = audience == GRAPH
        || graph.is_some_and(|g| g.identifier_uris.iter().any(|u| u == audience.trim_end_matches('/')));
    if !ours {
        return Err(Refused::token("Access token validation failure. Invalid audience."));
    }
    let now = entra.clock.now();
    if token.number("exp").is_none_or(|exp| exp <= now) {
        return Err(Refused::token("Lifetime validation failed, the token is expired."));
    }
    if token.number("nbf").is_some_and(|nbf| nbf > now) {
        return Err(Refused::token("Lifetime validation failed, the token is not yet valid."));
    }
    Ok(token)
}

fn not_there(rest: &[String]) -> Refused {
    let segment = rest.first().map_or("", String::as_str);
    Refused { status: 404, code: "BadRequest", message: format!("Resource not found for the segment '{segment}'.") }
}

fn refuse(entra: &Entra, call: &Call, refused: &Refused) -> Answer {
    call.note.amend(|e| e.error = Some(refused.code.to_owned()));
    let body = json!({ "error": {
        "code": refused.code,
        "message": refused.message,
        "innerError": {
            "date": graph_date(call.trace.at),
            "request-id": call.trace.trace_id.to_string(),
            "client-request-id": call.trace.correlation_id.to_string(),
        },
    }});
    let kind = if refused.status == 401 { "application/json" } else { ODATA };
    let mut answer = respond(call, refused.status, kind, &body);
    if refused.status == 401 {
        let challenge = format!(
            "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{GRAPH}\"",
            entra.base
        );
        set(&mut answer, WWW_AUTHENTICATE, &challenge);
    }
    answer
}

fn respond(call: &Call, status: u16, kind: &str, body: &Value) -> Answer {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set(&mut answer, CONTENT_TYPE, kind);
    set(&mut answer, CACHE_CONTROL, "no-cache");
    set(&mut answer, HeaderName::from_static("request-id"), &call.trace.trace_id.to_string());
    set(&mut answer, HeaderName::from_static("client-request-id"), &call.trace.correlation_id.to_string());
    set(&mut answer, HeaderName::from_static("odata-version"), "4.0");
    set(&mut answer, HeaderName::from_static("x-ms-resource-unit"), "1");
    set(
        &mut answer,
        HeaderName::from_static("x-ms-ags-diagnostic"),
        r#"{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"5","ScaleUnit":"000","RoleInstance":"local"}}"#,
    );
    answer
}
