//! From a request to the endpoint that answers it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, Uri};

use super::call::{self, Call};
use super::locate::{Place, Room, locate};
use super::params::Params;
use super::respond::{self, Answer};
use super::{admin, authorize, console, discovery, graph, logout, token};
use crate::aadsts::Refusal;
use crate::authorize::Purpose;
use crate::clock::{pause, wall_millis};
use crate::entra::Entra;
use crate::journal::{Endpoint, Entry, Note};
use crate::pages;

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// All endpoints of one emulator.
pub(crate) fn router(entra: Arc<Entra>) -> Router {
    Router::new().fallback(move |request: Request| {
        let entra = Arc::clone(&entra);
        async move { serve(&entra, request).await }
    })
}

async fn serve(entra: &Entra, request: Request) -> Answer {
    let (head, body) = request.into_parts();
    let place = locate(head.uri.path());
    let query = Params::parse(head.uri.query().unwrap_or_default().as_bytes());
    let mut call = Call {
        trace: call::trace(entra, &head.headers, &query, &Params::default()),
        method: head.method,
        query,
        form: Params::default(),
        body: Vec::new(),
        headers: head.headers,
        note: Note::default(),
    };
    // Written down before the body is read: a client that goes away has asked all the same.
    call.note = begin(entra, &call, &head.uri, &place);
    let answer = match read(&mut call, body).await {
        Ok(()) => {
            call.trace = call::trace(entra, &call.headers, &call.query, &call.form);
            let (trace, correlation) = (call.trace.trace_id.to_string(), call.trace.correlation_id.to_string());
            call.note.amend(|e| (e.trace_id, e.correlation_id) = (trace, correlation));
            dispatch(entra, &call, &place).await
        }
        Err(refusal) => respond::refusal(entra, &call, &refusal),
    };
    call.note.amend(|e| e.status = Some(answer.status().as_u16()));
    answer
}

fn begin(entra: &Entra, call: &Call, uri: &Uri, place: &Place) -> Note {
    let endpoint = place.room.endpoint();
    if endpoint == Endpoint::Admin {
        return Note::default();
    }
    entra.journal.begin(Entry {
        seq: 0,
        at: call.trace.at,
        wall_ms: wall_millis(),
        method: call.method.to_string(),
        path: crate::grant::shortened(uri.path()),
        endpoint,
        tenant: place.tenant.as_deref().map(crate::grant::shortened),
        grant_type: None,
        client_id: None,
        user: None,
        scope: None,
        resource: None,
        status: None,
        error: None,
        aadsts: None,
        correlation_id: call.trace.correlation_id.to_string(),
        trace_id: call.trace.trace_id.to_string(),
        origin: call.header("origin").map(crate::grant::shortened),
    })
}

async fn read(call: &mut Call, body: Body) -> Result<(), Refusal> {
    let bytes = to_bytes(body, BODY_LIMIT).await.map_err(|_| Refusal::malformed())?;
    let is_json = call.header("content-type").is_some_and(|t| t.starts_with("application/json"));
    if !is_json {
        call.form = Params::parse(&bytes);
    }
    call.body = bytes.to_vec();
    Ok(())
}

async fn dispatch(entra: &Entra, call: &Call, place: &Place) -> Answer {
    let endpoint = place.room.endpoint();
    if let Some(outage) = entra.faults().outage
        && !matches!(endpoint, Endpoint::Admin | Endpoint::Graph | Endpoint::Page)
    {
        return respond::refusal(entra, call, &Refusal::outage(outage.status, outage.retry_after));
    }
    let tenant = place.tenant.as_deref().unwrap_or_default();
    let get = matches!(call.method, Method::GET | Method::HEAD);
    let post = call.method == Method::POST;
    match &place.room {
        Room::Token => {
            if let Some(delay) = entra.faults().token_delay {
                pause(delay).await;
            }
            token::answer(entra, call, tenant)
        }
        Room::Admin(rest) => admin::answer(entra, call, rest),
        Room::Graph { beta, rest } => graph::answer(entra, call, *beta, rest),
        Room::UserInfo => graph::user_info(entra, call),
        Room::InstanceDiscovery | Room::Metadata { .. } | Room::Keys { .. } if call.method == Method::OPTIONS => {
            discovery::preflight(call)
        }
        Room::InstanceDiscovery if get => discovery::instance(entra, call),
        Room::Metadata { v2 } if get => discovery::metadata(entra, call, tenant, *v2),
        Room::Keys { v2 } if get => discovery::keys(entra, call, tenant, *v2),
        Room::Authorize if get => authorize::start(entra, call, Purpose::SignIn, tenant, &call.query),
        Room::Authorize if post => authorize::start(entra, call, Purpose::SignIn, tenant, &call.form),
        Room::AdminConsent { v2 } if get => {
            authorize::start(entra, call, Purpose::AdminConsent { v2: *v2 }, tenant, &call.query)
        }
        Room::Login if post => authorize::login(entra, call),
        Room::Select if post => authorize::select(entra, call),
        Room::Consent if post => authorize::consent(entra, call),
        Room::SignOut if post => logout::chosen(entra, call),
        Room::Logout if get => logout::answer(entra, call, tenant, &call.query),
        Room::Logout if post => logout::answer(entra, call, tenant, &call.form),
        Room::NativeClient if get => respond::page(call, 200, pages::native_client()),
        Room::ErrorPage if get => {
            respond::page(call, 200, pages::about_error(call.query.get("code").unwrap_or_default()))
        }
        Room::Console(rest) => console::answer(entra, call, rest),
        Room::Nothing => respond::refusal(entra, call, &Refusal::not_an_endpoint()),
        _ => respond::refusal(entra, call, &Refusal { status: 405, ..Refusal::wrong_verb(call.method.as_str()) }),
    }
}
