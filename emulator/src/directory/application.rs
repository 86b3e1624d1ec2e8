//! App registrations, in the shape Microsoft Graph gives them.

use serde::{Deserialize, Serialize};

use crate::clock::UnixSeconds;

/// An app registration (Graph `application`): a client, an API, or both at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Application {
    /// The client id, a GUID in lower case.
    pub app_id: String,
    /// What the consent page calls it.
    pub display_name: String,
    /// Short names the emulator's own interfaces accept for it; not part of Graph.
    #[serde(default)]
    pub names: Vec<String>,
    /// Who may sign in.
    #[serde(default)]
    pub sign_in_audience: SignInAudience,
    /// App ID URIs: what a scope may put before its last slash, beside the client id.
    #[serde(default)]
    pub identifier_uris: Vec<String>,
    /// Redirect URIs redeemed with a client credential.
    #[serde(default)]
    pub web: RedirectUris,
    /// Redirect URIs redeemed from a browser, cross-origin, with PKCE.
    #[serde(default)]
    pub spa: RedirectUris,
    /// Redirect URIs of installed apps, redeemed without a credential.
    #[serde(default)]
    pub public_client: RedirectUris,
    /// What the app exposes as an API.
    #[serde(default)]
    pub api: Api,
    /// App roles: application permissions of this API.
    #[serde(default)]
    pub app_roles: Vec<AppRole>,
    /// Static permissions: what `.default` asks consent for.
    #[serde(default)]
    pub required_resource_access: Vec<RequiredResource>,
    /// Client secrets; any valid one is enough.
    #[serde(default)]
    pub password_credentials: Vec<PasswordCredential>,
}

/// Which accounts may use an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum SignInAudience {
    /// Accounts of the app's own tenant.
    #[default]
    AzureADMyOrg,
    /// Accounts of any tenant.
    AzureADMultipleOrgs,
    /// Accounts of any tenant, and personal ones (which the emulator has none of).
    AzureADandPersonalMicrosoftAccount,
}

/// The redirect URIs of one platform type.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedirectUris {
    /// Exact URIs; ports of `http://localhost` and `http://127.0.0.1` are ignored when matching.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Front-channel sign-out address (only the web platform has one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout_url: Option<String>,
}

/// Graph `apiApplication`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// `2` for version 2.0 access tokens; absent or `1` for version 1.0.
    #[serde(default)]
    pub requested_access_token_version: Option<u8>,
    /// Delegated permissions this API defines.
    #[serde(default)]
    pub oauth2_permission_scopes: Vec<PermissionScope>,
    /// Clients whose `.default` consent includes this API's own static permissions.
    #[serde(default)]
    pub known_client_applications: Vec<String>,
    /// Clients that need no consent.
    #[serde(default)]
    pub pre_authorized_applications: Vec<PreAuthorized>,
}

/// A delegated permission.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PermissionScope {
    /// GUID of the permission.
    pub id: String,
    /// Its name in scopes and in `scp`.
    pub value: String,
    /// `User`: the user may consent; `Admin`: only an administrator.
    #[serde(default, rename = "type")]
    pub kind: ConsentKind,
    /// What the consent page says it allows.
    #[serde(default)]
    pub user_consent_display_name: String,
}

/// Who may consent to a delegated permission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum ConsentKind {
    /// The user.
    #[default]
    User,
    /// An administrator of the tenant.
    Admin,
}

/// A client that needs no consent for some permissions of the API.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreAuthorized {
    /// The client.
    pub app_id: String,
    /// Ids (or names) of the permissions.
    pub delegated_permission_ids: Vec<String>,
}

/// An application permission (app role).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppRole {
    /// GUID of the role.
    pub id: String,
    /// Its name in `roles`.
    pub value: String,
    /// What it allows.
    #[serde(default)]
    pub display_name: String,
}

/// The permissions an app needs of one API.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequiredResource {
    /// Client id of the API.
    pub resource_app_id: String,
    /// The permissions.
    pub resource_access: Vec<ResourceAccess>,
}

/// One permission of a [`RequiredResource`].
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceAccess {
    /// GUID of the permission, or its name.
    pub id: String,
    /// `Scope` for delegated, `Role` for application permissions.
    #[serde(rename = "type")]
    pub kind: AccessKind,
}

/// Whether a permission is used for a user or for the app itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum AccessKind {
    /// Delegated.
    Scope,
    /// Application.
    Role,
}

/// A client secret.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordCredential {
    /// What it is for.
    #[serde(default)]
    pub display_name: String,
    /// The secret.
    #[serde(skip_serializing)]
    pub secret_text: String,
    /// RFC 3339 time after which it is refused (AADSTS7000222).
    #[serde(default)]
    pub end_date_time: Option<String>,
}

impl PasswordCredential {
    /// The last second it is accepted, if it ends; a time that is not RFC 3339 was refused when the file was read.
    pub(crate) fn ends(&self) -> Option<UnixSeconds> {
        self.end_date_time.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok()).map(|t| t.as_second())
    }
}

impl std::fmt::Debug for PasswordCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordCredential").field("display_name", &self.display_name).finish_non_exhaustive()
    }
}

impl Application {
    /// Whether accounts of other tenants may use it.
    pub(crate) fn is_multi_tenant(&self) -> bool {
        self.sign_in_audience != SignInAudience::AzureADMyOrg
    }

    /// The delegated permission of that name or id; names compare without case, as Entra does.
    pub(crate) fn permission(&self, name_or_id: &str) -> Option<&PermissionScope> {
        self.api
            .oauth2_permission_scopes
            .iter()
            .find(|p| p.value.eq_ignore_ascii_case(name_or_id) || p.id.eq_ignore_ascii_case(name_or_id))
    }

    /// The application permission of that name or id.
    pub(crate) fn role(&self, name_or_id: &str) -> Option<&AppRole> {
        self.app_roles
            .iter()
            .find(|r| r.value.eq_ignore_ascii_case(name_or_id) || r.id.eq_ignore_ascii_case(name_or_id))
    }

    /// Whether `name` is its client id, a display name or a short name.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.app_id.eq_ignore_ascii_case(name)
            || self.display_name.eq_ignore_ascii_case(name)
            || self.names.iter().any(|n| n.eq_ignore_ascii_case(name))
    }
}
