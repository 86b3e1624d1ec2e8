//! Client credentials: RFC 6749 section 4.4; Entra, "OAuth 2.0 client credentials flow".

use super::Form;
use crate::Scopes;

/// The request for the app's own token. OpenID Connect's scopes are left out: there is no user.
pub fn form(client_id: &str, scopes: Scopes<'_>) -> Form {
    Form::new("client_credentials", client_id)
        .plain("scope", crate::scope::join(scopes.resource_words()))
        .plain("client_info", "2")
}
