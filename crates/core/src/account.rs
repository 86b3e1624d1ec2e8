//! Who a token is for.

use std::{fmt, sync::Arc};

use serde::Deserialize;

use crate::{encoding::from_base64url, jwt::IdTokenClaims};

/// A user's home account id, `oid.tid`: her object id in her home tenant and that tenant. The name of her partition in
/// every MSAL cache. Compared byte for byte.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// An account id of this text: `uid.utid`, split at the last dot. `None` when a part is empty, or when the text holds a
    /// blank, a control character or a slash, or is over 300 bytes long.
    pub fn parse(text: &str) -> Option<Self> {
        let (uid, utid) = text.rsplit_once('.')?;
        let clean = |c: char| !c.is_whitespace() && !c.is_control() && c != '/';
        (!uid.is_empty() && !utid.is_empty() && text.len() <= 300 && text.chars().all(clean)).then(|| Self(text.into()))
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The object id in the home tenant.
    pub fn object_id(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(uid, _)| uid)
    }

    /// The home tenant.
    pub fn home_tenant(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, utid)| utid)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `client_info` of a token response: base64url of `{"uid":…,"utid":…}`, the user at home.
#[derive(Clone, Debug, Deserialize)]
pub struct ClientInfo {
    uid: String,
    utid: String,
}

impl ClientInfo {
    /// Reads the raw text of a response. `None` when it is not what it should be.
    pub fn parse(raw: &str) -> Option<Self> {
        serde_json::from_slice(&from_base64url(raw)?).ok()
    }

    /// The home account id it names.
    pub fn account_id(&self) -> Option<AccountId> {
        AccountId::parse(&format!("{}.{}", self.uid, self.utid))
    }

    /// Whether it can belong to the user of this ID token. A guest is another object in another tenant; but for a user at
    /// home (`tid` equals `utid`) the object ids must be equal too, or somebody else's partition would be written.
    pub fn fits(&self, id_token: &IdTokenClaims) -> bool {
        match (&id_token.tid, &id_token.oid) {
            (Some(tid), Some(oid)) if tid.eq_ignore_ascii_case(&self.utid) => oid.eq_ignore_ascii_case(&self.uid),
            _ => true,
        }
    }
}

/// A signed-in user, as tokens describe her.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserAccount {
    /// Home account id.
    pub id: AccountId,
    /// `oid.tid` as the tenant she signed in to names her, if it is known: what her tokens say. The home account id of a user
    /// at home; another of a guest.
    pub local_id: Option<AccountId>,
    /// The tenant she signed in to (`realm`): a guest's is not her home.
    pub tenant: String,
    /// User name for people (`preferred_username`), never for decisions. May be empty.
    pub username: String,
    /// Display name, if known.
    pub name: Option<String>,
}

impl UserAccount {
    /// Whether `id` names her, at home or in the tenant she signed in to: of a guest an API's caller is known by the latter
    /// alone. Both come from answers of the token endpoint, never from a caller.
    pub fn is_named(&self, id: &AccountId) -> bool {
        self.id == *id || self.local_id.as_ref() == Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_info_is_base64url_of_any_length() {
        // Public reports: dash, underscore and missing padding (see docs, case H19).
        for raw in [
            "eyJuIjoiPz8-PiIsInVpZCI6IjExMTExMTExLWFhYWEtNGJiYi04Y2NjLTAwMDAwMDAwMDAwMSIsInV0aWQiOiIyMjIyMjIyMi1kZGRkLTRlZWUtOGZmZi0wMDAwMDAwMDAwMDIifQ",
            "eyJuIjoiw7_DviIsInVpZCI6IjExMTExMTExLWFhYWEtNGJiYi04Y2NjLTAwMDAwMDAwMDAwMSIsInV0aWQiOiIyMjIyMjIyMi1kZGRkLTRlZWUtOGZmZi0wMDAwMDAwMDAwMDIifQ",
        ] {
            let id = ClientInfo::parse(raw).and_then(|info| info.account_id()).unwrap();
            assert_eq!(id.object_id(), "11111111-aaaa-4bbb-8ccc-000000000001");
            assert_eq!(id.home_tenant(), "22222222-dddd-4eee-8fff-000000000002");
        }
        assert!(ClientInfo::parse("e30").is_none());
        assert!(ClientInfo::parse("not base64!").is_none());
    }

    #[test]
    fn an_account_id_splits_at_its_last_dot() {
        let id = AccountId::parse("oid-b2c_1_sign.in.tenant").unwrap();
        assert_eq!((id.object_id(), id.home_tenant()), ("oid-b2c_1_sign.in", "tenant"));
        for bad in ["", "a", ".b", "a.", "a b.c", "a/b.c", "a\n.b"] {
            assert!(AccountId::parse(bad).is_none(), "{bad:?}");
        }
    }
}
