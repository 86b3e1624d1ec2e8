//! Which client may use which API for which user or as itself, and in which tenants an app is installed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use crate::directory::{Application, Directory};
use crate::lock;

/// Client, API and, unless the grant is for everybody, the user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    tenant: String,
    client: String,
    resource: String,
    principal: Option<String>,
}

type Granted = HashMap<Key, BTreeSet<String>>;

/// The permissions granted so far.
#[derive(Debug)]
pub(crate) struct Consents {
    /// Delegated permissions.
    grants: Mutex<Granted>,
    /// Application permissions, which are never a user's.
    roles: Mutex<Granted>,
}

/// A grant's parties.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parties<'a> {
    pub(crate) tenant: &'a str,
    /// Whom it is for; `None` means everybody in the tenant, as an administrator grants.
    pub(crate) user: Option<&'a str>,
    pub(crate) client: &'a Application,
    pub(crate) resource: &'a Application,
}

impl Parties<'_> {
    fn key(&self) -> Key {
        Key {
            tenant: self.tenant.to_owned(),
            client: self.client.app_id.clone(),
            resource: self.resource.app_id.clone(),
            principal: self.user.map(str::to_owned),
        }
    }
}

/// What clients may do: by client id, the permissions of each API by its client id.
pub(crate) type Allowed = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

impl Consents {
    /// The grants a directory starts with.
    pub(crate) fn of(directory: &Directory) -> Consents {
        let (mut grants, mut roles) = (Granted::new(), Granted::new());
        for tenant in &directory.tenants {
            let parties = |client, resource| {
                let (client, resource) = (directory.app(client)?, directory.app(resource)?);
                Some(Parties { tenant: &tenant.id, user: None, client, resource })
            };
            for grant in &tenant.oauth2_permission_grants {
                let Some(of) = parties(&grant.client_id, &grant.resource_app_id) else { continue };
                let principal = grant.principal.as_ref().and_then(|p| tenant.users.iter().find(|u| u.answers_to(p)));
                let names =
                    grant.scope.split_whitespace().filter_map(|s| of.resource.permission(s)).map(|p| p.value.clone());
                let of = Parties { user: principal.map(|u| u.id.as_str()), ..of };
                grants.entry(of.key()).or_default().extend(names);
            }
            for assignment in &tenant.app_role_assignments {
                let Some(of) = parties(&assignment.client_id, &assignment.resource_app_id) else { continue };
                let role = of.resource.role(&assignment.role).map(|role| role.value.clone());
                roles.entry(of.key()).or_default().extend(role);
            }
        }
        Consents { grants: Mutex::new(grants), roles: Mutex::new(roles) }
    }

    /// Everything the client may do with the API for the user.
    pub(crate) fn granted(&self, of: Parties<'_>) -> BTreeSet<String> {
        let grants = lock(&self.grants);
        let mut names = grants.get(&of.key()).cloned().unwrap_or_default();
        names.extend(grants.get(&Parties { user: None, ..of }.key()).into_iter().flatten().cloned());
        for known in of.resource.api.pre_authorized_applications.iter().filter(|p| p.app_id == of.client.app_id) {
            let ids = known.delegated_permission_ids.iter();
            names.extend(ids.filter_map(|id| of.resource.permission(id)).map(|p| p.value.clone()));
        }
        names
    }

    /// The application permissions the client has.
    pub(crate) fn roles(&self, of: Parties<'_>) -> BTreeSet<String> {
        lock(&self.roles).get(&Parties { user: None, ..of }.key()).cloned().unwrap_or_default()
    }

    /// Adds to a user's grant, or to everybody's.
    pub(crate) fn grant(&self, of: Parties<'_>, names: impl IntoIterator<Item = String>) {
        lock(&self.grants).entry(of.key()).or_default().extend(names);
    }

    /// Adds to the application permissions of a client.
    pub(crate) fn grant_roles(&self, of: Parties<'_>, names: impl IntoIterator<Item = String>) {
        lock(&self.roles).entry(Parties { user: None, ..of }.key()).or_default().extend(names);
    }

    /// Takes away all of a user's grants to a client. Whether there were any.
    pub(crate) fn revoke(&self, user: &str, client: &str) -> bool {
        let mut grants = lock(&self.grants);
        let before = grants.len();
        grants.retain(|key, _| key.principal.as_deref() != Some(user) || key.client != client);
        grants.len() != before
    }

    /// Takes away everything administrators allowed a client, delegated and application permissions. Whether there was
    /// anything.
    pub(crate) fn revoke_admin(&self, client: &str) -> bool {
        let mut revoked = false;
        for granted in [&self.grants, &self.roles] {
            let mut granted = lock(granted);
            let before = granted.len();
            granted.retain(|key, _| key.principal.is_some() || key.client != client);
            revoked |= granted.len() != before;
        }
        revoked
    }

    /// What a user allowed by herself.
    pub(crate) fn of_user(&self, user: &str) -> Allowed {
        list(&self.grants, |key| key.principal.as_deref() == Some(user))
    }

    /// What administrators allowed in a tenant: delegated permissions for everybody, and application permissions.
    pub(crate) fn of_admins(&self, tenant: &str) -> (Allowed, Allowed) {
        let here = |key: &Key| key.tenant == tenant && key.principal.is_none();
        (list(&self.grants, here), list(&self.roles, here))
    }

    /// Whether an administrator allowed the client something for everybody in the tenant.
    pub(crate) fn is_known_to_admins(&self, tenant: &str, client: &str) -> bool {
        let by_admin = |k: &Key| k.tenant == tenant && k.client == client && k.principal.is_none();
        lock(&self.grants).iter().any(|(key, names)| by_admin(key) && !names.is_empty())
    }

    /// Whether anybody in the tenant ever consented to the app, which installs it there.
    pub(crate) fn installed(&self, tenant: &str, app: &str) -> bool {
        let here = |k: &Key| k.tenant == tenant && (k.client == app || k.resource == app);
        [&self.grants, &self.roles].into_iter().any(|granted| lock(granted).keys().any(here))
    }
}

fn list(granted: &Mutex<Granted>, which: impl Fn(&Key) -> bool) -> Allowed {
    let mut all = Allowed::new();
    for (key, names) in lock(granted).iter().filter(|(key, names)| which(key) && !names.is_empty()) {
        let of_client = all.entry(key.client.clone()).or_default();
        of_client.entry(key.resource.clone()).or_default().extend(names.iter().cloned());
    }
    all
}
