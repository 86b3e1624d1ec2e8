//! The authorization and admin consent endpoints and their pages over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::header::SET_COOKIE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::params::Params;
use super::respond::{self, Answer};
use crate::aadsts::Refusal;
use crate::authorize::{Asked, Choice, Mode, Purpose, Request, Step, next, trust};
use crate::contexts;
use crate::entra::Entra;
use crate::issued::SecretKind;
use crate::pages;
use crate::sessions::SignedIn;

/// All but the unreserved characters (RFC 3986 2.3): the journal shows addresses as they came.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const FLOW: &str = "authorization request";

/// The request a page was shown for.
#[derive(Serialize, Deserialize)]
struct Flow {
    request: Request,
    /// Of a consent page: whom it was shown to, and in which session.
    consenting: Option<(String, String)>,
}

/// A request from an app.
pub(crate) fn start(entra: &Entra, call: &Call, purpose: Purpose, tenant: &str, params: &Params) -> Answer {
    let request = Request { purpose, tenant: tenant.to_owned(), params: params.clone() };
    proceed(entra, call, &request, cookie(entra, call), Choice::None)
}

/// Name and password from the login page.
pub(crate) fn login(entra: &Entra, call: &Call) -> Answer {
    let flow = match flow(entra, call) {
        Ok(flow) => flow,
        Err(refusal) => return error_page(entra, call, &refusal),
    };
    let upn = call.form.get("username").unwrap_or_default().trim();
    let password = call.form.get("password").unwrap_or_default();
    let account = match entra.check_password(upn, password) {
        Ok(account) => SignedIn { contexts: contexts::asked(flow.request.params.get("claims")), ..account },
        Err(refusal) if refusal.code == 50057 => return error_page(entra, call, &refusal),
        Err(refusal) => {
            respond::note(call, &refusal);
            let name = trust(entra, &flow.request).map(|a| a.client.display_name.clone()).unwrap_or_default();
            let form = form(entra, &flow.request, "login", None);
            let page = pages::login(&name, &form, upn, domain(entra, &flow.request), Some(&refusal.message));
            return respond::page(call, 200, page);
        }
    };
    let home_id = account.home_id.clone();
    match entra.sessions.sign_in(cookie(entra, call), account) {
        Ok(fresh) => {
            entra.issued.record(SecretKind::SessionCookie, &fresh);
            let mut answer = proceed(entra, call, &flow.request, Some(&fresh), Choice::Account(&home_id));
            respond::set(&mut answer, SET_COOKIE, &set_cookie(entra, &fresh, None));
            answer
        }
        Err(refusal) => error_page(entra, call, &refusal),
    }
}

/// A choice from the account picker.
pub(crate) fn select(entra: &Entra, call: &Call) -> Answer {
    let flow = match flow(entra, call) {
        Ok(flow) => flow,
        Err(refusal) => return error_page(entra, call, &refusal),
    };
    let choice = match call.form.get("account") {
        Some(id) if !id.is_empty() => Choice::Account(id),
        _ => Choice::Another,
    };
    proceed(entra, call, &flow.request, cookie(entra, call), choice)
}

/// The answer of the consent page.
pub(crate) fn consent(entra: &Entra, call: &Call) -> Answer {
    let flow = match flow(entra, call) {
        Ok(flow) => flow,
        Err(refusal) => return error_page(entra, call, &refusal),
    };
    let session = cookie(entra, call).and_then(|c| entra.sessions.get(c));
    let Some((home_id, _)) =
        flow.consenting.filter(|(_, sid)| session.is_some_and(|s| s.accounts.iter().any(|a| a.sid == *sid)))
    else {
        // Shown to somebody else, or signed out meanwhile: ask again from the start.
        return proceed(entra, call, &flow.request, cookie(entra, call), Choice::None);
    };
    if call.form.get("decision") != Some("accept") {
        return match trust(entra, &flow.request) {
            Ok(asked) => refuse(entra, call, &asked, &declined(asked.purpose)),
            Err(refusal) => error_page(entra, call, &refusal),
        };
    }
    proceed(entra, call, &flow.request, cookie(entra, call), Choice::Allowed(&home_id))
}

/// The error that says so has another name for each purpose.
fn declined(purpose: Purpose) -> Refusal {
    let refusal = Refusal::consent_declined();
    match purpose {
        Purpose::SignIn => refusal,
        Purpose::AdminConsent { v2: true } => refusal.named("consent_required"),
        Purpose::AdminConsent { v2: false } => refusal.named("permission_denied"),
    }
}

fn proceed(entra: &Entra, call: &Call, request: &Request, cookie: Option<&str>, choice: Choice<'_>) -> Answer {
    let params = &request.params;
    call.note.amend(|e| {
        e.client_id = params.get("client_id").map(crate::grant::shortened);
        e.scope = params.get("scope").map(crate::grant::shortened);
        e.tenant = Some(crate::grant::shortened(&request.tenant));
    });
    let asked = match trust(entra, request) {
        Ok(asked) => asked,
        Err(refusal) => return error_page(entra, call, &refusal),
    };
    let session = cookie.and_then(|c| entra.sessions.get(c));
    let form = |to: &str, consenting| form(entra, request, to, consenting);
    let app = &asked.client.display_name;
    match next(entra, &asked, session.as_ref(), choice) {
        Step::Login => {
            let hint = params.get("login_hint").unwrap_or_default();
            // The opaque kind of hint would say nothing to a person.
            let name = entra.hinted(hint).map_or(hint, |(_, user)| user.user_principal_name.as_str());
            respond::page(call, 200, pages::login(app, &form("login", None), name, domain(entra, request), None))
        }
        Step::Pick(users) => respond::page(call, 200, pages::pick(app, &form("select", None), &users)),
        Step::Consent { tenant, user, home_id, parts } => {
            call.note_user(user);
            let account = session.and_then(|s| s.accounts.into_iter().find(|a| a.home_id == home_id));
            let consenting = account.map(|a| (a.home_id, a.sid));
            let form = form("consent", consenting);
            let for_everybody = asked.purpose != Purpose::SignIn;
            respond::page(call, 200, pages::consent(app, tenant, user, &parts, for_everybody, &form))
        }
        Step::Code { code, client_info, session_state, user } => {
            call.note_user(user);
            let mut answer = vec![("code", code)];
            if params.get("client_info") == Some("1") {
                answer.push(("client_info", client_info));
            }
            answer.extend(params.get("state").map(|s| ("state", s.to_owned())));
            answer.push(("session_state", session_state));
            send(call, &asked, &answer)
        }
        Step::Allowed { tenant, user, scope } => {
            call.note_user(user);
            let mut answer = vec![("admin_consent", "True".to_owned()), ("tenant", tenant.id.clone())];
            if asked.purpose == (Purpose::AdminConsent { v2: true }) {
                answer.push(("scope", scope));
            }
            answer.extend(params.get("state").map(|s| ("state", s.to_owned())));
            send(call, &asked, &answer)
        }
        Step::Refuse(refusal) => refuse(entra, call, &asked, &refusal),
        Step::Page(refusal) => error_page(entra, call, &refusal),
    }
}

/// Sends an error to the app.
fn refuse(entra: &Entra, call: &Call, asked: &Asked<'_>, refusal: &Refusal) -> Answer {
    respond::note(call, refusal);
    let mut answer = vec![
        ("error", refusal.error.to_owned()),
        ("error_description", refusal.description(&call.trace)),
        ("error_uri", refusal.uri(&entra.base)),
    ];
    if asked.purpose != Purpose::SignIn {
        answer.push(("admin_consent", "True".to_owned()));
    }
    answer.extend(asked.params.get("state").map(|s| ("state", s.to_owned())));
    send(call, asked, &answer)
}

fn send(call: &Call, asked: &Asked<'_>, pairs: &[(&str, String)]) -> Answer {
    let uri = &asked.redirect_uri;
    if asked.mode == Mode::FormPost {
        return respond::page(call, 200, pages::form_post(uri, pairs));
    }
    let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    // A URI without a path comes back with one.
    let uri = url::Url::parse(uri)
        .map_or_else(|_| uri.clone(), |u| if u.path() == "/" { u.to_string() } else { uri.clone() });
    match asked.mode {
        Mode::Fragment => respond::redirect(call, &format!("{uri}#{encoded}")),
        // The empty fragment keeps a browser from carrying over one of its own.
        _ => respond::redirect(call, &format!("{uri}{}{encoded}#", if uri.contains('?') { '&' } else { '?' })),
    }
}

fn error_page(entra: &Entra, call: &Call, refusal: &Refusal) -> Answer {
    respond::note(call, refusal);
    respond::page(call, 400, pages::error(refusal, &call.trace, &refusal.uri(&entra.base)))
}

fn flow(entra: &Entra, call: &Call) -> Result<Flow, Refusal> {
    let text = call.form.get("flow").ok_or_else(|| Refusal::missing("flow"))?;
    entra.vault.open(FLOW, text).ok_or_else(Refusal::malformed)
}

/// The form of a page that goes on with the request.
fn form(entra: &Entra, request: &Request, to: &str, consenting: Option<(String, String)>) -> pages::Form {
    let flow = Flow { request: request.clone(), consenting };
    // An empty text opens as nothing: the page then says so.
    pages::Form { action: action(entra, &request.tenant, to), flow: entra.vault.seal(FLOW, &flow).unwrap_or_default() }
}

/// The domain a `domain_hint` names, if somebody here has it.
fn domain<'r>(entra: &Entra, request: &'r Request) -> Option<&'r str> {
    request.params.get("domain_hint").filter(|name| entra.domain(name).is_some())
}

pub(crate) fn action(entra: &Entra, tenant: &str, to: &str) -> String {
    let tenant = percent_encoding::utf8_percent_encode(tenant, SEGMENT);
    format!("{}/{tenant}/{to}", entra.base)
}

/// The session cookie's name has the port in it: cookies do not, and two emulators would share one.
fn cookie_name(entra: &Entra) -> String {
    let port = url::Url::parse(&entra.base).ok().and_then(|u| u.port_or_known_default()).unwrap_or(0);
    format!("ESTSAUTH-{port}")
}

/// The session cookie of a request.
pub(crate) fn cookie<'c>(entra: &Entra, call: &'c Call) -> Option<&'c str> {
    call.cookie(&cookie_name(entra))
}

/// A `Set-Cookie` value. Over https it must reach hidden frames of other sites; over http, browsers refuse such
/// cookies.
pub(crate) fn set_cookie(entra: &Entra, value: &str, max_age: Option<u32>) -> String {
    let same_site = if entra.base.starts_with("https:") { "SameSite=None; Secure" } else { "SameSite=Lax" };
    let age = max_age.map(|s| format!("; Max-Age={s}")).unwrap_or_default();
    format!("{}={value}; Path=/; HttpOnly; {same_site}{age}", cookie_name(entra))
}

impl Entra {
    /// Signs in with name and password.
    pub(crate) fn check_password(&self, upn: &str, password: &str) -> Result<SignedIn, Refusal> {
        let member = self.directory.member(upn).filter(|(_, user)| !self.accounts.deleted(&user.id));
        let (tenant, user) = member.ok_or_else(|| Refusal::user_not_found(upn, "any"))?;
        if user.password.is_empty() || user.password != password {
            return Err(Refusal::wrong_password());
        }
        if !self.accounts.enabled(&user.id).unwrap_or(user.account_enabled) {
            return Err(Refusal::user_disabled());
        }
        Ok(SignedIn {
            sid: crate::random::guid().to_string(),
            home_tenant: tenant.id.clone(),
            home_id: user.id.clone(),
            at_millis: self.tick(),
            contexts: BTreeSet::new(),
            apps: BTreeMap::new(),
        })
    }
}
