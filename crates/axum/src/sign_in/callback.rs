//! The browser comes back from Entra.
//!
//! A code is redeemed only when its `state` was sealed by this app within the hour for this very browser, and only from where
//! this app asked for it: the body of a POST over https, the query over http. All else sends no request: who has a session goes
//! on to her page, others are offered to sign in.

use absentia::{Error, ErrorKind, Secret};
use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};

use super::{
    SignIn,
    begin::{Begin, binding, see_other},
    failed, notice_of,
};
use crate::{
    at_entra::AtEntra,
    cookies::Cookie,
    notice::Notice,
    origin::Origin,
    session::{LIFE, Session},
    state::SignInState,
};

/// What Entra sent back.
#[derive(Default)]
struct Answer {
    code: Option<Secret>,
    state: Option<String>,
    error: Option<String>,
    description: Option<String>,
}

/// The longest form that is read, in bytes: a code, a state, an error's description, each far below.
pub(super) const LONGEST_FORM: usize = 64 * 1024;

/// `GET {CallbackPath}?code=…&state=…`
pub(crate) async fn callback(State(sign_in): State<SignIn>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let origin = match sign_in.origin(&headers) {
        Ok(origin) => origin,
        Err(notice) => return notice.respond(Some(sign_in.render())),
    };
    let mut answer = Answer::read(&Secret::new(query.unwrap_or_default()));
    if origin.is_secure() {
        answer = Answer { state: answer.state, ..Answer::default() };
    }
    let state = answer.opened(&sign_in);
    let binding = binding(&headers, &origin);
    match state {
        Some(state) if state.is_of(binding, sign_in.cache().now()) && answer.says_something() => {
            answered(&sign_in, &origin, &state, answer).await
        }
        state => elsewhere(&sign_in, &headers, &origin, state.as_ref(), binding).await,
    }
}

/// `POST {CallbackPath}` with `code=…&state=…` in its body: `response_mode=form_post`.
pub(crate) async fn posted(State(sign_in): State<SignIn>, headers: HeaderMap, body: Bytes) -> Response {
    let origin = match sign_in.origin(&headers) {
        Ok(origin) => origin,
        Err(notice) => return notice.respond(Some(sign_in.render())),
    };
    let mut answer = Answer::read(&Secret::new(String::from_utf8_lossy(&body)));
    if !origin.is_secure() {
        answer = Answer { state: answer.state, ..Answer::default() };
    }
    match answer.opened(&sign_in) {
        Some(state) if state.is_of(binding(&headers, &origin), sign_in.cache().now()) && answer.says_something() => {
            answered(&sign_in, &origin, &state, answer).await
        }
        // The session's cookie does not come with a POST of another site, but with the GET this is made into.
        state => see_other(&sign_in.look_again(state.and(answer.state).as_deref()), []),
    }
}

async fn answered(sign_in: &SignIn, origin: &Origin, state: &SignInState, answer: Answer) -> Response {
    match (answer.error, answer.code) {
        (None, Some(code)) => complete(sign_in, origin, state, &code).await,
        (error, _) => refused(sign_in, state, error.as_deref().unwrap_or_default(), answer.description.as_deref()),
    }
}

/// Redeems the code and begins the session.
async fn complete(sign_in: &SignIn, origin: &Origin, state: &SignInState, code: &Secret) -> Response {
    let inner = &*sign_in.0;
    let redirect_uri = origin.join(&inner.callback_path);
    let scopes = sign_in.scopes_with(&state.scopes);
    let sealed = match inner.client.complete_sign_in(&state.pending, code, &redirect_uri, &scopes).await {
        Ok(signed_in) => begin_session(sign_in, signed_in).await,
        Err(error) => Err(error),
    };
    match sealed {
        Ok(sealed) => see_other(
            &state.return_url,
            [Cookie::Session.set(origin, &sealed, LIFE.as_secs()), Cookie::Binding.remove(origin)],
        ),
        Err(error) => not_completed(sign_in, state, &error),
    }
}

/// The sealed session of who just signed in.
async fn begin_session(sign_in: &SignIn, signed_in: absentia::SignedIn) -> Result<String, Error> {
    let account = signed_in.account.id;
    let at_entra = signed_in.sid.as_ref().and_then(|sid| AtEntra::of(sid.expose()));
    if let Some(at_entra) = &at_entra {
        sign_in.begins(at_entra, &signed_in.issuer).await?;
    }
    tracing::info!(%account, "signed in");
    let issued_at = sign_in.cache().now();
    Session { account, generation: signed_in.generation, issued_at, at_entra }.seal(sign_in.ring(), sign_in.cache())
}

/// The code came to nothing. The sign-in itself can be tried again.
fn not_completed(sign_in: &SignIn, state: &SignInState, error: &Error) -> Response {
    tracing::warn!(%error, "a sign-in could not be completed");
    let mut notice = notice_of(error);
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Throttled => {
            notice.text =
                "You are not signed in, because something this needs did not answer. Try again in a moment.".to_owned();
        }
        ErrorKind::Config => {}
        _ => {
            notice.status = StatusCode::BAD_REQUEST;
            "You are not signed in".clone_into(&mut notice.title);
            notice.text = format!("Entra's answer was not accepted ({}). Please sign in again.", error.reason());
        }
    }
    notice.offer_sign_in(&state.return_url).respond(Some(sign_in.render()))
}

/// Entra or the user said no.
fn refused(sign_in: &SignIn, state: &SignInState, error: &str, description: Option<&str>) -> Response {
    tracing::info!(error = %short(error, 60), "a sign-in was refused");
    let text = match (error, description) {
        ("access_denied", None) => "The sign-in was cancelled.".to_owned(),
        ("access_denied", Some(description)) => format!("The sign-in was cancelled. {}", short(description, 500)),
        (_, Some(description)) => short(description, 500),
        (error, None) => format!("Entra answered {}.", short(error, 60)),
    };
    let status = if error == "temporarily_unavailable" || error == "server_error" {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::FORBIDDEN
    };
    Notice::new(status, "You are not signed in", text).offer_sign_in(&state.return_url).respond(Some(sign_in.render()))
}

/// Not an answer to a sign-in that this browser has under way: an old tab, the browser's history, a bookmark, or somebody
/// else's link. Nothing is redeemed.
async fn elsewhere(
    sign_in: &SignIn,
    headers: &HeaderMap,
    origin: &Origin,
    state: Option<&SignInState>,
    binding: Option<&str>,
) -> Response {
    let return_url = state.map_or("/", |state| state.return_url.as_str());
    match sign_in.session(headers, origin).await {
        Ok(Some(_)) => return see_other(return_url, []),
        Ok(None) => {}
        Err(error) => return failed(sign_in, &error, "looking for a session"),
    }
    // A tab whose sign-in was begun under another binding, or long ago, in a browser that is signing in: begin again.
    if let (Some(_), Some(binding)) = (state, binding) {
        let again = Begin { origin, binding: Some(binding), return_url, scopes: "", claims: None, login_hint: None };
        return sign_in.begin(&again).unwrap_or_else(|error| failed(sign_in, &error, "beginning a sign-in"));
    }
    let text = "This page belongs to a sign-in that is over or was begun in another browser. Please sign in again.";
    Notice::new(StatusCode::BAD_REQUEST, "You are not signed in", text)
        .offer_sign_in(return_url)
        .respond(Some(sign_in.render()))
}

impl Answer {
    fn read(form: &Secret) -> Self {
        let mut answer = Self::default();
        for (name, value) in url::form_urlencoded::parse(form.expose().as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "code" if !value.is_empty() => answer.code = Some(Secret::new(value)),
                "state" => answer.state = Some(value),
                "error" => answer.error = Some(value),
                "error_description" => answer.description = Some(value),
                _ => {}
            }
        }
        answer
    }

    /// Its state, if this app once sealed it.
    fn opened(&self, sign_in: &SignIn) -> Option<SignInState> {
        let now = sign_in.cache().clock().now();
        self.state.as_deref().and_then(|state| SignInState::open(sign_in.ring(), state, now))
    }

    fn says_something(&self) -> bool {
        self.code.is_some() || self.error.is_some()
    }
}

impl SignIn {
    /// The callback as a page to look at: nothing is redeemed there.
    fn look_again(&self, state: Option<&str>) -> String {
        let path = &self.0.callback_path;
        state.map_or_else(
            || path.clone(),
            |state| {
                let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
                format!("{path}?{query}")
            },
        )
    }
}

/// At most so many characters of text from outside, on one line.
fn short(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}
