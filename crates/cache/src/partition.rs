//! One subject's credentials: MSAL's unified cache JSON as a value.

use std::{collections::BTreeMap, fmt, sync::Arc};

use absentia_core::{
    Scopes, UserAccount, account::AccountId, encoding::sha256_base64url, jwt::IdTokenClaims, secret::Wiped,
};
use serde::{Serialize, Serializer, de::DeserializeSeed as _, ser::SerializeMap as _};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use self::read::{Document, without_trailing_commas};
use crate::{identity::Identity, record::Entity};

mod read;

/// A section of the document, in MSAL.NET's order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// Access tokens.
    AccessToken,
    /// Refresh tokens.
    RefreshToken,
    /// ID tokens.
    IdToken,
    /// Users.
    Account,
    /// What is known of apps.
    AppMetadata,
}

const SECTIONS: [(Section, &str); 5] = [
    (Section::AccessToken, "AccessToken"),
    (Section::RefreshToken, "RefreshToken"),
    (Section::IdToken, "IdToken"),
    (Section::Account, "Account"),
    (Section::AppMetadata, "AppMetadata"),
];

/// One partition. `Debug` shows counts only. Token texts are wiped on drop.
#[derive(Clone, Default, PartialEq)]
pub struct Partition {
    sections: [Vec<Entity>; 5],
    /// Root members that are no section, kept verbatim.
    root: Vec<(String, Verbatim)>,
}

#[derive(Clone)]
struct Verbatim(Box<RawValue>);

impl PartialEq for Verbatim {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Partition {
    /// Reads a document. `None` when it is not one: a byte order mark, a comment, a section that is no object, an entity of
    /// another shape.
    pub fn parse(json: &[u8]) -> Option<Self> {
        Self::of(Wiped::new(std::str::from_utf8(json).ok()?))
    }

    /// Reads a document and keeps it: its texts are not copied.
    pub(crate) fn of(json: Wiped) -> Option<Self> {
        let json = Arc::new(json);
        Self::read(&json).or_else(|| Self::read(&Arc::new(without_trailing_commas(&json)?)))
    }

    fn read(json: &Arc<Wiped>) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let partition = Document(json).deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(partition)
    }

    /// Writes the document: all five sections, compact, with MSAL.NET's item keys.
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let mut json = Vec::with_capacity(8 * 1024);
        // Writing maps of text into memory has no way to fail.
        let written = serde_json::to_writer(&mut json, self);
        debug_assert!(written.is_ok());
        Zeroizing::new(json)
    }

    /// The entities of a section.
    pub fn section(&self, section: Section) -> &[Entity] {
        &self.sections[section as usize]
    }

    /// The entities of a section, to change.
    pub fn section_mut(&mut self, section: Section) -> &mut Vec<Entity> {
        &mut self.sections[section as usize]
    }

    /// Access tokens that may be used for `identity`, whatever their scopes and age.
    pub fn usable_access_tokens<'a>(&'a self, identity: &'a Identity) -> impl Iterator<Item = &'a Entity> {
        self.section(Section::AccessToken).iter().filter(move |entity| {
            identity.is_ours(entity)
                && identity.is_named_by(entity)
                && identity.realm().is_none_or(|realm| entity.text("realm").eq_ignore_ascii_case(realm))
                && is_plain_bearer(entity)
                && !entity.text("secret").is_empty()
        })
    }

    /// The access token that grants `scopes`; of several the one that ends last.
    pub fn access_token<'a>(&'a self, identity: &'a Identity, scopes: Scopes<'_>) -> Option<&'a Entity> {
        self.usable_access_tokens(identity)
            .filter(|entity| scopes.are_granted_by(entity.text("target")))
            .max_by_key(|entity| entity.seconds("expires_on"))
    }

    /// The refresh token of `identity`. Of several the one under the cloud's preferred name counts, and of those the last, as
    /// in MSAL.NET.
    pub fn refresh_token<'a>(&'a self, identity: &Identity) -> Option<&'a Entity> {
        let preferred = |entity: &&Entity| entity.text("environment") == identity.authority.environment();
        self.section(Section::RefreshToken)
            .iter()
            .filter(|entity| is_redeemable(identity, entity))
            .max_by_key(preferred)
    }

    /// The user of `identity`, as the account entity and the ID token describe her.
    pub fn user(&self, identity: &Identity) -> Option<UserAccount> {
        let token = self
            .refresh_token(identity)
            .or_else(|| self.section(Section::AccessToken).iter().find(|entity| identity.is_named_by(entity)))?;
        let id = AccountId::parse(token.text("home_account_id"))?;
        let of_user = |entity: &&Entity| entity.text("home_account_id").eq_ignore_ascii_case(id.as_str());
        let account = self.section(Section::Account).iter().find(of_user);
        let claims = self
            .section(Section::IdToken)
            .iter()
            .find(of_user)
            .and_then(|entity| IdTokenClaims::unverified(entity.text("secret")).ok());
        let username = account.map(|entity| entity.text("username")).unwrap_or_default();
        let realm = account.map(|entity| entity.text("realm")).unwrap_or_default();
        Some(UserAccount {
            local_id: claims.as_ref().and_then(IdTokenClaims::account_here),
            tenant: if realm.is_empty() { id.home_tenant().to_owned() } else { realm.to_owned() },
            username: if username.is_empty() {
                claims.as_ref().map(|claims| claims.username().to_owned()).unwrap_or_default()
            } else {
                username.to_owned()
            },
            name: account
                .and_then(|entity| entity.get("name"))
                .map(str::to_owned)
                .or_else(|| claims.and_then(|claims| claims.name)),
            id,
        })
    }

    /// Whether any token could be used for `identity`. A partition with tokens of which none names its key is no
    /// partition of that key.
    pub fn names_key(&self, identity: &Identity) -> bool {
        let tokens = || self.section(Section::AccessToken).iter().chain(self.section(Section::RefreshToken));
        tokens().next().is_none() || tokens().any(|entity| identity.is_named_by(entity))
    }

    /// Whether a refresh token of whatever client is in it.
    pub fn has_refresh_token(&self) -> bool {
        !self.section(Section::RefreshToken).is_empty()
    }

    /// When the last access token ends, unix seconds. 0 when there is none.
    pub fn last_expiry(&self) -> u64 {
        self.section(Section::AccessToken).iter().map(|entity| entity.seconds("expires_on")).max().unwrap_or(0)
    }

    /// Whether nothing worth keeping is left at `now`: no refresh token, no token that still lives.
    pub fn is_spent(&self, now: u64) -> bool {
        !self.has_refresh_token() && self.last_expiry() <= now
    }
}

/// A Bearer token bound to nothing: no key, no extra components of its cache key.
pub(crate) fn is_plain_bearer(entity: &Entity) -> bool {
    let token_type = entity.text("token_type");
    (token_type.is_empty() || token_type.eq_ignore_ascii_case("bearer"))
        && entity.text("kid").is_empty()
        && !has_components(entity)
}

/// Whether a refresh token may be redeemed for `identity`. Family tokens of first-party apps are not for confidential clients.
pub(crate) fn is_redeemable(identity: &Identity, entity: &Entity) -> bool {
    identity.is_ours(entity)
        && identity.is_named_by(entity)
        && entity.text("family_id").is_empty()
        && !has_components(entity)
        && !entity.text("secret").is_empty()
}

pub(crate) fn has_components(entity: &Entity) -> bool {
    !entity.text("ext_cache_key").is_empty()
        || ["ext", "additionalCacheKeyComponents"].iter().any(|name| entity.has(name) && entity.raw(name) != Some("{}"))
}

/// The item key MSAL.NET computes; it is ignored on reading, but other libraries look entities up by it.
pub(crate) fn item_key(section: Section, entity: &Entity) -> String {
    let text = |name| entity.text(name);
    let (home, environment, client) = (text("home_account_id"), text("environment"), text("client_id"));
    match section {
        Section::AccessToken => {
            let bearer = matches!(text("token_type").to_ascii_lowercase().as_str(), "" | "bearer" | "ssh-cert");
            let kind = if has_components(entity) {
                "atext"
            } else if bearer {
                "accesstoken"
            } else {
                "accesstoken_with_authscheme"
            };
            let token_type = if bearer { String::new() } else { format!("-{}", text("token_type")) };
            let components = components_hash(entity).map(|hash| format!("-{hash}")).unwrap_or_default();
            let (realm, target) = (text("realm"), text("target"));
            format!("{home}-{environment}-{kind}-{client}-{realm}-{target}{token_type}{components}").to_lowercase()
        }
        Section::RefreshToken => {
            let owner = if text("family_id").is_empty() { client } else { text("family_id") };
            let components = components_hash(entity).map(|hash| format!("-{hash}")).unwrap_or_default();
            format!("{home}-{environment}-refreshtoken-{owner}--{components}").to_lowercase()
        }
        Section::IdToken => format!("{home}-{environment}-idtoken-{client}-{}-", text("realm")).to_lowercase(),
        Section::Account => format!("{home}-{environment}-{}", text("realm")),
        Section::AppMetadata => format!("appmetadata-{environment}-{client}").to_lowercase(),
    }
}

/// What stands for the extra components of a cache key: base64url of SHA-256 over each name and value in order, with
/// their lengths, as MSAL.NET, Go and Python have it.
fn components_hash(entity: &Entity) -> Option<String> {
    if let Some(hash) = entity.get("ext_cache_key").filter(|hash| !hash.is_empty()) {
        return Some(hash.to_owned());
    }
    let components: BTreeMap<String, String> = ["ext", "additionalCacheKeyComponents"]
        .iter()
        .find_map(|name| serde_json::from_str(entity.raw(name).filter(|raw| *raw != "{}")?).ok())?;
    let mut text = String::new();
    for (name, value) in components {
        text.push_str(&format!("{}:{name}{}:{value}", name.len(), value.len()));
    }
    Some(sha256_base64url(&text))
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (section, name) in SECTIONS {
            map.entry(&name, &self.section(section).len());
        }
        map.finish()
    }
}

impl Serialize for Partition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Items<'a>(Section, &'a [Entity]);
        impl Serialize for Items<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(Some(self.1.len()))?;
                let mut seen: Vec<String> = Vec::with_capacity(self.1.len());
                for entity in self.1 {
                    let mut key = item_key(self.0, entity);
                    // Entities that differ only in what the key leaves out (components) must not shadow each other.
                    while seen.contains(&key) {
                        key.push('-');
                    }
                    map.serialize_entry(&key, entity)?;
                    seen.push(key);
                }
                map.end()
            }
        }
        let mut map = serializer.serialize_map(None)?;
        for (section, name) in SECTIONS {
            map.serialize_entry(name, &Items(section, self.section(section)))?;
        }
        for (name, value) in &self.root {
            map.serialize_entry(name, &value.0)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use absentia_core::Authority;

    use super::*;
    use crate::identity::Subject;

    const CID: &str = "33333333-1234-4567-89ab-000000000003";
    const HOME: &str = "11111111-aaaa-4bbb-8ccc-000000000001.22222222-dddd-4eee-8fff-000000000002";
    const TID: &str = "22222222-dddd-4eee-8fff-000000000002";

    fn ada() -> Identity {
        Identity {
            client_id: CID.into(),
            authority: Authority::new("https://login.microsoftonline.com", TID).unwrap(),
            subject: Subject::Account(AccountId::parse(HOME).unwrap()),
            layout: Default::default(),
        }
    }

    fn token(target: &str, expires_on: &str) -> Entity {
        Entity::new()
            .with("home_account_id", HOME)
            .with("environment", "login.windows.net")
            .with("client_id", CID)
            .with("secret", format!("token for {target}"))
            .with("credential_type", "AccessToken")
            .with("realm", TID)
            .with("target", target)
            .with("cached_at", "1790000000")
            .with("expires_on", expires_on)
    }

    #[test]
    fn writing_and_reading_gives_the_same_and_keeps_what_is_unknown() {
        let json = format!(
            r#"{{"AccessToken":{{"some key":{{"secret":"s","home_account_id":"{HOME}","x":null}}}},"Future":{{"a":1}},"Account":null}}"#
        );
        let partition = Partition::parse(json.as_bytes()).unwrap();
        let again = Partition::parse(&partition.to_json()).unwrap();
        assert!(partition == again);
        let text = String::from_utf8(partition.to_json().to_vec()).unwrap();
        assert!(text.starts_with(r#"{"AccessToken":{"#) && text.contains(r#""x":null"#), "{text}");
        assert!(text.ends_with(r#""RefreshToken":{},"IdToken":{},"Account":{},"AppMetadata":{},"Future":{"a":1}}"#));
    }

    #[test]
    fn the_item_key_is_msals() {
        assert_eq!(
            item_key(Section::AccessToken, &token("email openid profile User.Read", "1")),
            format!("{HOME}-login.windows.net-accesstoken-{CID}-{TID}-email openid profile user.read")
        );
    }

    #[test]
    fn only_tokens_that_name_the_key_are_used() {
        let mut partition = Partition::default();
        partition.section_mut(Section::AccessToken).extend([
            token("User.Read", "10").with("home_account_id", "somebody.else"),
            token("User.Read", "20"),
            token("User.Read", "30").with("client_id", "another"),
            token("User.Read", "40").with("user_assertion_hash", "h"),
            token("User.Read", "50").with("token_type", "pop"),
            token("User.Read", "60").with("ext_cache_key", "e"),
            token("User.Read", "70").with("realm", "another tenant"),
            token("User.Read", "80").with("environment", "login.microsoftonline.us"),
            token("Mail.Read", "90"),
        ]);
        let ada = ada();
        let found = partition.access_token(&ada, "user.read".into()).unwrap();
        assert_eq!(found.text("expires_on"), "20");
        assert!(partition.names_key(&ada));
        partition.section_mut(Section::AccessToken).truncate(1);
        assert!(!partition.names_key(&ada));
    }

    #[test]
    fn of_several_refresh_tokens_the_preferred_name_counts_then_the_last() {
        let token =
            |secret: &str, environment: &str| token("", "").with("secret", secret).with("environment", environment);
        let mut partition = Partition::default();
        let mut counts = |secret: &str, environment: &str| {
            partition.section_mut(Section::RefreshToken).push(token(secret, environment));
            partition.refresh_token(&ada()).unwrap().text("secret").to_owned()
        };
        assert_eq!(counts("1", "login.microsoftonline.com"), "1");
        assert_eq!(counts("2", "sts.windows.net"), "2");
        assert_eq!(counts("3", "login.windows.net"), "3");
        assert_eq!(counts("4", "login.microsoftonline.com"), "3");
        assert_eq!(counts("5", "login.windows.net"), "5");
    }

    #[test]
    fn what_is_no_cache_is_refused() {
        for bad in ["", "[]", "7", "\u{feff}{}", r#"{"AccessToken":[]}"#, r#"{"AccessToken":{"k":7}}"#] {
            assert!(Partition::parse(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(Partition::parse(b"{}").is_some());
    }

    /// MSAL.NET reads them, and no comments.
    #[test]
    fn trailing_commas_are_read() {
        let json = r#"{"AccessToken":{"k":{"secret":"a,}","target":"b" , } ,},"x":[1,2, ], }"#;
        let partition = Partition::parse(json.as_bytes()).unwrap();
        assert_eq!(partition.section(Section::AccessToken)[0].text("secret"), "a,}");
        for bad in [r#"{"x":1,,}"#, r#"{"x":1,} // why"#, r#"{"x":",}"#] {
            assert!(Partition::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
