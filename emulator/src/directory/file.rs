//! Reading a directory, and saying what is wrong with it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{Application, Directory, Tenant};

const BUILT_IN: &str = include_str!("built-in.json");
const GRAPH: &str = include_str!("graph.json");

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not JSON, or a member that is unknown, missing or of another type; the message names it, line and column.
    #[error("the directory is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// Well-formed, but contradictory; `at` says where.
    #[error("the directory is not valid: {at}: {what}")]
    Content {
        /// Where, e.g. `tenants[0].users[1].id`.
        at: String,
        /// What is wrong there.
        what: String,
    },
    /// A file with one of the errors above.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: Box<DirectoryError>,
    },
}

impl Directory {
    /// The directory published with this crate: tenant `contoso.example` with five users and two registrations.
    ///
    /// # Errors
    /// Never in a released crate: a test reads it.
    pub fn built_in() -> Result<Directory, DirectoryError> {
        let mut directory = Directory::from_json(BUILT_IN)?;
        directory.is_built_in = true;
        Ok(directory)
    }

    /// A directory from JSON text.
    ///
    /// # Errors
    /// [`DirectoryError::Json`] for unknown, missing or mistyped members, [`DirectoryError::Content`] for values that
    /// cannot be: ids that are no GUIDs or are used twice, references to what is not there, times that are no times.
    pub fn from_json(text: &str) -> Result<Directory, DirectoryError> {
        serde_json::from_str::<Directory>(text)?.checked()
    }

    /// A directory from a JSON file.
    ///
    /// # Errors
    /// As [`from_json`](Directory::from_json), naming the file; [`DirectoryError::Read`] if it cannot be read.
    pub fn read(path: &Path) -> Result<Directory, DirectoryError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| DirectoryError::Read { path: path.to_owned(), source })?;
        Directory::from_json(&text)
            .map_err(|source| DirectoryError::File { path: path.to_owned(), source: Box::new(source) })
    }

    /// The directory with the APIs that every tenant has, once nothing in it contradicts.
    pub(crate) fn checked(mut self) -> Result<Directory, DirectoryError> {
        self.well_known = vec![serde_json::from_str(GRAPH)?];
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), DirectoryError> {
        if self.tenants.is_empty() {
            return Err(wrong("tenants", "there must be at least one"));
        }
        let mut ids = HashSet::new();
        for (t, tenant) in self.tenants.iter().enumerate() {
            let at = format!("tenants[{t}]");
            unique(&mut ids, &format!("{at}.id"), &tenant.id)?;
            if tenant.domains.is_empty() {
                return Err(wrong(&format!("{at}.domains"), "there must be at least one"));
            }
            for (u, user) in tenant.users.iter().enumerate() {
                unique(&mut ids, &format!("{at}.users[{u}].id"), &user.id)?;
                if user.password.is_empty() && user.home.is_none() {
                    return Err(wrong(
                        &format!("{at}.users[{u}].password"),
                        "a member needs one; a guest needs `home`",
                    ));
                }
            }
            for (a, app) in tenant.applications.iter().enumerate() {
                unique(&mut ids, &format!("{at}.applications[{a}].appId"), &app.app_id)?;
                self.check_app(&format!("{at}.applications[{a}]"), app)?;
            }
            self.check_grants(&at, tenant)?;
        }
        Ok(())
    }

    fn check_app(&self, at: &str, app: &Application) -> Result<(), DirectoryError> {
        for (s, secret) in app.password_credentials.iter().enumerate() {
            if secret.end_date_time.is_some() && secret.ends().is_none() {
                return Err(wrong(&format!("{at}.passwordCredentials[{s}].endDateTime"), "not an RFC 3339 time"));
            }
        }
        for (r, required) in app.required_resource_access.iter().enumerate() {
            let at = format!("{at}.requiredResourceAccess[{r}]");
            let Some(resource) = self.app(&required.resource_app_id) else {
                return Err(wrong(&format!("{at}.resourceAppId"), "no such application"));
            };
            for access in &required.resource_access {
                if resource.permission(&access.id).is_none() && resource.role(&access.id).is_none() {
                    return Err(wrong(
                        &format!("{at}.resourceAccess"),
                        &format!("no permission `{}` there", access.id),
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_grants(&self, at: &str, tenant: &Tenant) -> Result<(), DirectoryError> {
        for (g, grant) in tenant.oauth2_permission_grants.iter().enumerate() {
            let at = format!("{at}.oauth2PermissionGrants[{g}]");
            let resource = self
                .app(&grant.resource_app_id)
                .ok_or_else(|| wrong(&format!("{at}.resourceAppId"), "no such application"))?;
            if let Some(unknown) = grant.scope.split_whitespace().find(|s| resource.permission(s).is_none()) {
                return Err(wrong(&format!("{at}.scope"), &format!("no permission `{unknown}` there")));
            }
            if let Some(principal) = &grant.principal
                && !tenant.users.iter().any(|u| u.answers_to(principal))
            {
                return Err(wrong(&format!("{at}.principal"), "no such user in this tenant"));
            }
        }
        for (g, grant) in tenant.app_role_assignments.iter().enumerate() {
            let at = format!("{at}.appRoleAssignments[{g}]");
            let resource = self
                .app(&grant.resource_app_id)
                .ok_or_else(|| wrong(&format!("{at}.resourceAppId"), "no such application"))?;
            if resource.role(&grant.role).is_none() {
                return Err(wrong(&format!("{at}.role"), &format!("no role `{}` there", grant.role)));
            }
        }
        Ok(())
    }
}

fn wrong(at: &str, what: &str) -> DirectoryError {
    DirectoryError::Content { at: at.to_owned(), what: what.to_owned() }
}

fn unique<'a>(seen: &mut HashSet<&'a str>, at: &str, id: &'a str) -> Result<(), DirectoryError> {
    if Uuid::try_parse(id).is_err() || id.len() != 36 || id.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(wrong(at, &format!("`{id}` is not a GUID in lower case")));
    }
    if !seen.insert(id) {
        return Err(wrong(at, &format!("`{id}` is used twice")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_directory_is_valid() {
        let directory = Directory::built_in().unwrap();
        assert_eq!(directory.tenants[0].users.len(), 5);
        assert!(directory.app("contoso-web").is_none(), "`app` takes client ids only");
    }

    #[test]
    fn an_unknown_member_is_named() {
        let text = BUILT_IN.replacen("\"displayName\"", "\"displeyName\"", 1);
        let error = Directory::from_json(&text).unwrap_err().to_string();
        assert!(error.contains("displeyName") && error.contains("line"), "{error}");
    }

    #[test]
    fn a_reference_to_nothing_is_named_with_its_place() {
        let text = BUILT_IN.replacen("\"role\": \"User.Read.All\"", "\"role\": \"User.Burn.All\"", 1);
        let error = Directory::from_json(&text).unwrap_err().to_string();
        assert!(error.contains("tenants[0].appRoleAssignments[0].role") && error.contains("User.Burn.All"), "{error}");
    }

    #[test]
    fn an_id_used_twice_is_refused() {
        let text = BUILT_IN.replace("11111111-aaaa-4bbb-8ccc-000000000002", "11111111-aaaa-4bbb-8ccc-000000000001");
        assert!(Directory::from_json(&text).unwrap_err().to_string().contains("users[1].id"));
    }
}
