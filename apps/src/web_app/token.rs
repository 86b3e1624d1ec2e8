//! Calling Graph for the user of a page.

use absentia::AccessToken;
use absentia_axum::{SignedIn, SignedInRejection};

use crate::graph;

/// What `ask` answers with a token for `scopes`. Where Graph wants other claims, a token with them is asked for once. What is
/// then missing only the user can give: a sign-in, a consent, a second factor. The rejection sends her there, with scopes and
/// claims, and she comes back to the same page.
pub(super) async fn with_token<T, F>(
    user: &SignedIn,
    scopes: &str,
    ask: impl Fn(AccessToken) -> F,
) -> Result<T, SignedInRejection>
where
    F: Future<Output = Result<T, graph::Error>>,
{
    let token = user.token(scopes).await?;
    let claims = match ask(token).await {
        Ok(answer) => return Ok(answer),
        Err(graph::Error::Challenge { claims }) => claims,
        Err(error) => return Err(user.reject_for(scopes, error)),
    };
    let token = user.acquirer().token(scopes).claims(claims.as_str()).await;
    let token = token.map_err(|error| user.reject_for(scopes, error))?;
    ask(token).await.map_err(|error| user.reject_for(scopes, error))
}
