//! An emulator, a store, a process that signs users in and one that acts for them; time stands still.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia::{
    AccountId, Authority, ClientCredential, ConfidentialClient, Error, Secret, SignInOptions, Started, TokenCache,
    UserAssertion,
    store::{Account, AccountStore, Backend, GrantKind, GrantState, ManualClock, MemoryStore, Removal},
};
use absentia_emulator::Emulator;
use absentia_worker::{AbsentUser, Report, Worker};

const REDIRECT: &str = "http://localhost:44321/signin-oidc";
const SIGN_IN: &str = "openid profile offline_access User.Read";
pub(crate) const SCOPE: &str = "User.Read";
/// So short that a token is past its use at once, and of no last resort either.
pub(crate) const SHORT: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    pub(crate) entra: Emulator,
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) web: ConfidentialClient,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let entra = Emulator::start().await;
        let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(entra.now() as u64));
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let web = client(&entra, Backend::of("memory", &store), &clock, entra.app("contoso-web").secret(), false);
        Self { entra, clock, store, web }
    }

    pub(crate) fn backend(&self) -> Backend {
        Backend::of("memory", &self.store)
    }

    /// A process of its own over the same store.
    pub(crate) fn worker(&self) -> Worker {
        self.worker_over(self.backend())
    }

    pub(crate) fn worker_over(&self, backend: Backend) -> Worker {
        let secret = self.entra.app("contoso-worker").secret().to_owned();
        Worker::new(&client(&self.entra, backend, &self.clock, &secret, true)).idle(Duration::ZERO)
    }

    pub(crate) fn worker_with_secret(&self, secret: &str) -> Worker {
        Worker::new(&client(&self.entra, self.backend(), &self.clock, secret, true)).idle(Duration::ZERO)
    }

    /// Time passes here and at Entra.
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.entra.advance(time);
    }

    pub(crate) async fn sign_in(&self, name: &str) -> AccountId {
        let app = self.entra.app("contoso-web");
        let pending = self.web.begin_sign_in().unwrap();
        let url = self.web.sign_in_url(&pending, REDIRECT, SIGN_IN, "state", &SignInOptions::default());
        let mut sign_in = self.entra.user(name).sign_in(&app, REDIRECT, SIGN_IN);
        for (name, value) in url::Url::parse(&url).unwrap().query_pairs() {
            if name == "nonce" || name.starts_with("code_challenge") {
                sign_in = sign_in.with(&name, &value);
            }
        }
        let code = Secret::new(sign_in.await.unwrap());
        let signed_in = self.web.complete_sign_in(&pending, &code, REDIRECT, SIGN_IN).await.unwrap();
        self.pass(Duration::from_secs(1));
        signed_in.account.id
    }

    /// A user whose token is past its use when the worker comes.
    pub(crate) async fn sign_in_short(&self, name: &str) -> AccountId {
        self.entra.set_token_lifetime(&self.entra.user(name), SHORT);
        self.sign_in(name).await
    }

    /// A long-running process of a user who signed in, started by the API (here the same registration).
    pub(crate) async fn start_long_running(&self, name: &str, account: &AccountId) -> Started {
        let scope = format!("{}/Profile.Read", self.web.client_id());
        self.entra.consent(&self.entra.user(name), &self.entra.app("contoso-web"), &scope);
        let token = self.web.account(account).token(scope.as_str()).await.unwrap();
        let assertion = UserAssertion::unverified(token.secret().expose());
        let started = self.web.start_long_running(&assertion).token(SCOPE).await.unwrap();
        self.pass(Duration::from_secs(1));
        started
    }

    /// Deletes the user's own entry by hand.
    pub(crate) async fn delete_entry(&self, account: &AccountId) {
        let account = self.account(account).await;
        let own = account.grants.iter().find(|grant| grant.kind == GrantKind::Account).unwrap();
        self.backend().entries.remove(&own.key, Removal::SignOut).await.unwrap();
    }

    pub(crate) async fn account(&self, id: &AccountId) -> Account {
        self.store.account(self.web.client_id(), id.as_str()).await.unwrap().unwrap()
    }

    /// The states of her grants by kind: `healthy`, or the reason.
    pub(crate) async fn states(&self, id: &AccountId) -> Vec<(GrantKind, String)> {
        let account = self.account(id).await;
        let mut states: Vec<_> = account
            .acting_grants()
            .map(|grant| match &grant.state {
                GrantState::Healthy => (grant.kind, "healthy".to_owned()),
                GrantState::NeedsSignIn { reason, .. } => (grant.kind, reason.clone()),
            })
            .collect();
        states.sort();
        states
    }

    pub(crate) async fn is_healthy(&self, id: &AccountId) -> bool {
        self.states(id).await.iter().all(|(_, state)| state == "healthy")
    }

    pub(crate) fn token_requests(&self, name: &str) -> usize {
        self.entra.journal().token_requests().of(self.entra.user(name)).count()
    }
}

fn client(
    entra: &Emulator,
    backend: Backend,
    clock: &ManualClock,
    secret: &str,
    background: bool,
) -> ConfidentialClient {
    let cache = TokenCache::plain(backend).clock(Arc::new(clock.clone())).build();
    let authority = Authority::new(entra.url(), entra.tenant_id()).unwrap();
    let credential = ClientCredential::secret(Secret::new(secret)).unwrap();
    let app = entra.app("contoso-worker");
    let builder = ConfidentialClient::builder(authority, app.client_id(), credential).cache(&cache);
    if background { builder.background() } else { builder }.build().unwrap()
}

/// One pass that only asks for a token.
pub(crate) async fn once(worker: &Worker) -> Report<()> {
    worker.once(std::future::pending(), ask).await
}

pub(crate) async fn ask(absent: AbsentUser) -> Result<(), Error> {
    absent.token(SCOPE).await.map(drop)
}

/// The one account of a pass that failed.
pub(crate) fn only_failure<T>(report: &Report<T>) -> &absentia_worker::Failure {
    let failures: Vec<_> = report.failed().map(|(_, failure)| failure).collect();
    assert_eq!(failures.len(), 1, "{:?}", report.counts);
    failures[0]
}

pub(crate) fn after(now: SystemTime, seconds: u64) -> SystemTime {
    now + Duration::from_secs(seconds)
}
