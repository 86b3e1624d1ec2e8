//! Whose tokens: the subject of a partition, its key, and which entities may be used for it.

use std::sync::Arc;

use absentia_core::{AccountId, Authority, Error, encoding::sha256_base64url};
use absentia_store::{GrantKind, Key};

use crate::{layout::Layout, record::Entity};

/// Whose tokens a partition holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// A signed-in user.
    Account(AccountId),
    /// The app itself, for one resource (what stands before `/.default`).
    App {
        /// The resource.
        resource: Arc<str>,
    },
    /// The caller of an API, by the hash of the assertion she presented.
    Assertion {
        /// base64url of SHA-256 of the assertion.
        hash: Arc<str>,
    },
    /// A long-running on-behalf-of process.
    LongRunning(LongRunningKey),
}

impl Subject {
    /// The kind of grant, for those that are one.
    pub fn grant_kind(&self) -> Option<GrantKind> {
        match self {
            Self::Account(_) => Some(GrantKind::Account),
            Self::App { .. } => None,
            Self::Assertion { .. } => Some(GrantKind::Assertion),
            Self::LongRunning(_) => Some(GrantKind::LongRunning),
        }
    }
}

/// The handle of a long-running on-behalf-of process: any text the app chooses. Stored entries are named by its SHA-256.
#[derive(Clone, Eq, PartialEq)]
pub struct LongRunningKey {
    text: Option<Arc<str>>,
    hash: Arc<str>,
}

impl LongRunningKey {
    /// A key of this text, 1 to 512 bytes.
    ///
    /// # Errors
    /// `Config` when it is empty, too long, or reads like a home account id: in .NET's caches the two share one space of
    /// keys.
    pub fn new(text: impl AsRef<str>) -> Result<Self, Error> {
        let text = text.as_ref();
        if text.is_empty() || text.len() > 512 {
            return Err(Error::config("A long-running key must have 1 to 512 bytes"));
        }
        let guid = |part: &str| part.len() == 36 && part.bytes().filter(|b| *b == b'-').count() == 4;
        if text.split_once('.').is_some_and(|(uid, utid)| guid(uid) && guid(utid)) {
            return Err(Error::config("A long-running key must not look like a home account id (oid.tid)"));
        }
        Ok(Self { text: Some(text.into()), hash: sha256_base64url(text).into() })
    }

    /// The key whose SHA-256 names a stored entry: enough to go on with a process, not to start one.
    pub fn from_stored(hash: &str) -> Self {
        Self { text: None, hash: hash.into() }
    }

    /// The key of the process whose entry this is.
    ///
    /// # Errors
    /// As [`new`](Self::new), in .NET's layout, where the name of an entry is the key itself.
    pub fn of_entry(key: &Key, layout: Layout) -> Result<Self, Error> {
        match layout {
            Layout::Native => Ok(Self::from_stored(key.as_str().rsplit('/').next().unwrap_or_default())),
            Layout::DotNet => Self::new(key.as_str()),
        }
    }

    /// The text, when it is known.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// base64url of SHA-256 of the text.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// Shows the hash alone: whoever knows the text can go on with the process.
impl std::fmt::Debug for LongRunningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LongRunningKey({})", self.hash)
    }
}

/// One subject of one client: what finds its partition and its tokens in it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The app.
    pub client_id: Arc<str>,
    /// The cloud and tenant.
    pub authority: Authority,
    /// Whose tokens.
    pub subject: Subject,
    /// How the entry is named.
    pub layout: Layout,
}

impl Identity {
    /// The key of the stored entry. In the native layout `client id/partition key`, the client id lower-cased, so that two
    /// spellings of one app share. In .NET's what MSAL.NET suggests, byte for byte.
    pub fn key(&self) -> Key {
        let (prefix, middle, suffix) = self.name();
        Key::new(format!("{prefix}{}{suffix}", middle.to_ascii_lowercase()))
    }

    /// The key in three parts, the middle one to be lower-cased: an app's resource, so that its key can be looked for
    /// without being built.
    pub fn name(&self) -> (String, &str, &'static str) {
        if self.layout == Layout::DotNet {
            return (self.dotnet_key(), "", "");
        }
        let client = self.client_id.to_ascii_lowercase();
        match &self.subject {
            Subject::Account(id) => (format!("{client}/{id}"), "", ""),
            Subject::App { resource } => {
                (format!("{client}/{client}_{}_", self.authority.tenant()), resource, "_AppTokenCache")
            }
            Subject::Assertion { hash } => (format!("{client}/{hash}"), "", ""),
            Subject::LongRunning(key) => (format!("{client}/{}", key.hash()), "", ""),
        }
    }

    fn dotnet_key(&self) -> String {
        match &self.subject {
            Subject::Account(id) => id.to_string(),
            Subject::App { .. } => format!("{}_{}_AppTokenCache", self.client_id, self.authority.tenant()),
            Subject::Assertion { hash } => hash.to_string(),
            Subject::LongRunning(key) => key.text().unwrap_or(key.hash()).to_owned(),
        }
    }

    /// The tenant whose tokens are looked for. `None` when any will do.
    pub fn realm(&self) -> Option<&str> {
        match &self.subject {
            // MSAL.NET: a many-tenant authority means the account's home
            Subject::Account(id) if self.authority.is_multi_tenant() => Some(id.home_tenant()),
            Subject::Assertion { .. } | Subject::LongRunning(_) if self.authority.is_multi_tenant() => None,
            _ => Some(self.authority.tenant()),
        }
    }

    /// Whether an entity belongs to this app in this cloud.
    pub fn is_ours(&self, entity: &Entity) -> bool {
        entity.text("client_id").eq_ignore_ascii_case(&self.client_id)
            && self.authority.is_alias(entity.text("environment"))
    }

    /// Whether a token names this partition's key. One that does not is never used: it was put here by mistake or by
    /// somebody.
    pub fn is_named_by(&self, entity: &Entity) -> bool {
        match &self.subject {
            Subject::Account(id) => {
                entity.text("home_account_id").eq_ignore_ascii_case(id.as_str())
                    && entity.text("user_assertion_hash").is_empty()
            }
            Subject::App { .. } => {
                self.is_ours(entity) && entity.text("realm").eq_ignore_ascii_case(self.authority.tenant())
            }
            Subject::Assertion { hash } => entity.text("user_assertion_hash") == &**hash,
            Subject::LongRunning(key) => match (entity.text("user_assertion_hash"), key.text()) {
                ("", _) => false,
                (stored, Some(text)) => stored == text,
                (stored, None) => sha256_base64url(stored) == key.hash(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(subject: Subject) -> Identity {
        Identity {
            client_id: "33333333-1234-4567-89AB-000000000003".into(),
            authority: Authority::new("https://login.microsoftonline.com", "T1").unwrap(),
            subject,
            layout: Layout::Native,
        }
    }

    #[test]
    fn in_dotnets_layout_keys_are_msals() {
        let key = |subject| Identity { layout: Layout::DotNet, ..identity(subject) }.key().as_str().to_owned();
        assert_eq!(key(Subject::Account(AccountId::parse("O.T").unwrap())), "O.T");
        assert_eq!(
            key(Subject::App { resource: "https://graph.microsoft.com".into() }),
            "33333333-1234-4567-89AB-000000000003_t1_AppTokenCache"
        );
        assert_eq!(key(Subject::Assertion { hash: "Hash".into() }), "Hash");
        assert_eq!(key(Subject::LongRunning(LongRunningKey::new("Session").unwrap())), "Session");
    }

    #[test]
    fn keys_are_one_per_subject_and_hide_long_running_keys() {
        let account = Subject::Account(AccountId::parse("o.t").unwrap());
        assert_eq!(identity(account).key().as_str(), "33333333-1234-4567-89ab-000000000003/o.t");
        let app = Subject::App { resource: "https://Graph.microsoft.com".into() };
        assert_eq!(
            identity(app).key().as_str(),
            "33333333-1234-4567-89ab-000000000003/33333333-1234-4567-89ab-000000000003_t1_https://graph.microsoft.com_AppTokenCache"
        );
        let key = LongRunningKey::new("exports of ada").unwrap();
        assert!(!identity(Subject::LongRunning(key)).key().as_str().contains("ada"));
    }

    #[test]
    fn a_long_running_key_is_not_an_account() {
        assert!(
            LongRunningKey::new("11111111-aaaa-4bbb-8ccc-000000000001.22222222-dddd-4eee-8fff-000000000002").is_err()
        );
        assert!(LongRunningKey::new("").is_err());
        assert!(LongRunningKey::new("a.b").is_ok());
        assert!(!format!("{:?}", LongRunningKey::new("visible").unwrap()).contains("visible"));
    }

    #[test]
    fn a_long_running_process_is_found_by_hash_too() {
        let entity = Entity::new().with("user_assertion_hash", "session");
        let known = LongRunningKey::new("session").unwrap();
        let stored = LongRunningKey::from_stored(known.hash());
        assert!(identity(Subject::LongRunning(known)).is_named_by(&entity));
        assert!(identity(Subject::LongRunning(stored)).is_named_by(&entity));
        let other = LongRunningKey::from_stored("other");
        assert!(!identity(Subject::LongRunning(other)).is_named_by(&entity));
    }
}
