//! The one page: an invitation, or the user's profile.

use absentia::{AccessToken, Error};
use absentia_axum::{SignIn, SignedIn, SignedInRejection};
use axum::{extract::State, response::Html};

use super::{SCOPES, pages};
use crate::graph::{self, Graph, Me};

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
    let token = user.token(SCOPES).await?;
    let (token, me) = profile(&graph, &user, token).await.map_err(|error| user.reject(error))?;
    let now = sign_in.client().cache().clock().now();
    Ok(Html(pages::profile(user.account(), &me, &FIELDS, &token, now).into_string()))
}

/// The profile. Where Graph wants other claims, a token with them is asked for once; what then is refused only the user
/// can help with.
async fn profile(graph: &Graph, user: &SignedIn, token: AccessToken) -> Result<(AccessToken, Me), Error> {
    match graph.me(&token, &FIELDS).await {
        Ok(me) => Ok((token, me)),
        Err(graph::Error::Challenge { claims }) => {
            let token = user.acquirer().token(SCOPES).claims(claims.as_str()).await?;
            let me = graph.me(&token, &FIELDS).await?;
            Ok((token, me))
        }
        Err(error) => Err(error.into()),
    }
}
