//! The claims of access tokens and ID tokens.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{BACKDATED, ID_TOKEN_LIFE};
use crate::aadsts::Refusal;
use crate::clock::UnixSeconds;
use crate::directory::{Application, GRAPH, Tenant, User};
use crate::random::{self, base64url, sha256_of};
use crate::scopes::{Ask, Oidc};

/// How a client proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientProof {
    /// It did not: a public client.
    None,
    /// With a secret.
    Secret,
}

impl ClientProof {
    /// The value of `appidacr` and `azpacr`.
    fn acr(self) -> &'static str {
        match self {
            ClientProof::None => "0",
            ClientProof::Secret => "1",
        }
    }
}

/// What all tokens of one answer have in common.
pub(crate) struct Common<'a> {
    pub(crate) base: &'a str,
    pub(crate) tenant: &'a Tenant,
    pub(crate) client: &'a Application,
    pub(crate) proof: ClientProof,
    pub(crate) now: UnixSeconds,
}

/// The user of a delegated token.
pub(crate) struct OfUser<'a> {
    pub(crate) user: &'a User,
    pub(crate) sid: Option<&'a str>,
    /// The claim `login_hint`, if it was asked for.
    pub(crate) login_hint: Option<String>,
    pub(crate) auth_time: UnixSeconds,
    /// The authentication contexts the sign-in satisfied.
    pub(crate) contexts: &'a BTreeSet<String>,
}

type Claims = Map<String, Value>;

/// `sub` for a user: stable, and different for each app.
pub(crate) fn pairwise(tenant: &str, user: &str, app: &str) -> String {
    base64url(&sha256_of(&["sub", tenant, user, app]))
}

/// Object id of the service principal that stands for an app in a tenant.
fn service_principal_id(tenant: &str, app: &str) -> String {
    random::derived_guid(&["service principal", tenant, app]).to_string()
}

impl Common<'_> {
    /// Whether tokens for this API are in the version 2.0 format.
    fn is_v2(resource: &Application) -> bool {
        resource.api.requested_access_token_version == Some(2)
    }

    fn access(&self, ask: &Ask<'_>, expires: UnixSeconds) -> Result<Claims, Refusal> {
        let v2 = Common::is_v2(ask.resource);
        let issued = self.now - BACKDATED;
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("aud", json!(if v2 { &ask.resource.app_id } else { audience_v1(ask) }));
        put("iss", json!(if v2 { self.issuer_v2() } else { format!("{}/{}/", self.base, self.tenant.id) }));
        put("iat", json!(issued));
        put("nbf", json!(issued));
        put("exp", json!(expires));
        put("aio", json!(format!("E2Rg{}", random::token::<24>()?)));
        put(if v2 { "azp" } else { "appid" }, json!(self.client.app_id));
        put(if v2 { "azpacr" } else { "appidacr" }, json!(self.proof.acr()));
        if ask.resource.app_id == GRAPH {
            put("app_displayname", json!(self.client.display_name));
        }
        put("rh", json!(format!("1.AX{}", random::token::<20>()?)));
        put("tid", json!(self.tenant.id));
        put("uti", json!(random::token::<16>()?));
        put("ver", json!(if v2 { "2.0" } else { "1.0" }));
        Ok(claims)
    }

    fn issuer_v2(&self) -> String {
        format!("{}/{}/v2.0", self.base, self.tenant.id)
    }

    /// Claims of a delegated access token.
    pub(crate) fn delegated(
        &self,
        of: &OfUser<'_>,
        ask: &Ask<'_>,
        scp: &str,
        cp1: bool,
        expires: UnixSeconds,
    ) -> Result<Claims, Refusal> {
        let mut claims = self.access(ask, expires)?;
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("name", json!(of.user.display_name));
        put("oid", json!(of.user.id));
        put("scp", json!(scp));
        put("sub", json!(pairwise(&self.tenant.id, &of.user.id, &ask.resource.app_id)));
        if let Some(idp) = self.foreign_idp(of.user) {
            put("idp", json!(idp));
        }
        if let Some(sid) = of.sid {
            put("sid", json!(sid));
        }
        if Common::is_v2(ask.resource) {
            put("preferred_username", json!(of.user.user_principal_name));
        } else {
            put("acr", json!("1"));
            put("amr", json!(["pwd"]));
            put("ipaddr", json!("127.0.0.1"));
            put("unique_name", json!(of.user.user_principal_name));
            put("upn", json!(of.user.user_principal_name));
            put("given_name", json!(of.user.given_name));
            put("family_name", json!(of.user.surname));
        }
        if !of.contexts.is_empty() {
            put("acrs", json!(of.contexts));
        }
        if cp1 && ask.resource.app_id == GRAPH {
            put("xms_cc", json!(["cp1"]));
        }
        Ok(claims)
    }

    /// Claims of an app-only access token.
    pub(crate) fn app_only(&self, ask: &Ask<'_>, roles: &[String], expires: UnixSeconds) -> Result<Claims, Refusal> {
        let principal = service_principal_id(&self.tenant.id, &self.client.app_id);
        let mut claims = self.access(ask, expires)?;
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("oid", json!(principal));
        put("sub", json!(principal));
        put("idp", json!(format!("{}/{}/", self.base, self.tenant.id)));
        if !roles.is_empty() {
            put("roles", json!(roles));
        }
        if ask.resource.app_id == GRAPH {
            put("idtyp", json!("app"));
        }
        Ok(claims)
    }

    /// Claims of a version 2.0 ID token.
    pub(crate) fn id_token(&self, of: &OfUser<'_>, oidc: Oidc, nonce: Option<&str>) -> Result<Claims, Refusal> {
        let issued = self.now - BACKDATED;
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("aud", json!(self.client.app_id));
        put("iss", json!(self.issuer_v2()));
        put("iat", json!(issued));
        put("nbf", json!(issued));
        put("exp", json!(self.now + ID_TOKEN_LIFE));
        put("aio", json!(format!("AX{}", random::token::<24>()?)));
        put("auth_time", json!(of.auth_time));
        if oidc.profile {
            put("name", json!(of.user.display_name));
            put("preferred_username", json!(of.user.user_principal_name));
        }
        if let Some(nonce) = nonce {
            put("nonce", json!(nonce));
        }
        if let Some(idp) = self.foreign_idp(of.user) {
            put("idp", json!(idp));
        }
        if let Some(hint) = &of.login_hint {
            put("login_hint", json!(hint));
        }
        put("oid", json!(of.user.id));
        put("rh", json!(format!("1.AX{}", random::token::<20>()?)));
        if let Some(sid) = of.sid {
            put("sid", json!(sid));
        }
        put("sub", json!(pairwise(&self.tenant.id, &of.user.id, &self.client.app_id)));
        put("tid", json!(self.tenant.id));
        put("uti", json!(random::token::<16>()?));
        put("ver", json!("2.0"));
        if let (true, Some(mail)) = (oidc.email, &of.user.mail) {
            put("email", json!(mail));
        }
        Ok(claims)
    }

    fn foreign_idp(&self, user: &User) -> Option<String> {
        user.home.as_ref().map(|home| format!("{}/{}/", self.base, home.tenant_id))
    }
}

/// Version 1.0 tokens name the API as the client did.
fn audience_v1<'a>(ask: &'a Ask<'_>) -> &'a str {
    if !ask.named.is_empty() {
        return &ask.named;
    }
    ask.resource.identifier_uris.first().map_or(ask.resource.app_id.as_str(), String::as_str)
}
