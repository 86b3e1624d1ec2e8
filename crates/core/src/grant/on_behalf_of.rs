//! On-behalf-of: RFC 7523 section 2.1 as Entra uses it, "OAuth 2.0 On-Behalf-Of flow".

use super::{Form, user_scopes};
use crate::{Scopes, Secret};

/// The request that exchanges a presented token for one of a downstream API.
pub fn form(client_id: &str, assertion: &Secret, scopes: Scopes<'_>) -> Form {
    Form::new("urn:ietf:params:oauth:grant-type:jwt-bearer", client_id)
        .secret("assertion", assertion)
        .plain("requested_token_use", "on_behalf_of")
        .plain("scope", user_scopes(scopes))
        .plain("client_info", "1")
}
