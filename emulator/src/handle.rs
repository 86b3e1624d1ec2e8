//! Users and apps by name, for tests.

use std::sync::Arc;

use crate::directory::{Application, Tenant, User};
use crate::entra::Entra;
use crate::sign_in::SignIn;

/// A user of the emulator's directory.
#[derive(Clone)]
pub struct UserHandle {
    entra: Arc<Entra>,
    oid: String,
    tenant_id: String,
    home_account_id: String,
    upn: String,
    password: String,
}

impl UserHandle {
    pub(crate) fn new(entra: Arc<Entra>, tenant: &Tenant, user: &User) -> UserHandle {
        let (uid, utid) = user.home_in(tenant);
        UserHandle {
            entra,
            home_account_id: format!("{uid}.{utid}"),
            oid: user.id.clone(),
            tenant_id: tenant.id.clone(),
            upn: user.user_principal_name.clone(),
            password: user.password.clone(),
        }
    }

    /// Object id in the tenant.
    pub fn oid(&self) -> &str {
        &self.oid
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// `{oid}.{tenant id}` at home: what token caches call the account.
    pub fn home_account_id(&self) -> &str {
        &self.home_account_id
    }

    /// User principal name.
    pub fn upn(&self) -> &str {
        &self.upn
    }

    /// The password, to type into the login page.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Signs in to an app and consents to what it asks, without HTTP: await it for the authorization code. `scopes` are
    /// separated by spaces. [`SignIn`] has more to say for single-page apps and nonces.
    pub fn sign_in(&self, app: &AppHandle, redirect_uri: &str, scopes: &str) -> SignIn {
        SignIn::new(Arc::clone(&self.entra), self, app, redirect_uri, scopes)
    }
}

impl AsRef<str> for UserHandle {
    fn as_ref(&self) -> &str {
        &self.oid
    }
}

impl std::fmt::Debug for UserHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserHandle").field("upn", &self.upn).field("oid", &self.oid).finish_non_exhaustive()
    }
}

/// An app registration of the emulator's directory.
#[derive(Clone)]
pub struct AppHandle {
    client_id: String,
    secret: Option<String>,
    display_name: String,
}

impl AppHandle {
    pub(crate) fn new(app: &Application) -> AppHandle {
        AppHandle {
            client_id: app.app_id.clone(),
            secret: app.password_credentials.first().map(|c| c.secret_text.clone()),
            display_name: app.display_name.clone(),
        }
    }

    /// Client id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The first client secret; empty for a public client.
    pub fn secret(&self) -> &str {
        self.secret.as_deref().unwrap_or_default()
    }

    /// What the consent page calls it.
    pub fn display_name(&self) -> &str {
        &self.display_name
    }
}

impl AsRef<str> for AppHandle {
    fn as_ref(&self) -> &str {
        &self.client_id
    }
}

impl std::fmt::Debug for AppHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppHandle").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
