//! Token requests: one file per grant, each a function from what is known to the form that is sent.

pub mod authorization_code;
pub mod client_credentials;
pub mod on_behalf_of;
pub mod refresh_token;

use std::fmt;

use zeroize::Zeroizing;

use crate::{Scopes, Secret, scope};

/// The body of a token request, before it is written out. `Debug` shows names, and values of the harmless ones only.
#[derive(Clone)]
pub struct Form(Vec<(&'static str, Value)>);

#[derive(Clone)]
enum Value {
    Plain(String),
    Secret(Secret),
}

impl Form {
    fn new(grant_type: &str, client_id: &str) -> Self {
        Self(Vec::with_capacity(10)).plain("client_id", client_id).plain("grant_type", grant_type)
    }

    fn plain(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, Value::Plain(value.into())));
        self
    }

    fn secret(mut self, name: &'static str, value: &Secret) -> Self {
        self.0.push((name, Value::Secret(value.clone())));
        self
    }

    /// Adds the client secret (`client_secret_post`).
    #[must_use]
    pub fn client_secret(self, secret: &Secret) -> Self {
        self.secret("client_secret", secret)
    }

    /// Adds claims to ask for.
    #[must_use]
    pub fn claims(self, claims: Option<&str>) -> Self {
        match claims {
            Some(claims) => self.plain("claims", claims),
            None => self,
        }
    }

    /// A value that is no secret, for logs and tests.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| *key == name).and_then(|(_, value)| match value {
            Value::Plain(text) => Some(text.as_str()),
            Value::Secret(_) => None,
        })
    }

    /// The secrets in it: what an answer must not be allowed to echo into a log.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter().filter_map(|(_, value)| match value {
            Value::Secret(secret) => Some(secret),
            Value::Plain(_) => None,
        })
    }

    /// The body, `application/x-www-form-urlencoded`. Wiped when dropped.
    pub fn encode(&self) -> Zeroizing<String> {
        let mut body = url::form_urlencoded::Serializer::new(String::with_capacity(1024));
        for (name, value) in &self.0 {
            body.append_pair(
                name,
                match value {
                    Value::Plain(text) => text,
                    Value::Secret(secret) => secret.expose(),
                },
            );
        }
        Zeroizing::new(body.finish())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in &self.0 {
            match value {
                Value::Plain(text) => map.entry(name, text),
                Value::Secret(secret) => map.entry(name, secret),
            };
        }
        map.finish()
    }
}

/// What a user token is asked for on the wire: the scopes and OpenID Connect's, so that an ID token and a refresh token
/// come too.
pub fn user_scopes(scopes: Scopes<'_>) -> String {
    scope::join(scopes.words().chain(scope::OIDC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_shows_no_secret_and_encodes_all() {
        let secret = Secret::new("s3cret+/=&");
        let form = refresh_token::form("cid", &Secret::new("rt"), Scopes::from("User.Read")).client_secret(&secret);
        let shown = format!("{form:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("\"rt\""), "{shown}");
        assert_eq!(
            &*form.encode(),
            "client_id=cid&grant_type=refresh_token&refresh_token=rt&scope=User.Read+openid+profile+offline_access\
             &client_info=1&client_secret=s3cret%2B%2F%3D%26"
        );
    }
}
