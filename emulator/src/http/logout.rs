//! The end-session endpoint (OpenID Connect RP-Initiated Logout).

use axum::http::header::SET_COOKIE;

use super::authorize::{cookie, set_cookie};
use super::call::Call;
use super::params::Params;
use super::respond::{self, Answer};
use crate::entra::Entra;
use crate::pages;

pub(crate) fn answer(entra: &Entra, call: &Call, params: &Params) -> Answer {
    let session = cookie(entra, call);
    let hinted = params.get("logout_hint").and_then(|hint| entra.directory.member(hint));
    let over = session.is_none_or(|c| entra.sessions.sign_out(c, hinted.map(|(_, u)| u.id.as_str())));
    // Only an address some app registered: this endpoint must not send people anywhere else.
    let back = params
        .get("post_logout_redirect_uri")
        .filter(|uri| entra.directory.apps().any(|(_, app)| app.platform_of(uri).is_some()));
    let mut answer = match back {
        Some(uri) => {
            let state = params.get("state").map(|state| {
                let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
                format!("{}{pair}", if uri.contains('?') { '&' } else { '?' })
            });
            respond::redirect(call, &format!("{uri}{}", state.unwrap_or_default()))
        }
        None => respond::page(call, 200, pages::signed_out()),
    };
    if over && session.is_some() {
        respond::set(&mut answer, SET_COOKIE, &set_cookie(entra, "", Some(0)));
    }
    answer
}
