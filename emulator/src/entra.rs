//! The state of one emulator, shared by all its endpoints.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::aadsts::Refusal;
use crate::accounts::Accounts;
use crate::clock::{Clock, UnixSeconds};
use crate::consents::Consents;
use crate::directory::{Application, Directory, Tenant, User};
use crate::issued::Register;
use crate::journal::Journal;
use crate::keys::SigningKey;
use crate::lock;
use crate::seal::Vault;
use crate::sessions::Sessions;

/// An outage of the login host: a state, which lasts until it is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// HTTP status of every answer, e.g. 503 or 429.
    pub status: u16,
    /// Seconds in the `Retry-After` header, if there is to be one.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

/// What is wrong with the login host at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) token_delay: Option<Duration>,
    pub(crate) outage: Option<Outage>,
}

/// Everything an endpoint needs.
pub(crate) struct Entra {
    /// `http://localhost:8400`, without a final slash.
    pub(crate) base: String,
    pub(crate) directory: Directory,
    pub(crate) clock: Clock,
    pub(crate) key: SigningKey,
    pub(crate) vault: Vault,
    pub(crate) accounts: Accounts,
    pub(crate) consents: Consents,
    pub(crate) sessions: Sessions,
    pub(crate) journal: Journal,
    pub(crate) issued: Register,
    pub(crate) faults: Mutex<Faults>,
    spent_codes: Mutex<HashMap<String, UnixSeconds>>,
    last_tick: AtomicI64,
}

impl Entra {
    pub(crate) fn new(base: String, directory: Directory, key: SigningKey, remember: bool) -> Result<Entra, Refusal> {
        Ok(Entra {
            base,
            clock: Clock::default(),
            vault: Vault::derived_from(key.secret())?,
            key,
            accounts: Accounts::default(),
            consents: Consents::of(&directory),
            directory,
            sessions: Sessions::default(),
            journal: Journal::default(),
            issued: Register::new(remember),
            faults: Mutex::default(),
            spent_codes: Mutex::default(),
            last_tick: AtomicI64::new(0),
        })
    }

    /// A moment in milliseconds, later than any this gave before: "before the revocation" is never a tie.
    pub(crate) fn tick(&self) -> i64 {
        let now = self.clock.now_millis();
        let last = self.last_tick.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)));
        now.max(last.unwrap_or(0) + 1)
    }

    /// The app, if it lives in that tenant or was installed there.
    pub(crate) fn app_in(&self, tenant: &Tenant, client_id: &str) -> Option<&Application> {
        let app = self.directory.app(client_id)?;
        let installed = || {
            app.is_multi_tenant()
                && (tenant.service_principals.iter().any(|id| id.eq_ignore_ascii_case(client_id))
                    || self.consents.installed(&tenant.id, &app.app_id))
        };
        (self.directory.is_at_home(app, &tenant.id) || installed()).then_some(app)
    }

    /// The user behind an account, as a tenant sees it, if it may sign in there.
    pub(crate) fn user_in<'a>(
        &'a self,
        tenant: &'a Tenant,
        home_tenant: &str,
        home_id: &str,
        client_id: &str,
    ) -> Result<&'a User, Refusal> {
        let exists = |user: &&User| !self.accounts.deleted(&user.id);
        let home = self.directory.tenant(home_tenant).and_then(|t| t.user(home_id));
        let Some(home) = home.filter(exists) else {
            return Err(Refusal::user_not_found(home_id, &tenant.id));
        };
        let Some(user) = self.directory.seen_in(tenant, home_tenant, home_id).filter(exists) else {
            return Err(Refusal::foreign_user(&home.user_principal_name, &tenant.display_name, client_id));
        };
        let enabled = |u: &User| self.accounts.enabled(&u.id).unwrap_or(u.account_enabled);
        if enabled(user) && enabled(home) { Ok(user) } else { Err(Refusal::user_disabled()) }
    }

    /// Whether an API exists in a tenant: at home there, or of a kind that any tenant may have.
    pub(crate) fn has_resource(&self, tenant: &Tenant, resource: &Application) -> bool {
        resource.is_multi_tenant() || self.directory.is_at_home(resource, &tenant.id)
    }

    /// Marks a code as redeemed; false if it was already.
    pub(crate) fn spend_code(&self, id: &str, until: UnixSeconds) -> bool {
        let now = self.clock.now();
        let mut spent = lock(&self.spent_codes);
        spent.retain(|_, until| *until >= now);
        spent.insert(id.to_owned(), until).is_none()
    }

    /// Whether a code was redeemed.
    pub(crate) fn is_spent(&self, id: &str) -> bool {
        lock(&self.spent_codes).contains_key(id)
    }

    pub(crate) fn faults(&self) -> Faults {
        *lock(&self.faults)
    }
}
