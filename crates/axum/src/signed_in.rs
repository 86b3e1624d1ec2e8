//! The user who is signed in.

use absentia::{AccessToken, AccountId, Error, Scopes, TokenAcquirer, UserAccount};
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use http::{Method, request::Parts};

use crate::{
    sign_in::{SignIn, begin},
    signed_in_rejection::{Context, SignedInRejection},
};

/// The user of the browser's session. As an extractor it sends whoever has none to sign in and back to the same page;
/// `Option<SignedIn>` is for pages that serve both.
#[derive(Clone, Debug)]
pub struct SignedIn {
    account: UserAccount,
    acquirer: TokenAcquirer,
    context: Context,
}

impl SignedIn {
    /// Who she is.
    pub fn account(&self) -> &UserAccount {
        &self.account
    }

    /// Her home account id.
    pub fn account_id(&self) -> &AccountId {
        &self.account.id
    }

    /// A token for `scopes`. Cancel safe.
    ///
    /// # Errors
    /// A rejection that answers the request: it sends the browser to sign in when Entra asks for it, with Entra's claims
    /// and these scopes.
    pub async fn token<'a>(&self, scopes: impl Into<Scopes<'a>>) -> Result<AccessToken, SignedInRejection> {
        let scopes = scopes.into();
        self.acquirer.token(scopes).await.map_err(|error| self.reject_for(scopes, error))
    }

    /// Her tokens, for what [`token`](Self::token) does not offer: claims, another token than a refused one.
    pub fn acquirer(&self) -> &TokenAcquirer {
        &self.acquirer
    }

    /// The rejection for an error of a call that was made for her: an API's claims challenge, say.
    pub fn reject(&self, error: impl Into<Error>) -> SignedInRejection {
        SignedInRejection::of(error.into(), self.context.clone())
    }

    /// The same; the next sign-in also asks for `scopes`.
    pub fn reject_for<'a>(&self, scopes: impl Into<Scopes<'a>>, error: impl Into<Error>) -> SignedInRejection {
        let mut context = self.context.clone();
        context.scopes = scopes.into().join();
        SignedInRejection::of(error.into(), context)
    }
}

async fn extract(sign_in: SignIn, parts: &Parts) -> Result<Option<SignedIn>, SignedInRejection> {
    let origin = sign_in.origin(&parts.headers).map_err(SignedInRejection::notice)?;
    let mut context = context(&sign_in, origin, parts);
    match sign_in.session(&parts.headers, &context.origin).await {
        Ok(Some((session, account))) => {
            context.login_hint = Some(account.username.clone()).filter(|name| !name.is_empty());
            let acquirer = sign_in.client().account(&session.account);
            let account = UserAccount {
                id: session.account,
                local_id: None,
                tenant: account.tenant,
                username: account.username,
                name: None,
            };
            Ok(Some(SignedIn { account, acquirer, context }))
        }
        Ok(None) => Ok(None),
        Err(error) => Err(SignedInRejection::of(error, context)),
    }
}

fn context(sign_in: &SignIn, origin: crate::origin::Origin, parts: &Parts) -> Context {
    let page = parts.uri.path_and_query().map_or("/", |page| page.as_str());
    Context {
        binding: begin::binding(&parts.headers, &origin).map(str::to_owned),
        return_url: crate::local_path(page).to_owned(),
        navigates: matches!(parts.method, Method::GET | Method::HEAD),
        scopes: String::new(),
        login_hint: None,
        origin,
        sign_in: sign_in.clone(),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    SignIn: FromRef<S>,
{
    type Rejection = SignedInRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let sign_in = SignIn::from_ref(state);
        match extract(sign_in.clone(), parts).await? {
            Some(user) => Ok(user),
            None => {
                let origin = sign_in.origin(&parts.headers).map_err(SignedInRejection::notice)?;
                Err(SignedInRejection::nobody(context(&sign_in, origin, parts)))
            }
        }
    }
}

/// `None` without a session; a store that does not answer is still an error.
impl<S: Send + Sync> OptionalFromRequestParts<S> for SignedIn
where
    SignIn: FromRef<S>,
{
    type Rejection = SignedInRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Self::Rejection> {
        extract(SignIn::from_ref(state), parts).await
    }
}
