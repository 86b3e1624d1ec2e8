//! Which client may use which API for which user, and in which tenants an app is installed.

use std::collections::{BTreeSet, HashMap};
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

/// The delegated permissions granted so far.
#[derive(Debug, Default)]
pub(crate) struct Consents {
    grants: Mutex<HashMap<Key, BTreeSet<String>>>,
}

/// A grant's parties.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parties<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) user: &'a str,
    pub(crate) client: &'a Application,
    pub(crate) resource: &'a Application,
}

impl Parties<'_> {
    fn key(&self, principal: Option<&str>) -> Key {
        Key {
            tenant: self.tenant.to_owned(),
            client: self.client.app_id.clone(),
            resource: self.resource.app_id.clone(),
            principal: principal.map(str::to_owned),
        }
    }
}

impl Consents {
    /// The grants a directory starts with.
    pub(crate) fn of(directory: &Directory) -> Consents {
        let mut grants: HashMap<Key, BTreeSet<String>> = HashMap::new();
        for tenant in &directory.tenants {
            for grant in &tenant.oauth2_permission_grants {
                let (Some(client), Some(resource)) =
                    (directory.app(&grant.client_id), directory.app(&grant.resource_app_id))
                else {
                    continue;
                };
                let principal = grant.principal.as_ref().and_then(|p| tenant.users.iter().find(|u| u.answers_to(p)));
                let parties = Parties { tenant: &tenant.id, user: "", client, resource };
                let names =
                    grant.scope.split_whitespace().filter_map(|s| resource.permission(s)).map(|p| p.value.clone());
                grants.entry(parties.key(principal.map(|u| u.id.as_str()))).or_default().extend(names);
            }
        }
        Consents { grants: Mutex::new(grants) }
    }

    /// Everything the client may do with the API for the user.
    pub(crate) fn granted(&self, of: Parties<'_>) -> BTreeSet<String> {
        let grants = lock(&self.grants);
        let mut names = grants.get(&of.key(Some(of.user))).cloned().unwrap_or_default();
        names.extend(grants.get(&of.key(None)).into_iter().flatten().cloned());
        for known in of.resource.api.pre_authorized_applications.iter().filter(|p| p.app_id == of.client.app_id) {
            let ids = known.delegated_permission_ids.iter();
            names.extend(ids.filter_map(|id| of.resource.permission(id)).map(|p| p.value.clone()));
        }
        names
    }

    /// Adds to a user's grant.
    pub(crate) fn grant(&self, of: Parties<'_>, names: impl IntoIterator<Item = String>) {
        lock(&self.grants).entry(of.key(Some(of.user))).or_default().extend(names);
    }

    /// Takes away all of a user's grants to a client. Whether there were any.
    pub(crate) fn revoke(&self, user: &str, client: &str) -> bool {
        let mut grants = lock(&self.grants);
        let before = grants.len();
        grants.retain(|key, _| key.principal.as_deref() != Some(user) || key.client != client);
        grants.len() != before
    }

    /// What a user allowed by herself: client id, API's client id and permissions, in a fixed order.
    pub(crate) fn of_user(&self, user: &str) -> Vec<(String, String, BTreeSet<String>)> {
        let grants = lock(&self.grants);
        let own = grants.iter().filter(|(key, names)| key.principal.as_deref() == Some(user) && !names.is_empty());
        let mut all: Vec<_> = own.map(|(k, names)| (k.client.clone(), k.resource.clone(), names.clone())).collect();
        all.sort();
        all
    }

    /// Whether anybody in the tenant ever consented to the app, which installs it there.
    pub(crate) fn installed(&self, tenant: &str, app: &str) -> bool {
        lock(&self.grants).keys().any(|k| k.tenant == tenant && (k.client == app || k.resource == app))
    }
}
