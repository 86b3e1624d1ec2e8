//! Who answers `token(scopes)`.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use absentia_cache::{Identity, Layout, Slot, Subject, View};
use absentia_core::{AccountId, Error, Scopes, scope};

use crate::{
    acquire::{self, Ask},
    assertion::UserAssertion,
    client::Inner,
    token::AccessToken,
    want::{Material, Want},
};

/// Tokens for one subject. Whose they are was decided when it was made. Cheap to clone.
#[derive(Clone)]
#[doc(alias = "ITokenAcquirer")]
pub struct TokenAcquirer {
    pub(crate) client: Arc<Inner>,
    who: Arc<Who>,
}

/// The subject, with what was computed of it when the acquirer was made.
struct Who {
    /// For an app: the key up to the resource.
    prefix: String,
    suffix: &'static str,
    view: View,
    /// The slot of a user; an app has one per entry.
    slot: Option<Slot>,
    subject: WhoIs,
    owner: Option<AccountId>,
}

#[derive(Clone)]
enum WhoIs {
    App,
    User(Identity, Material),
}

impl TokenAcquirer {
    pub(crate) fn app(client: Arc<Inner>) -> Self {
        let identity = app_identity(&client, "");
        let (prefix, _, suffix) = identity.name();
        let view = client.app_cache.view(&identity);
        Self { client, who: Arc::new(Who { prefix, suffix, view, slot: None, subject: WhoIs::App, owner: None }) }
    }

    pub(crate) fn user(client: Arc<Inner>, identity: Identity, material: Material) -> Self {
        let (prefix, _, suffix) = identity.name();
        let view = client.user_cache.view(&identity);
        let slot = Some(client.user_cache.slot(view, &prefix, "", suffix));
        let subject = WhoIs::User(identity, material);
        Self { client, who: Arc::new(Who { prefix, suffix, view, slot, subject, owner: None }) }
    }

    pub(crate) fn owned_by(mut self, owner: AccountId) -> Self {
        self.change(|who| who.owner = Some(owner));
        self
    }

    fn change(&mut self, change: impl FnOnce(&mut Who)) {
        let who = &*self.who;
        let mut changed = Who {
            prefix: who.prefix.clone(),
            suffix: who.suffix,
            view: who.view,
            slot: who.slot,
            subject: who.subject.clone(),
            owner: who.owner.clone(),
        };
        change(&mut changed);
        self.who = Arc::new(changed);
    }

    /// Where nothing is stored under the long-running key, or what is stored is not accepted any more, `assertion` starts the
    /// process. For other subjects this changes nothing.
    #[must_use]
    pub fn or_start(mut self, assertion: &UserAssertion) -> Self {
        if let WhoIs::User(Identity { subject: Subject::LongRunning(_), .. }, _) = &self.who.subject {
            self.change(|who| {
                if let WhoIs::User(_, material) = &mut who.subject {
                    *material = Material::StoredOr(assertion.clone());
                }
            });
        }
        self
    }

    /// A token that grants `scopes`: from memory, else the store, else Entra.
    ///
    /// A served token lives at least five minutes more, or 30 seconds while Entra is out of order. A token that is due is
    /// served at once and refreshed in the background. Callers that want the same at once share one request. The answer
    /// itself can be awaited, or told more first: [`claims`](TokenRequest::claims), [`instead_of`](TokenRequest::instead_of).
    ///
    /// Cancel safe: a request that was sent goes on and is cached.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind): each kind says what to do.
    pub fn token<'a>(&'a self, scopes: impl Into<Scopes<'a>>) -> TokenRequest<'a> {
        TokenRequest { acquirer: self, scopes: scopes.into(), claims: None, instead_of: None, slow: None, done: false }
    }

    /// The parts of the key that are looked for in memory, and their slot. `None` for an app's scopes of no or several
    /// resources.
    pub(crate) fn name<'a>(&'a self, scopes: Scopes<'a>) -> Option<(Slot, (&'a str, &'a str, &'a str))> {
        let who = &*self.who;
        match who.slot {
            Some(slot) => Some((slot, (&who.prefix, "", who.suffix))),
            None => {
                let resource = match (scope::app_resource(scopes)?, self.client.app_cache.layout()) {
                    (resource, Layout::Native) => resource,
                    (_, Layout::DotNet) => "", // there an app has one entry for all resources
                };
                let slot = self.client.app_cache.slot(who.view, &who.prefix, resource, who.suffix);
                Some((slot, (&who.prefix, resource, who.suffix)))
            }
        }
    }

    pub(crate) fn is_app(&self) -> bool {
        matches!(self.who.subject, WhoIs::App)
    }

    /// Whether it always asks Entra: the start of a long-running process.
    pub(crate) fn asks_past_cache(&self) -> bool {
        matches!(self.who.subject, WhoIs::User(_, Material::Start(_)))
    }

    pub(crate) fn owner(&self) -> Option<&AccountId> {
        self.who.owner.as_ref()
    }

    pub(crate) fn want(&self, scopes: Scopes<'_>) -> Want {
        let (identity, material) = match &self.who.subject {
            WhoIs::App => (app_identity(&self.client, scope::app_resource(scopes).unwrap_or_default()), Material::App),
            WhoIs::User(identity, material) => (identity.clone(), material.clone()),
        };
        let slot = self.who.slot.unwrap_or_else(|| {
            let (prefix, resource, suffix) = identity.name();
            self.client.app_cache.slot(self.who.view, &prefix, resource, suffix)
        });
        Want::new(identity, slot, material, self.who.owner.clone(), scopes)
    }
}

fn app_identity(client: &Inner, resource: &str) -> Identity {
    Identity {
        client_id: client.client_id.clone(),
        authority: client.authority.clone(),
        subject: Subject::App { resource: resource.into() },
        layout: client.app_cache.layout(),
    }
}

impl fmt::Debug for TokenAcquirer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAcquirer").field("key", &self.who.prefix).finish_non_exhaustive()
    }
}

type Slow<'a> = Pin<Box<dyn Future<Output = Result<AccessToken, Error>> + Send + 'a>>;

/// One call for a token: await it.
#[must_use = "a token request does nothing unless it is awaited"]
pub struct TokenRequest<'a> {
    acquirer: &'a TokenAcquirer,
    scopes: Scopes<'a>,
    claims: Option<&'a str>,
    instead_of: Option<&'a AccessToken>,
    slow: Option<Slow<'a>>,
    done: bool,
}

impl<'a> TokenRequest<'a> {
    /// Asks for these claims (JSON text, decoded, as [`Error::claims`](crate::Error::claims) and
    /// [`Challenge::claims`](crate::challenge::Challenge::claims) give them). No cached token is used.
    #[doc(alias = "WithClaims")]
    pub fn claims(mut self, claims: impl Into<Option<&'a str>>) -> Self {
        self.claims = claims.into();
        self
    }

    /// Asks for another token than this one, which an API refused: a cached one serves only if it is not the same.
    #[doc(alias = "WithForceRefresh")]
    pub fn instead_of(mut self, refused: &'a AccessToken) -> Self {
        self.instead_of = Some(refused);
        self
    }
}

impl Future for TokenRequest<'_> {
    type Output = Result<AccessToken, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(slow) = &mut this.slow {
            return slow.as_mut().poll(context);
        }
        if std::mem::replace(&mut this.done, true) {
            return Poll::Pending; // polled again after the answer, which no executor does
        }
        let ask =
            Ask { acquirer: this.acquirer, scopes: this.scopes, claims: this.claims, instead_of: this.instead_of };
        // From memory at once and without allocating; all else in a future of its own.
        if let Some(answer) = acquire::from_memory(&ask) {
            return Poll::Ready(answer);
        }
        this.slow.insert(Box::pin(acquire::join(ask))).as_mut().poll(context)
    }
}
