//! The latest mail: a page that needs one more permission than signing in does (incremental consent).

use absentia::AccessToken;
use absentia_axum::{SignedIn, SignedInRejection};
use axum::{extract::State, response::Html};

use super::{pages, token::with_token};
use crate::graph::Graph;

/// What this page needs, and no other.
const SCOPES: &str = "Mail.Read";
/// So many messages are shown.
const MOST: usize = 10;

/// `GET /mail`
pub(super) async fn mail(user: SignedIn, State(graph): State<Graph>) -> Result<Html<String>, SignedInRejection> {
    let ask = |token: AccessToken| {
        let graph = graph.clone();
        async move { graph.messages(&token, MOST).await }
    };
    let messages = with_token(&user, SCOPES, ask).await?;
    Ok(Html(pages::mail(user.account(), &messages).into_string()))
}
