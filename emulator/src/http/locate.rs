//! Which endpoint a path names. Segments are compared without case, and empty ones are skipped: clients with a slash
//! at the end of their authority ask for `/{tenant}//v2.0/…`.

use percent_encoding::percent_decode_str;

use crate::journal::Endpoint;

/// Where a path leads; `tenant` is the segment as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) room: Room,
    pub(crate) tenant: Option<String>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    InstanceDiscovery,
    Metadata { v2: bool },
    Keys { v2: bool },
    Authorize,
    Login,
    Select,
    Consent,
    AdminConsent { v2: bool },
    UserInfo,
    Token,
    Logout,
    SignOut,
    NativeClient,
    ErrorPage,
    Console(Vec<String>),
    Graph { beta: bool, rest: Vec<String> },
    Admin(Vec<String>),
    Nothing,
}

pub(crate) fn locate(path: &str) -> Place {
    let segments: Vec<String> = path
        .split('/')
        .filter(|s| !s.is_empty())
        .map(|s| percent_decode_str(s).decode_utf8_lossy().into_owned())
        .collect();
    let lower: Vec<String> = segments.iter().map(|s| s.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let rest = |from: usize| segments.iter().skip(from).cloned().collect::<Vec<_>>();
    let fixed = match lower.as_slice() {
        [] => Some(Room::Console(Vec::new())),
        ["_emulator", ..] => Some(Room::Console(rest(1))),
        ["_admin", ..] => Some(Room::Admin(rest(1))),
        ["v1.0", ..] => Some(Room::Graph { beta: false, rest: rest(1) }),
        ["beta", ..] => Some(Room::Graph { beta: true, rest: rest(1) }),
        ["oidc", "userinfo"] => Some(Room::UserInfo),
        ["error"] => Some(Room::ErrorPage),
        ["common", "discovery", "instance"] => Some(Room::InstanceDiscovery),
        ["common", "oauth2", "nativeclient"] => Some(Room::NativeClient),
        _ => None,
    };
    if let Some(room) = fixed {
        return Place { room, tenant: None };
    }
    let room = match lower.get(1..).unwrap_or_default() {
        ["v2.0", ".well-known", "openid-configuration"] => Room::Metadata { v2: true },
        [".well-known", "openid-configuration"] => Room::Metadata { v2: false },
        ["discovery", "v2.0", "keys"] => Room::Keys { v2: true },
        ["discovery", "keys"] => Room::Keys { v2: false },
        ["oauth2", "v2.0", "authorize"] => Room::Authorize,
        ["v2.0", "adminconsent"] => Room::AdminConsent { v2: true },
        ["adminconsent"] => Room::AdminConsent { v2: false },
        ["oauth2", "v2.0", "token"] => Room::Token,
        ["oauth2", "v2.0", "logout"] => Room::Logout,
        ["login"] => Room::Login,
        ["select"] => Room::Select,
        ["consent"] => Room::Consent,
        ["signout"] => Room::SignOut,
        _ => Room::Nothing,
    };
    Place { room, tenant: segments.into_iter().next() }
}

impl Room {
    /// What the journal calls it.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Room::InstanceDiscovery => Endpoint::InstanceDiscovery,
            Room::Metadata { .. } => Endpoint::Metadata,
            Room::Keys { .. } => Endpoint::Keys,
            Room::Authorize | Room::AdminConsent { .. } | Room::Login | Room::Select | Room::Consent => {
                Endpoint::Authorize
            }
            Room::Token => Endpoint::Token,
            Room::Logout | Room::SignOut => Endpoint::Logout,
            Room::NativeClient | Room::ErrorPage => Endpoint::Page,
            Room::Graph { .. } | Room::UserInfo => Endpoint::Graph,
            Room::Admin(_) | Room::Console(_) => Endpoint::Admin,
            Room::Nothing => Endpoint::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_segments_are_skipped_and_case_does_not_matter() {
        let place = locate("/Contoso.example//V2.0/.well-known/openid-configuration");
        assert_eq!(place.room, Room::Metadata { v2: true });
        assert_eq!(place.tenant.as_deref(), Some("Contoso.example"));
        assert_eq!(locate("/t//oauth2/v2.0/authorize").room, Room::Authorize);
        assert_eq!(locate("/t/oauth2/v2.0/nothing").room, Room::Nothing);
    }
}
