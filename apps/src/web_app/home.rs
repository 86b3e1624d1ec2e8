//! The home page: an invitation, or the user's profile.

use absentia::AccessToken;
use absentia_axum::{SignIn, SignedIn, SignedInRejection};
use axum::{extract::State, response::Html};

use super::{SCOPES, pages, token::with_token};
use crate::graph::Graph;

/// What is shown of the profile.
const FIELDS: [&str; 9] = [
    "displayName",
    "mail",
    "userPrincipalName",
    "jobTitle",
    "department",
    "companyName",
    "employeeId",
    "city",
    "country",
];

/// `GET /`
pub(super) async fn home(
    user: Option<SignedIn>,
    State(sign_in): State<SignIn>,
    State(graph): State<Graph>,
) -> Result<Html<String>, SignedInRejection> {
    let Some(user) = user else { return Ok(Html(pages::welcome().into_string())) };
    let ask = |token: AccessToken| {
        let graph = graph.clone();
        async move { graph.me(&token, &FIELDS).await.map(|me| (token, me)) }
    };
    let (token, me) = with_token(&user, SCOPES, ask).await?;
    let now = sign_in.client().cache().clock().now();
    Ok(Html(pages::profile(user.account(), &me, &FIELDS, &token, now).into_string()))
}
