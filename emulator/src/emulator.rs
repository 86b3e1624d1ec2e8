//! A running emulator and its switches.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::builder::Builder;
use crate::consents::Parties;
use crate::directory::Directory;
use crate::entra::{Entra, Outage};
use crate::handle::{AppHandle, UserHandle};
use crate::http::serve::Server;
use crate::issued::IssuedSecret;
use crate::journal::Journal;
use crate::lock;
use crate::tls::{Renewing, TlsError};

/// A running emulator. Dropping it stops it; [`stop`](Emulator::stop) also waits until its address is free.
///
/// All switches are states: what they set holds for all requests until it is set otherwise, and no answer is ever
/// queued for "the next request".
pub struct Emulator {
    entra: Arc<Entra>,
    addr: SocketAddr,
    server: Server,
    certificate: Option<Arc<Renewing>>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Emulator {
    pub(crate) fn new(
        entra: Arc<Entra>,
        addr: SocketAddr,
        server: Server,
        certificate: Option<Arc<Renewing>>,
    ) -> Emulator {
        Emulator { entra, addr, server, certificate }
    }

    /// Starts one for a test: built-in directory and signing key, a free port of `127.0.0.1`, issued secrets
    /// remembered. It lives on the current Tokio runtime.
    ///
    /// # Panics
    /// If it cannot start, which ends the test that asked for it; [`builder`](Emulator::builder) has errors instead.
    #[expect(clippy::panic, reason = "a test cannot go on without its emulator")]
    pub async fn start() -> Emulator {
        match Emulator::builder().remember_issued(true).start().await {
            Ok(emulator) => emulator,
            Err(error) => panic!("the emulator did not start: {error}"),
        }
    }

    /// Settings for one that is not like [`start`](Emulator::start)'s.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Stops it: requests in flight may end (for up to 2 s), then its address is free.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// The certificate of its authority in PEM, for clients to trust; `None` when it speaks plain HTTP.
    pub fn ca_pem(&self) -> Option<&str> {
        self.certificate.as_deref().map(Renewing::ca_pem)
    }

    /// A certificate of its authority for another server of this machine, such as a web app under test, good for 90 days:
    /// the certificate with its chain, and its key, in PEM.
    ///
    /// # Errors
    /// [`TlsError`] when a host is not on this machine, or the emulator speaks plain HTTP.
    pub fn certificate_for(&self, hosts: &[&str]) -> Result<(String, String), TlsError> {
        self.certificate.as_deref().ok_or(TlsError::NoAuthority)?.issue_pem(hosts)
    }

    /// `http://localhost:PORT`, or `https:`, without a final slash. Clients of identity libraries call it the instance.
    pub fn url(&self) -> &str {
        &self.entra.base
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Base of the Microsoft Graph slice: append `/v1.0/me` or `/beta/me`.
    pub fn graph_url(&self) -> &str {
        &self.entra.base
    }

    /// GUID of the directory's first tenant.
    pub fn tenant_id(&self) -> &str {
        self.entra.directory.tenants.first().map_or("", |t| t.id.as_str())
    }

    /// `{url}/{tenant id}`.
    pub fn authority(&self) -> String {
        format!("{}/{}", self.url(), self.tenant_id())
    }

    /// Who and what exists.
    pub fn directory(&self) -> &Directory {
        &self.entra.directory
    }

    /// The user with that short name, principal name or object id.
    ///
    /// # Panics
    /// If there is none; [`find_user`](Emulator::find_user) answers `None` instead.
    #[track_caller]
    #[expect(clippy::panic, reason = "a test that misspells a user has to be told at once")]
    pub fn user(&self, name: &str) -> UserHandle {
        match self.find_user(name) {
            Some(user) => user,
            None => panic!("the directory has no user `{name}`"),
        }
    }

    /// The user with that short name, principal name or object id, if there is one.
    pub fn find_user(&self, name: &str) -> Option<UserHandle> {
        let (tenant, user) = self.entra.directory.user(name)?;
        Some(UserHandle::new(Arc::clone(&self.entra), tenant, user))
    }

    /// The app with that short name, display name or client id.
    ///
    /// # Panics
    /// If there is none; [`find_app`](Emulator::find_app) answers `None` instead.
    #[track_caller]
    #[expect(clippy::panic, reason = "a test that misspells an app has to be told at once")]
    pub fn app(&self, name: &str) -> AppHandle {
        match self.find_app(name) {
            Some(app) => app,
            None => panic!("the directory has no app `{name}`"),
        }
    }

    /// The app with that short name, display name or client id, if there is one.
    pub fn find_app(&self, name: &str) -> Option<AppHandle> {
        self.entra.directory.apps().find(|(_, app)| app.answers_to(name)).map(|(_, app)| AppHandle::new(app))
    }

    /// What was asked of it.
    pub fn journal(&self) -> Journal {
        self.entra.journal.clone()
    }

    /// Every secret given out so far; empty when none are remembered.
    pub fn issued(&self) -> Vec<IssuedSecret> {
        self.entra.issued.all().unwrap_or_default()
    }

    /// Voids the user's refresh tokens, codes and browser sessions made so far (Graph `revokeSignInSessions`): they are
    /// refused with AADSTS50173 `bad_token`. Access tokens work to their end.
    pub fn revoke_sessions(&self, user: &UserHandle) {
        self.entra.accounts.revoke(user.oid(), self.entra.tick());
    }

    /// Disables the account: AADSTS50057 for everything new. Access tokens work to their end.
    pub fn disable_user(&self, user: &UserHandle) {
        self.entra.accounts.set_enabled(user.oid(), false);
    }

    /// Enables the account.
    pub fn enable_user(&self, user: &UserHandle) {
        self.entra.accounts.set_enabled(user.oid(), true);
    }

    /// Deletes the account, for good: AADSTS50034 for everything new. Access tokens work to their end.
    pub fn delete_user(&self, user: &UserHandle) {
        self.entra.accounts.delete(user.oid());
    }

    /// Fixes the life of the user's access tokens, in whole seconds from 1 s; `None`: random between 60 and 90 minutes
    /// again. From 2 h on, answers have a `refresh_in`.
    pub fn set_token_lifetime(&self, user: &UserHandle, lifetime: impl Into<Option<Duration>>) {
        self.entra.accounts.set_lifetime(user.oid(), lifetime.into());
    }

    /// Has Graph ask for a stronger sign-in of the user: an authentication context of Conditional Access, such as `c1`; `None`
    /// ends it. Tokens that do not say in `acrs` that they satisfy it get 401 `insufficient_claims` with the claims to ask
    /// for. Refresh tokens of sign-ins without it are refused with AADSTS50076 when those claims are asked for; the
    /// authorization endpoint then asks for the password anew, which stands for a second factor.
    pub fn require_context(&self, user: &UserHandle, context: Option<&str>) {
        self.entra.accounts.set_context(user.oid(), context.map(str::to_owned));
    }

    /// Grants a client delegated permissions for the user, as if the user had consented. `scopes` are permission names
    /// with their API, as in requests; what is not understood is ignored.
    pub fn consent(&self, user: &UserHandle, client: &AppHandle, scopes: &str) {
        let directory = &self.entra.directory;
        let Some(app) = directory.app(client.client_id()) else { return };
        for word in scopes.split_whitespace() {
            let Ok(scopes) = crate::scopes::parse(directory, word) else { continue };
            for ask in scopes.asks {
                let parties =
                    Parties { tenant: user.tenant_id(), user: Some(user.oid()), client: app, resource: ask.resource };
                self.entra.consents.grant(parties, ask.names);
            }
        }
    }

    /// Takes back everything the user allowed a client: AADSTS65001 `consent_required` from now on. Whether there was
    /// anything.
    pub fn revoke_consent(&self, user: &UserHandle, client: &AppHandle) -> bool {
        self.entra.consents.revoke(user.oid(), client.client_id())
    }

    /// Takes back everything administrators allowed a client, for everybody and for itself. Whether there was anything.
    pub fn revoke_admin_consent(&self, client: &AppHandle) -> bool {
        self.entra.consents.revoke_admin(client.client_id())
    }

    /// Moves the emulator's clock forward. It never goes back.
    pub fn advance(&self, by: Duration) {
        self.entra.clock.advance(by);
    }

    /// Seconds since 1970 on the emulator's clock.
    pub fn now(&self) -> i64 {
        self.entra.clock.now()
    }

    /// Delays all answers of the token endpoint, in real time.
    pub fn set_token_delay(&self, delay: Option<Duration>) {
        lock(&self.entra.faults).token_delay = delay;
    }

    /// Begins or ends an outage of the login host (discovery, sign-in and tokens; not Graph).
    pub fn set_outage(&self, outage: Option<Outage>) {
        lock(&self.entra.faults).outage = outage;
    }
}
