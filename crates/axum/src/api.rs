//! How an API checks its callers.

use std::sync::Arc;

use absentia::{ConfidentialClient, Error, bearer::Validator};

/// What an API accepts. Cheap to clone; it belongs into the router's state.
#[derive(Clone, Debug)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: ConfidentialClient,
    validator: Validator,
    scopes: Vec<String>,
}

impl Api {
    /// An API that is `client`, and serves tokens that grant at least one of `scopes`. `audience` is what tokens must be for,
    /// if it is not the client id.
    ///
    /// # Errors
    /// `Config` without a scope: a route that asks for none would be open to every app of the tenant.
    pub fn new(client: &ConfidentialClient, audience: Option<&str>, scopes: &[&str]) -> Result<Self, Error> {
        let wrong = |scope: &&str| scope.is_empty() || scope.contains(char::is_whitespace);
        if scopes.is_empty() || scopes.iter().any(wrong) {
            return Err(Error::config("The API asks for no scope, so it would be open to every token of the tenant")
                .advise("Name the scopes that open it, such as `Profile.Read`"));
        }
        Ok(Self(Arc::new(Inner {
            client: client.clone(),
            validator: Validator::new(client.discovery().clone(), client.client_id(), audience),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        })))
    }

    /// The same API where other scopes open it: for a part of its routes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_scopes(&self, scopes: &[&str]) -> Result<Self, Error> {
        let mut api = Self::new(&self.0.client, None, scopes)?;
        if let Some(inner) = Arc::get_mut(&mut api.0) {
            inner.validator = self.0.validator.clone();
        }
        Ok(api)
    }

    /// The client.
    pub fn client(&self) -> &ConfidentialClient {
        &self.0.client
    }

    pub(crate) fn validator(&self) -> &Validator {
        &self.0.validator
    }

    pub(crate) fn scopes(&self) -> Vec<&str> {
        self.0.scopes.iter().map(String::as_str).collect()
    }
}
