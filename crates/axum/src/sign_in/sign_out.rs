//! Signing out: of this app's grants first, of the browser session, then at Entra.

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};

use super::{SignIn, begin::see_other, notice_of};
use crate::{cookies::Cookie, notice::Notice, origin::Origin};

/// `POST /sign-out`: removes what acts for the user, then the cookies, then sends the browser to Entra.
pub(crate) async fn sign_out(State(sign_in): State<SignIn>, headers: HeaderMap) -> Response {
    let origin = match sign_in.origin(&headers) {
        Ok(origin) => origin,
        Err(notice) => return notice.respond(Some(sign_in.render())),
    };
    if let Err(error) = end_account(&sign_in, &headers, &origin).await {
        tracing::error!(%error, "a sign-out failed");
        let mut notice = notice_of(&error);
        "You are not signed out yet".clone_into(&mut notice.title);
        "Not everything that can act for you could be removed. Please sign out once more in a moment."
            .clone_into(&mut notice.text);
        // The cookie stays: with it the sign-out can be repeated.
        return notice.offer("/", "Back").respond(Some(sign_in.render()));
    }
    let end = end_session_url(&sign_in, &origin).await;
    see_other(&end, [Cookie::Session.remove(&origin), Cookie::Binding.remove(&origin)])
}

/// `GET {SignedOutCallbackPath}`: back from Entra.
pub(crate) async fn signed_out(State(sign_in): State<SignIn>) -> Response {
    let text = "Nothing acts for you any more, also not in your absence.";
    Notice::new(StatusCode::OK, "You are signed out", text).offer_sign_in("/").respond(Some(sign_in.render()))
}

/// Ends everything of the session's user. A session that is over may repeat a sign-out that was not finished, and nothing
/// else: who signed in again since is not signed out by an old cookie.
async fn end_account(sign_in: &SignIn, headers: &HeaderMap, origin: &Origin) -> Result<(), absentia::Error> {
    let Some(session) = sign_in.presented(headers, origin) else { return Ok(()) };
    let hers = match sign_in.account(&session).await? {
        Some(account) => account.revoked_at.is_some() || account.generation == session.generation,
        None => false,
    };
    if hers {
        sign_in.client().sign_out(&session.account).await?;
    }
    Ok(())
}

/// Entra's end-session address, with the way back. What the metadata says, else where Entra always has it.
async fn end_session_url(sign_in: &SignIn, origin: &Origin) -> String {
    let client = sign_in.client();
    let metadata = client.discovery().metadata().await.ok();
    let end = metadata
        .and_then(|metadata| metadata.end_session_endpoint.clone())
        .unwrap_or_else(|| client.authority().end_session_endpoint());
    let back = origin.join(&sign_in.0.signed_out_path);
    let query =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("post_logout_redirect_uri", &back).finish();
    format!("{end}{}{query}", if end.contains('?') { '&' } else { '?' })
}
