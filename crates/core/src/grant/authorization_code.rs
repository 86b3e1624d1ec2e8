//! Authorization code with PKCE: RFC 6749 section 4.1, RFC 7636; Entra, "OAuth 2.0 authorization code flow".

use super::{Form, user_scopes};
use crate::{Authority, Scopes, Secret, pkce};

/// What the URL of a sign-in is made of.
#[derive(Debug)]
pub struct SignIn<'a> {
    /// The app.
    pub client_id: &'a str,
    /// Where the code comes back to; must be registered.
    pub redirect_uri: &'a str,
    /// What is asked for, besides OpenID Connect's scopes.
    pub scopes: Scopes<'a>,
    /// Comes back as it is.
    pub state: &'a str,
    /// Comes back inside the ID token.
    pub nonce: &'a str,
    /// The PKCE verifier; its S256 challenge is sent.
    pub verifier: &'a Secret,
    /// `query`, `fragment` or `form_post`.
    pub response_mode: &'a str,
    /// `login`, `select_account`, `consent` or `none`.
    pub prompt: Option<&'a str>,
    /// User name to fill in.
    pub login_hint: Option<&'a str>,
    /// Claims to ask for, JSON text.
    pub claims: Option<&'a str>,
}

impl SignIn<'_> {
    /// The URL to send the browser to.
    pub fn url(&self, authority: &Authority) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("client_id", self.client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("scope", &user_scopes(self.scopes))
            .append_pair("response_mode", self.response_mode)
            .append_pair("state", self.state)
            .append_pair("nonce", self.nonce)
            .append_pair("code_challenge", &pkce::challenge(self.verifier))
            .append_pair("code_challenge_method", "S256")
            .append_pair("client_info", "1");
        for (name, value) in [("prompt", self.prompt), ("login_hint", self.login_hint), ("claims", self.claims)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("{}?{}", authority.authorization_endpoint(), query.finish())
    }
}

/// The request that redeems a code. A code is redeemed once: this request is never repeated.
pub fn form(client_id: &str, code: &Secret, redirect_uri: &str, verifier: &Secret, scopes: Scopes<'_>) -> Form {
    Form::new("authorization_code", client_id)
        .secret("code", code)
        .plain("redirect_uri", redirect_uri)
        .secret("code_verifier", verifier)
        .plain("scope", user_scopes(scopes))
        .plain("client_info", "1")
}
