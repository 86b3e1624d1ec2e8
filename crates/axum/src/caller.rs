//! The user on whose behalf an API is called.

use absentia::{
    AccountId, Error, LongRunningKey, UserAssertion,
    bearer::{Refused, ValidToken},
};
use absentia_core::encoding::sha256_base64url;
use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};

use crate::{api::Api, caller_rejection::CallerRejection};

/// The longest `Authorization` that is looked at, in bytes. Entra's tokens with their most claims stay well below.
const LONGEST: usize = 16 * 1024;

/// Who calls: a user, through an app that may act for her. The token was verified and grants one of the [`Api`]'s scopes.
#[derive(Clone, Debug)]
pub struct Caller {
    api: Api,
    token: ValidToken,
    account: AccountId,
}

impl Caller {
    /// `oid.tid` of her token: the home account id of a user at home. For a guest it names her in this tenant.
    pub fn account_id(&self) -> &AccountId {
        &self.account
    }

    /// Her token, to act on her behalf.
    pub fn assertion(&self) -> UserAssertion {
        self.token.assertion()
    }

    /// The verified token.
    pub fn token(&self) -> &ValidToken {
        &self.token
    }

    /// The key of her long-running process for `purpose`: one per user and purpose, however many tokens she comes with. It
    /// is made of what was verified, so no other caller reaches it, and it is never a home account id, because it has no dot.
    pub fn long_running_key(&self, purpose: &str) -> LongRunningKey {
        let who = self.account.as_str().to_ascii_lowercase();
        // The lengths keep two pairs from being one text.
        let text = format!("of-{}", sha256_base64url(&format!("{}:{who}:{purpose}", who.len())));
        LongRunningKey::new(&text).unwrap_or_else(|_| LongRunningKey::from_stored(&text))
    }

    /// Refuses with 403 unless her token grants one of `scopes`: for a handler that wants more than the API as a whole.
    ///
    /// # Errors
    /// The refusal. Also for an empty list: nothing is open to everybody.
    pub fn require_scope(&self, scopes: &[&str]) -> Result<(), CallerRejection> {
        if self.token.has_any_scope(scopes) { Ok(()) } else { Err(CallerRejection::scope(scopes)) }
    }

    /// The refusal for an error of a call that was made for her. When it is that she must sign in, her app is told so, with
    /// the claims to ask for.
    pub fn reject(&self, error: impl Into<Error>) -> CallerRejection {
        CallerRejection::of(error.into(), Some(self.api.client()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Api: FromRef<S>,
{
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let api = Api::from_ref(state);
        let token = api.validator().validate(bearer(&parts.headers)?).await.map_err(|refused| match refused {
            Refused::Invalid(why) => CallerRejection::invalid(why),
            Refused::Unavailable(error) => CallerRejection::of(error, None),
        })?;
        let account = token.caller().ok_or_else(|| CallerRejection::invalid("The token names no user"))?;
        let caller = Self { api, token, account };
        caller.require_scope(&caller.api.scopes())?;
        Ok(caller)
    }
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Result<&str, CallerRejection> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let header = sent.next().ok_or_else(CallerRejection::no_token)?;
    if sent.next().is_some() {
        return Err(CallerRejection::invalid("Several Authorization headers were sent"));
    }
    if header.len() > LONGEST {
        return Err(CallerRejection::invalid("The token is too long"));
    }
    let text = header.to_str().map_err(|_| CallerRejection::invalid("The token is malformed"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(token.trim()),
        _ => Err(CallerRejection::no_token()),
    }
}
