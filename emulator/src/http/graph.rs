//! The slice of Microsoft Graph: who am I, as Graph's `/me` and as OpenID Connect's UserInfo, and what mail I have.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, Method, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::call::Call;
use super::respond::{Answer, set};
use super::{graph_mail, graph_user};
use crate::clock::graph_date;
use crate::contexts;
use crate::directory::{GRAPH, Tenant, User};
use crate::entra::Entra;
use crate::token::claims::pairwise;
use crate::token::jwt::{self, Decoded};

const ODATA: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
/// Headers that a page of another origin may read.
const EXPOSED: &str = "ETag, Location, Preference-Applied, Content-Range, request-id, client-request-id, \
    ReadWriteConsistencyToken, SdkVersion, WWW-Authenticate, x-ms-client-gcc-tenant";
/// Delegated permissions that let an app read the signed-in user.
const READS_ME: [&str; 4] = ["User.Read", "User.ReadWrite", "User.ReadBasic.All", "User.Read.All"];
/// Delegated permissions that let an app read the signed-in user's mail.
const READS_MAIL: [&str; 2] = ["Mail.Read", "Mail.ReadWrite"];

/// A refusal in Graph's form.
struct Refused {
    status: u16,
    code: &'static str,
    message: String,
    /// The claims a token must have, in JSON.
    claims: Option<String>,
}

impl Refused {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Refused {
        Refused { status, code, message: message.into(), claims: None }
    }

    fn token(message: &str) -> Refused {
        Refused::new(401, "InvalidAuthenticationToken", message)
    }

    fn method() -> Refused {
        let message = "The request method is not supported by this slice of Microsoft Graph.";
        Refused::new(405, "Request_BadRequest", message)
    }

    fn privileges() -> Refused {
        Refused::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    }
}

pub(crate) fn answer(entra: &Entra, call: &Call, beta: bool, rest: &[String]) -> Answer {
    if call.method == Method::OPTIONS {
        return preflight(call);
    }
    match find(entra, call, beta, rest) {
        Ok(body) => respond(call, 200, ODATA, &body),
        Err(refused) => refuse(entra, call, &refused),
    }
}

/// UserInfo (OpenID Connect Core 5.3), for a token of Graph with the scope `openid`.
pub(crate) fn user_info(entra: &Entra, call: &Call) -> Answer {
    match call.method {
        Method::OPTIONS => preflight(call),
        Method::GET | Method::HEAD | Method::POST => match claims_of(entra, call) {
            Ok(claims) => respond(call, 200, "application/json", &claims),
            Err(refused) => refuse(entra, call, &refused),
        },
        _ => refuse(entra, call, &Refused::method()),
    }
}

fn claims_of(entra: &Entra, call: &Call) -> Result<Value, Refused> {
    let token = verify(entra, call)?;
    let (tenant, user) = subject(entra, &token)?;
    call.note_user(user);
    let scopes: Vec<&str> = token.text("scp").unwrap_or_default().split(' ').collect();
    if !scopes.contains(&"openid") {
        return Err(Refused::privileges());
    }
    // As the ID token has it: of the app, not of Graph.
    let app = token.text("appid").unwrap_or_default();
    let mut claims = json!({ "sub": pairwise(&tenant.id, &user.id, app) });
    if scopes.contains(&"profile") {
        claims["name"] = json!(user.display_name);
        claims["family_name"] = json!(user.surname);
        claims["given_name"] = json!(user.given_name);
        claims["picture"] = json!("https://graph.microsoft.com/v1.0/me/photo/$value");
    }
    if let (true, Some(mail)) = (scopes.contains(&"email"), &user.mail) {
        claims["email"] = json!(mail);
    }
    Ok(claims)
}

/// Any page may call Graph: the token is what opens it.
fn preflight(call: &Call) -> Answer {
    let mut answer = respond(call, 200, ODATA, &json!({}));
    set(&mut answer, ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE, OPTIONS");
    let asked = call.header("access-control-request-headers").unwrap_or("authorization");
    set(&mut answer, ACCESS_CONTROL_ALLOW_HEADERS, asked);
    answer
}

fn find(entra: &Entra, call: &Call, beta: bool, rest: &[String]) -> Result<Value, Refused> {
    let token = verify(entra, call)?;
    let segments: Vec<String> = rest.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let permissions: &[&str] = match segments.as_slice() {
        ["me"] => &READS_ME,
        ["me", "messages"] => &READS_MAIL,
        _ => return Err(not_there(rest)),
    };
    if !matches!(call.method, Method::GET | Method::HEAD) {
        return Err(Refused::method());
    }
    let Some(scp) = token.text("scp") else {
        return Err(Refused::new(400, "BadRequest", "/me request is only valid with delegated authentication flow."));
    };
    let (_, user) = subject(entra, &token)?;
    call.note_user(user);
    if let Some(context) =
        entra.accounts.context(&user.id).filter(|c| !token.texts("acrs").any(|satisfied| satisfied == c))
    {
        let refused = Refused::token("The token does not satisfy the authentication context that is asked for.");
        return Err(Refused { claims: Some(contexts::claims_for(&context)), ..refused });
    }
    if !scp.split(' ').any(|scope| permissions.contains(&scope)) {
        return Err(match segments.as_slice() {
            ["me"] => Refused::privileges(),
            _ => Refused::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."),
        });
    }
    let option = |name| call.query.get(name).filter(|s| !s.trim().is_empty());
    let answer = match segments.as_slice() {
        ["me"] => graph_user::me(entra, user, beta, option("$select")),
        _ => graph_mail::messages(user, beta, option("$select"), option("$top")),
    };
    answer.map_err(|message| Refused::new(400, "BadRequest", message))
}

/// The user of a token. Revoked and disabled users' tokens work to their end, as without continuous access evaluation.
fn subject<'a>(entra: &'a Entra, token: &Decoded) -> Result<(&'a Tenant, &'a User), Refused> {
    let tenant = token.text("tid").and_then(|id| entra.directory.tenant(id));
    let user = tenant.zip(token.text("oid")).and_then(|(tenant, oid)| Some((tenant, tenant.user(oid)?)));
    user.ok_or_else(|| {
        let message = format!(
            "Resource '{}' does not exist or one of its queried reference-property objects are not present.",
            token.text("oid").unwrap_or_default()
        );
        Refused::new(404, "Request_ResourceNotFound", message)
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
    let known = rest.first().is_some_and(|first| first.eq_ignore_ascii_case("me"));
    let segment = rest.get(usize::from(known)).map_or("", String::as_str);
    Refused::new(404, "BadRequest", format!("Resource not found for the segment '{segment}'."))
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
        let claims = refused.claims.as_ref().map(|claims| STANDARD.encode(claims)).map_or_else(String::new, |claims| {
            format!(", error=\"insufficient_claims\", claims=\"{claims}\", cc_type=\"authcontext\"")
        });
        let challenge = format!(
            "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{GRAPH}\"{claims}",
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
    set(&mut answer, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(&mut answer, ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
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
