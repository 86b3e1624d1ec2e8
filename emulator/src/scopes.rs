//! Reading a scope string: which API, which permissions, which OpenID Connect words.

use crate::directory::{Application, Directory, GRAPH};

/// The scopes of OpenID Connect, which belong to no API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oidc {
    pub(crate) openid: bool,
    pub(crate) profile: bool,
    pub(crate) email: bool,
    pub(crate) offline_access: bool,
}

impl Oidc {
    /// The requested words, as Graph names the permissions.
    pub(crate) fn words(self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("openid", self.openid),
            ("profile", self.profile),
            ("email", self.email),
            ("offline_access", self.offline_access),
        ];
        all.into_iter().filter(|(_, asked)| *asked).map(|(word, _)| word)
    }

    /// Whether the word is one of these scopes; remembers it if so.
    fn take(&mut self, word: &str) -> bool {
        let flag = match word.to_ascii_lowercase().as_str() {
            "openid" => &mut self.openid,
            "profile" => &mut self.profile,
            "email" => &mut self.email,
            "offline_access" => &mut self.offline_access,
            _ => return false,
        };
        *flag = true;
        true
    }
}

/// What is asked of one API.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) resource: &'a Application,
    /// What stood before the permission's slash; empty for a bare name, which means Microsoft Graph.
    pub(crate) named: String,
    /// Permissions in the API's own spelling.
    pub(crate) names: Vec<String>,
    /// Whether `.default` was asked for.
    pub(crate) default: bool,
}

impl Ask<'_> {
    /// A permission as the answer's `scope` writes it: the way the client named the API, because that is the text the
    /// client's cache compares with.
    pub(crate) fn spelled(&self, permission: &str) -> String {
        if self.named.is_empty() { permission.to_owned() } else { format!("{}/{permission}", self.named) }
    }

    /// Whether the API was named by a GUID.
    pub(crate) fn named_by_id(&self) -> bool {
        self.named.eq_ignore_ascii_case(&self.resource.app_id)
    }
}

/// A scope string, understood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scopes<'a> {
    pub(crate) oidc: Oidc,
    pub(crate) asks: Vec<Ask<'a>>,
}

/// Why a scope string cannot be understood.
#[derive(Debug)]
pub(crate) enum ScopeError {
    /// No API has that identifier.
    Resource(String),
    /// The API has no such permission.
    Permission { scope: String, resource: String },
    /// `.default` beside other permissions.
    DefaultNotAlone(String),
}

/// Reads a scope string against the directory.
pub(crate) fn parse<'a>(directory: &'a Directory, text: &str) -> Result<Scopes<'a>, ScopeError> {
    let mut scopes = Scopes::default();
    for word in text.split_whitespace() {
        if scopes.oidc.take(word) {
            continue;
        }
        let (named, permission) = match word.rsplit_once('/') {
            Some((named, permission)) => (named, permission),
            // A bare client id asks for all of that API, as `{id}/.default`.
            None if directory.app(word).is_some() => (word, ".default"),
            None => ("", word),
        };
        let resource = if named.is_empty() { directory.app(GRAPH) } else { directory.resource(named) };
        let resource = resource.ok_or_else(|| ScopeError::Resource(named.to_owned()))?;
        let at = match scopes.asks.iter().position(|a| a.resource.app_id == resource.app_id) {
            Some(at) => at,
            None => {
                scopes.asks.push(Ask { resource, named: named.to_owned(), names: Vec::new(), default: false });
                scopes.asks.len() - 1
            }
        };
        let Some(ask) = scopes.asks.get_mut(at) else { continue };
        if permission == ".default" {
            ask.default = true;
        } else if let Some(known) = resource.permission(permission) {
            if !ask.names.contains(&known.value) {
                ask.names.push(known.value.clone());
            }
        } else {
            let resource = resource.display_name.clone();
            return Err(ScopeError::Permission { scope: word.to_owned(), resource });
        }
    }
    let mixed = scopes.asks.len() > 1 || scopes.asks.iter().any(|a| !a.names.is_empty());
    match scopes.asks.iter().find(|a| a.default) {
        Some(ask) if mixed => Err(ScopeError::DefaultNotAlone(ask.spelled(".default"))),
        _ => Ok(scopes),
    }
}

/// Whether a permission is one of OpenID Connect's scopes.
pub(crate) fn is_oidc(name: &str) -> bool {
    matches!(name, "openid" | "profile" | "email" | "offline_access")
}

/// What is asked when a request names no API: Microsoft Graph, for the OpenID Connect scopes.
pub(crate) fn graph_alone(directory: &Directory) -> Option<Ask<'_>> {
    let resource = directory.app(GRAPH)?;
    Some(Ask { resource, named: String::new(), names: Vec::new(), default: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_graphs_and_is_spelled_as_it_came() {
        let directory = Directory::built_in().unwrap();
        let scopes = parse(&directory, "openid user.read https://graph.microsoft.com/Mail.Read").unwrap();
        assert!(scopes.oidc.openid && !scopes.oidc.profile);
        assert_eq!(scopes.asks.len(), 1);
        assert_eq!(scopes.asks[0].names, ["User.Read", "Mail.Read"]);
        assert_eq!(scopes.asks[0].spelled("User.Read"), "User.Read");
    }

    #[test]
    fn default_stands_alone() {
        let directory = Directory::built_in().unwrap();
        let text = "https://graph.microsoft.com/.default User.Read";
        assert!(matches!(parse(&directory, text), Err(ScopeError::DefaultNotAlone(_))));
        let text = "https://graph.microsoft.com//.default openid offline_access profile";
        assert_eq!(parse(&directory, text).unwrap().asks[0].named, "https://graph.microsoft.com/");
    }

    #[test]
    fn unknown_things_are_named() {
        let directory = Directory::built_in().unwrap();
        assert!(matches!(parse(&directory, "api://x/y"), Err(ScopeError::Resource(r)) if r == "api://x"));
        assert!(
            matches!(parse(&directory, "Mail.Burn"), Err(ScopeError::Permission { scope, .. }) if scope == "Mail.Burn")
        );
    }
}
