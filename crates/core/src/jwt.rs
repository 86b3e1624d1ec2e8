//! JSON Web Tokens (RFC 7519) in compact form, as Entra issues them.

use serde::{Deserialize, Deserializer};

use crate::{AccountId, Error, encoding::from_base64url};

/// Longest token that is looked at, in bytes: Entra's largest, with 200 groups, stay well below.
pub const MAX_LENGTH: usize = 64 * 1024;

/// A token taken apart. Nothing is verified. `Debug` shows its header alone: the rest is the token.
pub struct Jwt<'a> {
    /// The header.
    pub header: Header,
    /// What was signed: `header.payload`.
    pub signed: &'a str,
    /// The payload, decoded JSON bytes.
    pub payload: Vec<u8>,
    /// The signature, decoded.
    pub signature: Vec<u8>,
}

/// The header members that decide which key verifies a token.
#[derive(Clone, Debug, Deserialize)]
pub struct Header {
    /// Signature algorithm.
    pub alg: String,
    /// Key id.
    #[serde(default)]
    pub kid: Option<String>,
}

impl<'a> Jwt<'a> {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// `Rejected` when it is not three base64url parts with a JSON header, or too long. The text is not shown.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let malformed = || Error::new(crate::ErrorKind::Rejected, "The token is not a JSON Web Token in compact form");
        if text.len() > MAX_LENGTH {
            return Err(malformed());
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| from_base64url(part).ok_or_else(malformed);
        Ok(Self {
            header: serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?,
            signed,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

impl std::fmt::Debug for Jwt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwt").field("header", &self.header).finish_non_exhaustive()
    }
}

/// The claims of an ID token that matter to a client. Entra, "ID token claims reference".
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IdTokenClaims {
    /// Whom it is for: the client id.
    #[serde(default)]
    pub aud: Audience,
    /// Who issued it.
    #[serde(default)]
    pub iss: String,
    /// Not before, unix seconds.
    #[serde(default)]
    pub nbf: Option<f64>,
    /// Ends at, unix seconds.
    #[serde(default)]
    pub exp: Option<f64>,
    /// Bound to the request of sign-in.
    #[serde(default)]
    pub nonce: Option<String>,
    /// Object id in `tid`.
    #[serde(default)]
    pub oid: Option<String>,
    /// Pairwise id.
    #[serde(default)]
    pub sub: Option<String>,
    /// The tenant signed in to.
    #[serde(default)]
    pub tid: Option<String>,
    /// User name for people.
    #[serde(default)]
    pub preferred_username: Option<String>,
    /// Older spelling of the user name.
    #[serde(default)]
    pub upn: Option<String>,
    /// E-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Display name.
    #[serde(default)]
    pub name: Option<String>,
    /// Given name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub family_name: Option<String>,
    /// Entra's browser session (OpenID Connect Front-Channel Logout 1.0 section 3).
    #[serde(default)]
    pub sid: Option<String>,
}

impl IdTokenClaims {
    /// Reads the claims without verifying anything: for tokens that came straight from the token endpoint (OpenID Connect
    /// Core 3.1.3.7, item 6) and for names to show.
    ///
    /// # Errors
    /// `Rejected` when it is not a JWT with a JSON object as payload.
    pub fn unverified(text: &str) -> Result<Self, Error> {
        let jwt = Jwt::parse(text)?;
        serde_json::from_slice(&jwt.payload)
            .map_err(|_| Error::new(crate::ErrorKind::Rejected, "The ID token's payload is not what Entra issues"))
    }

    /// `oid.tid`: what the tenant signed in to calls the user. At home it is the home account id.
    pub fn account_here(&self) -> Option<AccountId> {
        AccountId::parse(&format!("{}.{}", self.oid.as_deref()?, self.tid.as_deref()?))
    }

    /// The user name as MSAL.NET chooses it.
    pub fn username(&self) -> &str {
        [&self.preferred_username, &self.upn, &self.email, &self.name]
            .into_iter()
            .flatten()
            .find(|name| !name.is_empty())
            .map_or("", String::as_str)
    }
}

/// `aud`: RFC 7519 section 4.1.3 allows one text or a list of texts. Anything else names nobody.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Audience(Vec<String>);

impl Audience {
    /// Whether one of the audiences satisfies `test`.
    pub fn any(&self, test: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|audience| test(audience))
    }

    /// The audiences, for messages.
    pub fn join(&self) -> String {
        self.0.join(", ")
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Shape {
            One(String),
            Many(Vec<String>),
            Nonsense(serde::de::IgnoredAny),
        }
        Ok(Self(match Shape::deserialize(deserializer)? {
            Shape::One(audience) => vec![audience],
            Shape::Many(audiences) => audiences,
            Shape::Nonsense(_) => Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64url;

    fn token(payload: &str) -> String {
        format!("{}.{}.c2ln", base64url(br#"{"alg":"RS256","kid":"k"}"#), base64url(payload.as_bytes()))
    }

    #[test]
    fn names_are_utf8() {
        let claims = IdTokenClaims::unverified(&format!(
            "{}.eyJuYW1lIjoiQmrDtnJuIOa8ouWtlyDwn5qAIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYmrDtnJuQGNvbnRvc28uZXhhbXBsZSJ9.x",
            base64url(br#"{"alg":"RS256"}"#)
        ));
        // One character is no whole byte of base64: the signature must decode too.
        assert!(claims.is_err());
        let claims = IdTokenClaims::unverified(&format!(
            "{}.eyJuYW1lIjoiQmrDtnJuIOa8ouWtlyDwn5qAIiwicHJlZmVycmVkX3VzZXJuYW1lIjoiYmrDtnJuQGNvbnRvc28uZXhhbXBsZSJ9.eHg",
            base64url(br#"{"alg":"RS256"}"#)
        ))
        .unwrap();
        assert_eq!(claims.name.as_deref(), Some("Björn 漢字 🚀"));
        assert_eq!(claims.username(), "björn@contoso.example");
    }

    #[test]
    fn an_audience_is_text_or_a_list_of_texts() {
        let aud = |json: &str| {
            IdTokenClaims::unverified(&token(&format!(r#"{{"aud":{json}}}"#))).unwrap().aud.any(|a| a == "CID")
        };
        for good in [r#""CID""#, r#"["CID"]"#, r#"["other","CID"]"#] {
            assert!(aud(good), "{good}");
        }
        for bad in ["[]", "null", "7", r#"[["CID"]]"#, r#""CID,other""#, "{}"] {
            assert!(!aud(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_not_a_token_is_refused_without_showing_it() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for bad in ["", "a", "a.b", "a.b.c", "....", "e30.e30.", long.as_str()] {
            let error = Jwt::parse(bad).unwrap_err();
            assert!(bad.len() < 3 || !format!("{error} {error:?}").contains(bad));
        }
    }
}
