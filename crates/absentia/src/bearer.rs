//! Checking the tokens that callers present to our API: signature, issuer, audience, lifetime, and that they act for a user.
//!
//! Source: Entra, "Access tokens", "Validate tokens"; what Microsoft's validators do is followed where they differ.

use std::sync::Arc;

use absentia_core::{
    AccountId, Error, Secret,
    discovery::issuer_of,
    encoding::sha256_base64url,
    jwk::KeySet,
    jwt::{Audience, Jwt},
};
use serde::Deserialize;

use crate::{
    assertion::UserAssertion,
    discovery::{Discovery, Documents, Version},
};

/// How wrong two clocks may be, seconds: as ASP.NET Core.
const SKEW: f64 = 300.0;

/// Checks presented tokens. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Validator {
    discovery: Arc<Discovery>,
    client_id: Arc<str>,
    audience: Option<Arc<str>>,
}

/// A token that was checked. Only [`Validator::validate`] makes one.
#[derive(Clone, Debug)]
pub struct ValidToken {
    text: Secret,
    claims: Claims,
}

/// The claims of an access token that decide. Entra, "Access token claims reference".
#[derive(Clone, Debug, Deserialize)]
struct Claims {
    #[serde(default)]
    aud: Audience,
    #[serde(default)]
    iss: String,
    exp: Option<f64>,
    nbf: Option<f64>,
    tid: Option<String>,
    oid: Option<String>,
    #[serde(default)]
    scp: Option<String>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    ver: Option<String>,
    azp: Option<String>,
    appid: Option<String>,
    idtyp: Option<String>,
    name: Option<String>,
    preferred_username: Option<String>,
    upn: Option<String>,
}

/// Why a token is refused, as `WWW-Authenticate` says it (RFC 6750 section 3.1).
#[derive(Clone, Debug)]
pub enum Refused {
    /// 401: the token is not good. The text is for the caller.
    Invalid(String),
    /// It could not be checked now: the authority did not answer and never had. Nothing is wrong with the caller.
    Unavailable(Error),
}

impl Validator {
    /// Checks tokens for the API `client_id`, with keys and issuers of `discovery`. `audience` overrides what the audience
    /// must be: by default the client id for v2.0 tokens, `api://{client id}` or the client id for v1.0 tokens.
    pub fn new(discovery: Arc<Discovery>, client_id: impl Into<Arc<str>>, audience: Option<&str>) -> Self {
        Self { discovery, client_id: client_id.into(), audience: audience.map(Into::into) }
    }

    /// Checks one token. The keys are asked for once a day, and again when a token names an unknown one. Cancel safe.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn validate(&self, text: &str) -> Result<ValidToken, Refused> {
        let invalid = |what: &str| Refused::Invalid(what.to_owned());
        let jwt = Jwt::parse(text).map_err(|_| invalid("The token is malformed"))?;
        let claims: Claims =
            serde_json::from_slice(&jwt.payload).map_err(|_| invalid("The token's claims are malformed"))?;
        let version = if claims.iss.trim_end_matches('/').ends_with("/v2.0") { Version::V2 } else { Version::V1 };
        let kid = jwt.header.kid.as_deref().ok_or_else(|| invalid("The signature key was not found"))?;
        let mut documents = self.discovery.documents(version).await.map_err(Refused::Unavailable)?;
        if documents.keys.find(kid).is_none() {
            documents = self.discovery.reloaded(version).await.map_err(Refused::Unavailable)?;
        }
        let now =
            self.discovery.clock().now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        self.check(&jwt, &claims, kid, &documents, now).map_err(Refused::Invalid)?;
        Ok(ValidToken { text: Secret::new(text), claims })
    }

    fn check(&self, jwt: &Jwt<'_>, claims: &Claims, kid: &str, documents: &Documents, now: f64) -> Result<(), String> {
        let keys: &KeySet = &documents.keys;
        let key = keys.find(kid).ok_or("The signature key was not found")?;
        if !key.verifies(jwt) {
            return Err("The signature is invalid".to_owned());
        }
        let tid = claims.tid.as_deref().filter(|tid| is_guid(tid)).ok_or("The token names no tenant")?;
        let expected = documents.metadata.issuer_of(tid);
        if claims.iss != expected {
            return Err(format!("The issuer '{}' is invalid, expected was '{expected}'", shown(&claims.iss)));
        }
        // A key may be published for one issuer alone: another tenant's key must not sign for this one.
        if let Some(issuer) = key.issuer()
            && issuer_of(issuer, tid) != claims.iss
        {
            return Err("The signature key is not for this issuer".to_owned());
        }
        if !claims.aud.any(|audience| self.is_audience(audience, claims.ver.as_deref())) {
            return Err(format!("The audience '{}' is invalid", shown(&claims.aud.join())));
        }
        let exp = claims.exp.ok_or("The token has no expiry")?;
        if exp + SKEW <= now {
            return Err(format!("The token expired at '{exp:.0}', this clock says '{now:.0}'"));
        }
        if let Some(nbf) = claims.nbf.filter(|nbf| *nbf > now + SKEW) {
            return Err(format!("The token is not valid before '{nbf:.0}', this clock says '{now:.0}'"));
        }
        let has_scopes = claims.scp.as_deref().is_some_and(|scp| !scp.trim().is_empty());
        let has_roles = claims.roles.as_ref().is_some_and(|roles| !roles.is_empty());
        if !has_scopes && !has_roles {
            return Err("Neither scope nor roles were found in the token".to_owned());
        }
        if !has_scopes || claims.idtyp.as_deref() == Some("app") {
            return Err("The token acts for an app; this API serves users".to_owned());
        }
        Ok(())
    }

    fn is_audience(&self, audience: &str, version: Option<&str>) -> bool {
        let audience = audience.strip_suffix('/').unwrap_or(audience);
        match &self.audience {
            Some(configured) => audience.eq_ignore_ascii_case(configured.strip_suffix('/').unwrap_or(configured)),
            None if audience.eq_ignore_ascii_case(&self.client_id) => true,
            None => {
                version != Some("2.0")
                    && audience.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("api://"))
                    && audience[6..].eq_ignore_ascii_case(&self.client_id)
            }
        }
    }
}

impl ValidToken {
    /// Whether `scp` grants one of `scopes`.
    pub fn has_any_scope(&self, scopes: &[&str]) -> bool {
        let granted = self.claims.scp.as_deref().unwrap_or_default();
        granted.split_ascii_whitespace().any(|scope| scopes.contains(&scope))
    }

    /// The user's object id in [`tenant`](Self::tenant).
    pub fn object_id(&self) -> Option<&str> {
        self.claims.oid.as_deref()
    }

    /// The tenant that issued the token.
    pub fn tenant(&self) -> &str {
        self.claims.tid.as_deref().unwrap_or_default()
    }

    /// `oid.tid`: the home account id of a user at home. For a guest it names her in this tenant, not at home; nothing is
    /// ever stored under it.
    pub fn caller(&self) -> Option<AccountId> {
        AccountId::parse(&format!("{}.{}", self.object_id()?, self.tenant()))
    }

    /// The calling app.
    pub fn client(&self) -> Option<&str> {
        self.claims.azp.as_deref().or(self.claims.appid.as_deref())
    }

    /// The user's name for people, never for decisions.
    pub fn username(&self) -> Option<&str> {
        [&self.claims.preferred_username, &self.claims.upn, &self.claims.name]
            .into_iter()
            .flatten()
            .next()
            .map(|s| s.as_str())
    }

    /// The token as an assertion, to act on the caller's behalf.
    pub fn assertion(&self) -> UserAssertion {
        UserAssertion::of(self.text.clone())
    }

    /// A digest of the token, for logs that must tell two tokens apart.
    pub fn digest(&self) -> String {
        sha256_base64url(self.text.expose())[..8].to_owned()
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// A claim's text, fit for a header and a log.
fn shown(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() && *c != '"' && *c != '\\' && *c != '\'').take(120).collect()
}
