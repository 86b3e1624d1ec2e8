//! What a browser gets instead of the page it asked for.

use std::fmt;

use absentia::{Error, ErrorKind};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::{
    notice::Notice,
    origin::Origin,
    sign_in::{Begin, SignIn, failed, notice_of},
};

/// Why there is no page: nobody is signed in, Entra wants to see the user again, or something is out of order. As a response
/// it does what helps.
///
/// | | a navigation | a form or a script |
/// |---|---|---|
/// | nobody, [`InteractionRequired`](ErrorKind::InteractionRequired) | 303 to Entra, and back to the same page | 401 with a link |
/// | [`Unavailable`](ErrorKind::Unavailable), [`Throttled`](ErrorKind::Throttled) | 503 with `Retry-After` | the same |
/// | [`Config`](ErrorKind::Config), [`Rejected`](ErrorKind::Rejected) | 500 | the same |
///
/// An absentia error becomes one by `?`; made by [`SignedIn::reject`](crate::SignedIn::reject) it also knows the page to come
/// back to and the claims to ask for.
#[derive(Debug)]
pub struct SignedInRejection(Box<Why>);

#[derive(Debug)]
enum Why {
    Nobody(Context),
    Failed(Error, Option<Context>),
    Notice(Notice),
}

/// The request that was rejected.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) sign_in: SignIn,
    pub(crate) origin: Origin,
    pub(crate) binding: Option<String>,
    pub(crate) return_url: String,
    pub(crate) navigates: bool,
    pub(crate) scopes: String,
    pub(crate) login_hint: Option<String>,
}

impl SignedInRejection {
    pub(crate) fn nobody(context: Context) -> Self {
        Self(Box::new(Why::Nobody(context)))
    }

    pub(crate) fn of(error: Error, context: Context) -> Self {
        Self(Box::new(Why::Failed(error, Some(context))))
    }

    pub(crate) fn notice(notice: Notice) -> Self {
        Self(Box::new(Why::Notice(notice)))
    }

    /// The error, if it is one: that nobody is signed in is none.
    pub fn error(&self) -> Option<&Error> {
        match &*self.0 {
            Why::Failed(error, _) => Some(error),
            Why::Nobody(_) | Why::Notice(_) => None,
        }
    }
}

impl From<Error> for SignedInRejection {
    fn from(error: Error) -> Self {
        Self(Box::new(Why::Failed(error, None)))
    }
}

impl IntoResponse for SignedInRejection {
    fn into_response(self) -> Response {
        match *self.0 {
            Why::Notice(notice) => notice.respond(None),
            Why::Nobody(context) => context.to_sign_in(None),
            Why::Failed(error, Some(context)) if error.kind() == ErrorKind::InteractionRequired => {
                tracing::info!(%error, "the user is sent to sign in again");
                context.to_sign_in(error.claims())
            }
            Why::Failed(error, None) if error.kind() == ErrorKind::InteractionRequired => {
                tracing::info!(%error, "the user is sent to sign in again");
                crate::sign_in::begin::see_other(crate::sign_in::SIGN_IN_PATH, [])
            }
            Why::Failed(error, context) => {
                tracing::warn!(%error, "a page could not be served");
                let notice = notice_of(&error).offer(context.as_ref().map_or("/", |c| &c.return_url), "Try again");
                notice.respond(context.as_ref().map(|context| context.sign_in.render()))
            }
        }
    }
}

impl Context {
    fn to_sign_in(&self, claims: Option<&str>) -> Response {
        if !self.navigates {
            return Notice::new(StatusCode::UNAUTHORIZED, "You are not signed in", "Sign in, then do it once more.")
                .offer_sign_in("/")
                .respond(Some(self.sign_in.render()));
        }
        let begin = Begin {
            origin: &self.origin,
            binding: self.binding.as_deref(),
            return_url: &self.return_url,
            scopes: &self.scopes,
            claims,
            login_hint: self.login_hint.as_deref(),
        };
        self.sign_in.begin(&begin).unwrap_or_else(|error| failed(&self.sign_in, &error, "beginning a sign-in"))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("navigates", &self.navigates)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
