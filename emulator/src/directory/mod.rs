//! Who and what exists: tenants, users, app registrations, and grants made before the start.

mod application;
mod file;
mod find;
mod user;

use serde::{Deserialize, Serialize};

pub use application::{
    AccessKind, Api, AppRole, Application, ConsentKind, PasswordCredential, PermissionScope, PreAuthorized,
    RedirectUris, RequiredResource, ResourceAccess, SignInAudience,
};
pub use file::DirectoryError;
pub(crate) use find::{Platform, Realm};
pub use user::{Home, User};

/// Client id of Microsoft Graph.
pub(crate) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// Everything that exists when the emulator starts.
///
/// It is read from a JSON file with [`Directory::from_json`] or [`Directory::read`], or it is
/// [`Directory::built_in`], which is such a file itself (`emulator/src/directory/built-in.json`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Directory {
    /// The tenants; the first is the emulator's default.
    pub tenants: Vec<Tenant>,
    /// Whether this is the built-in directory, whose secrets are published and may be shown.
    #[serde(skip)]
    pub(crate) is_built_in: bool,
    /// APIs that exist in each tenant: Microsoft Graph.
    #[serde(skip)]
    pub(crate) well_known: Vec<Application>,
}

/// One organization.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// GUID in lower case.
    pub id: String,
    /// Name people see.
    pub display_name: String,
    /// Verified domains; each may stand for the id in an authority.
    pub domains: Vec<String>,
    /// `EU`, `NA`, `WW` …: shown in the metadata document.
    #[serde(default = "worldwide")]
    pub region_scope: String,
    /// Members and guests.
    #[serde(default)]
    pub users: Vec<User>,
    /// App registrations that live here.
    #[serde(default)]
    pub applications: Vec<Application>,
    /// Client ids of other tenants' apps that were installed here before the start.
    #[serde(default)]
    pub service_principals: Vec<String>,
    /// Delegated permissions granted before the start.
    #[serde(default)]
    pub oauth2_permission_grants: Vec<PermissionGrant>,
    /// Application permissions granted before the start.
    #[serde(default)]
    pub app_role_assignments: Vec<RoleAssignment>,
}

/// Delegated permissions of a client (Graph `oAuth2PermissionGrant`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PermissionGrant {
    /// Client id.
    pub client_id: String,
    /// Client id of the API.
    pub resource_app_id: String,
    /// The user (name, principal name or id); absent: for all users, as an administrator grants.
    #[serde(default)]
    pub principal: Option<String>,
    /// Permission names, separated by spaces.
    pub scope: String,
}

/// Application permissions of a client (Graph `appRoleAssignment`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleAssignment {
    /// Client id.
    pub client_id: String,
    /// Client id of the API.
    pub resource_app_id: String,
    /// Name or id of the role.
    pub role: String,
}

fn worldwide() -> String {
    "WW".to_owned()
}
