//! The end-session endpoint (OpenID Connect RP-Initiated Logout and Front-Channel Logout).

use axum::http::HeaderName;
use axum::http::header::SET_COOKIE;
use serde::{Deserialize, Serialize};
use url::Url;

use super::authorize::{action, cookie, set_cookie};
use super::call::Call;
use super::params::Params;
use super::respond::{self, Answer};
use crate::entra::Entra;
use crate::pages;
use crate::sessions::SignedIn;
use crate::token::jwt;

const FLOW: &str = "sign-out request";

/// The request the page was shown for.
#[derive(Serialize, Deserialize)]
struct Flow {
    params: Vec<(String, String)>,
}

/// Who is to be signed out.
enum Who {
    Everybody,
    /// The account with this `sid`; nobody, if there is none.
    One(Option<String>),
    /// The person has to say.
    Ask,
}

/// A request from an app.
pub(crate) fn answer(entra: &Entra, call: &Call, tenant: &str, params: &Params) -> Answer {
    let accounts = cookie(entra, call).and_then(|c| entra.sessions.get(c)).map(|s| s.accounts).unwrap_or_default();
    match who(entra, params, &accounts) {
        Who::Everybody => finish(entra, call, params, None),
        Who::One(sid) => finish(entra, call, params, Some(sid.as_deref().unwrap_or_default())),
        Who::Ask => {
            let users = accounts
                .iter()
                .filter_map(|a| Some((a.sid.as_str(), entra.directory.tenant(&a.home_tenant)?.user(&a.home_id)?)));
            let flow = entra.vault.seal(FLOW, &Flow { params: params.pairs().to_vec() }).unwrap_or_default();
            let form = pages::Form { action: action(entra, tenant, "signout"), flow };
            respond::page(call, 200, pages::pick_sign_out(&form, &users.collect::<Vec<_>>()))
        }
    }
}

/// The choice of the page.
pub(crate) fn chosen(entra: &Entra, call: &Call) -> Answer {
    let flow: Option<Flow> = call.form.get("flow").and_then(|text| entra.vault.open(FLOW, text));
    let params = Params::from_pairs(flow.map(|f| f.params).unwrap_or_default());
    finish(entra, call, &params, call.form.get("account").filter(|sid| !sid.is_empty()))
}

fn who(entra: &Entra, params: &Params, accounts: &[SignedIn]) -> Who {
    let of = |how: &dyn Fn(&SignedIn) -> bool| Who::One(accounts.iter().find(|a| how(a)).map(|a| a.sid.clone()));
    let given = |name| params.get(name).filter(|value| !value.is_empty());
    if let Some((_, user)) = given("logout_hint").and_then(|hint| entra.hinted(hint)) {
        return of(&|a| a.home_id == user.id);
    }
    // An ID token that ended long ago is still a hint, but only one that this emulator signed.
    let token = given("id_token_hint").and_then(jwt::decode).filter(|token| token.is_signed_by(&entra.key));
    if let Some(sid) = token.as_ref().and_then(|token| token.text("sid")) {
        return of(&|a| a.sid == sid);
    }
    if accounts.len() > 1 { Who::Ask } else { Who::Everybody }
}

/// Signs out, tells the apps, and sends the person back.
fn finish(entra: &Entra, call: &Call, params: &Params, only: Option<&str>) -> Answer {
    let session = cookie(entra, call);
    let (out, over) = session.map_or_else(Default::default, |c| entra.sessions.sign_out(c, only));
    let frames: Vec<String> = out.iter().flat_map(|account| frames(entra, account)).collect();
    let back = back(entra, params);
    let mut answer = match &back {
        Some(to) if frames.is_empty() => respond::redirect(call, to),
        _ => {
            let mut answer = respond::page(call, 200, pages::signed_out(&frames, back.as_deref()));
            respond::set(
                &mut answer,
                HeaderName::from_static("content-security-policy"),
                &pages::policy_with_frames(&origins(&frames)),
            );
            answer
        }
    };
    if over && session.is_some() {
        respond::set(&mut answer, SET_COOKIE, &set_cookie(entra, "", Some(0)));
    }
    answer
}

/// The sign-out addresses of the apps an account was signed in to.
fn frames(entra: &Entra, account: &SignedIn) -> Vec<String> {
    let mut frames = Vec::new();
    for (client_id, tenant) in &account.apps {
        let Some(address) = entra.directory.app(client_id).and_then(|app| app.web.logout_url.as_deref()) else {
            continue;
        };
        let Ok(mut url) = Url::parse(address) else { continue };
        url.query_pairs_mut()
            .append_pair("sid", &account.sid)
            .append_pair("iss", &format!("{}/{tenant}/v2.0", entra.base));
        frames.push(url.into());
    }
    frames
}

fn origins(frames: &[String]) -> Vec<String> {
    let mut origins: Vec<String> =
        frames.iter().filter_map(|f| Url::parse(f).ok()).map(|u| u.origin().ascii_serialization()).collect();
    origins.dedup();
    origins
}

/// Where the person goes: only an address some app registered, because this endpoint must not send people anywhere else.
fn back(entra: &Entra, params: &Params) -> Option<String> {
    let uri = params
        .get("post_logout_redirect_uri")
        .filter(|uri| entra.directory.apps().any(|(_, app)| app.platform_of(uri).is_some()))?;
    let state = params.get("state").map(|state| {
        let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
        format!("{}{pair}", if uri.contains('?') { '&' } else { '?' })
    });
    Some(format!("{uri}{}", state.unwrap_or_default()))
}
