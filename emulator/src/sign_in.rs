//! Signing in without a browser: the same steps as the pages, without HTTP.

use std::future::{IntoFuture, Ready, ready};
use std::sync::Arc;

use crate::aadsts::Refusal;
use crate::authorize::{Choice, Purpose, Request, Step, next, trust};
use crate::entra::Entra;
use crate::handle::{AppHandle, UserHandle};
use crate::http::params::Params;
use crate::issued::SecretKind;

/// A sign-in that happens when it is awaited; the answer is the authorization code. See [`UserHandle::sign_in`].
#[derive(Clone)]
#[must_use = "it happens when awaited"]
pub struct SignIn {
    entra: Arc<Entra>,
    tenant: String,
    upn: String,
    password: String,
    params: Vec<(String, String)>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("upn", &self.upn).finish_non_exhaustive()
    }
}

/// Why a sign-in ended without a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AADSTS{aadsts}: {message}")]
#[non_exhaustive]
pub struct SignInError {
    /// The number after `AADSTS`.
    pub aadsts: u32,
    /// OAuth error code.
    pub error: &'static str,
    /// What happened.
    pub message: String,
}

impl From<Refusal> for SignInError {
    fn from(refusal: Refusal) -> SignInError {
        SignInError { aadsts: refusal.code, error: refusal.error, message: refusal.message }
    }
}

impl SignIn {
    pub(crate) fn new(
        entra: Arc<Entra>,
        user: &UserHandle,
        app: &AppHandle,
        redirect_uri: &str,
        scopes: &str,
    ) -> SignIn {
        let pairs = [
            ("client_id", app.client_id()),
            ("response_type", "code"),
            ("redirect_uri", redirect_uri),
            ("scope", scopes),
        ];
        SignIn {
            entra,
            tenant: user.tenant_id().to_owned(),
            upn: user.upn().to_owned(),
            password: user.password().to_owned(),
            params: pairs.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        }
    }

    /// Any other parameter of the authorization request: `nonce`, `claims`, …
    pub fn with(mut self, name: &str, value: &str) -> SignIn {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The S256 challenge of a PKCE verifier; single-page apps need one.
    pub fn code_challenge(self, s256: &str) -> SignIn {
        self.with("code_challenge", s256).with("code_challenge_method", "S256")
    }

    /// Another authority segment than the user's tenant: another tenant's id or domain, `organizations`, …
    pub fn at(mut self, tenant: &str) -> SignIn {
        tenant.clone_into(&mut self.tenant);
        self
    }

    fn run(&self) -> Result<String, Refusal> {
        let entra = &self.entra;
        let params = Params::from_pairs(self.params.clone());
        let request = Request { purpose: Purpose::SignIn, tenant: self.tenant.clone(), params };
        let asked = trust(entra, &request)?;
        let mut account = entra.check_password(&self.upn, &self.password)?;
        account.contexts = crate::contexts::asked(request.params.get("claims"));
        let home_id = account.home_id.clone();
        let cookie = entra.sessions.sign_in(None, account)?;
        entra.issued.record(SecretKind::SessionCookie, &cookie);
        let session = entra.sessions.get(&cookie);
        match next(entra, &asked, session.as_ref(), Choice::Allowed(&home_id)) {
            Step::Code { code, .. } => Ok(code),
            Step::Refuse(refusal) | Step::Page(refusal) => Err(refusal),
            Step::Login | Step::Pick(_) | Step::Consent { .. } | Step::Allowed { .. } => Err(Refusal::internal()),
        }
    }
}

impl IntoFuture for SignIn {
    type Output = Result<String, SignInError>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.run().map_err(SignInError::from))
    }
}
