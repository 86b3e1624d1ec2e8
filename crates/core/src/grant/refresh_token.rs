//! Refresh token: RFC 6749 section 6; Entra, "Refresh the access token".

use super::{Form, user_scopes};
use crate::{Scopes, Secret};

/// The request that redeems a refresh token. A scope always goes with it: without one Entra takes the request of an app
/// that is client and API at once for a token to itself, and refuses (AADSTS90009).
pub fn form(client_id: &str, refresh_token: &Secret, scopes: Scopes<'_>) -> Form {
    Form::new("refresh_token", client_id)
        .secret("refresh_token", refresh_token)
        .plain("scope", user_scopes(scopes))
        .plain("client_info", "1")
}
