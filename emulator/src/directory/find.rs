//! Finding things in a directory.

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::{Application, Directory, Tenant, User};
use crate::aadsts::Refusal;

/// What the tenant segment of an authority names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Realm<'a> {
    /// One tenant.
    Tenant(&'a Tenant),
    /// `common` or `organizations`: the user's own tenant.
    Any(&'static str),
    /// `consumers`: personal accounts, which the emulator has none of.
    Consumers,
}

/// How the code of a redirect URI is redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Platform {
    /// With a client credential.
    Web,
    /// Cross-origin, with PKCE.
    Spa,
    /// Without a credential.
    Public,
}

/// Tenant of personal Microsoft accounts.
pub(crate) const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

impl Directory {
    /// The tenant segment of an authority, in any case. `error` is what the endpoint calls an unknown tenant.
    pub(crate) fn realm(&self, segment: &str, error: &'static str) -> Result<Realm<'_>, Refusal> {
        let lower = segment.to_ascii_lowercase();
        match lower.as_str() {
            "common" => return Ok(Realm::Any("common")),
            "organizations" => return Ok(Realm::Any("organizations")),
            "consumers" | CONSUMERS => return Ok(Realm::Consumers),
            _ => {}
        }
        if let Some(tenant) = self.tenants.iter().find(|t| t.id == lower || t.has_domain(&lower)) {
            return Ok(Realm::Tenant(tenant));
        }
        let is_dns_name =
            lower.contains('.') && lower.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        if is_dns_name || Uuid::try_parse(&lower).is_ok() {
            Err(Refusal::tenant_not_found(error, segment))
        } else {
            Err(Refusal::tenant_malformed(segment))
        }
    }

    /// The tenant with that id.
    pub(crate) fn tenant(&self, id: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|t| t.id == id)
    }

    /// All applications, Microsoft Graph included, with the tenant they live in.
    pub(crate) fn apps(&self) -> impl Iterator<Item = (Option<&Tenant>, &Application)> {
        let registered = self.tenants.iter().flat_map(|t| t.applications.iter().map(move |a| (Some(t), a)));
        registered.chain(self.well_known.iter().map(|a| (None, a)))
    }

    /// The application with that client id.
    pub(crate) fn app(&self, app_id: &str) -> Option<&Application> {
        self.apps().map(|(_, a)| a).find(|a| a.app_id.eq_ignore_ascii_case(app_id))
    }

    /// Whether the application lives in that tenant, or in all.
    pub(crate) fn is_at_home(&self, app: &Application, tenant: &str) -> bool {
        self.apps().any(|(home, a)| a.app_id == app.app_id && home.is_none_or(|h| h.id == tenant))
    }

    /// The API that a scope's resource part names: App ID URI (one final slash ignored) or client id.
    pub(crate) fn resource(&self, named: &str) -> Option<&Application> {
        let bare = named.strip_suffix('/').unwrap_or(named);
        self.apps().map(|(_, a)| a).find(|a| {
            a.app_id.eq_ignore_ascii_case(bare)
                || a.identifier_uris.iter().any(|u| u.strip_suffix('/').unwrap_or(u) == bare)
        })
    }

    /// The member whose principal name is `upn`, and the home tenant. Guests sign in at home.
    pub(crate) fn member(&self, upn: &str) -> Option<(&Tenant, &User)> {
        self.tenants.iter().find_map(|t| {
            t.users.iter().find(|u| u.home.is_none() && u.user_principal_name.eq_ignore_ascii_case(upn)).map(|u| (t, u))
        })
    }

    /// How the account (object id at home) appears in a tenant: itself, or as a guest.
    pub(crate) fn seen_in<'a>(&self, tenant: &'a Tenant, home_tenant: &str, home_id: &str) -> Option<&'a User> {
        tenant.users.iter().find(|u| match &u.home {
            None => tenant.id == home_tenant && u.id == home_id,
            Some(home) => home.tenant_id == home_tenant && home.id == home_id,
        })
    }

    /// The user a person means: short name, principal name or object id, in the first tenant that has one.
    pub(crate) fn user(&self, name: &str) -> Option<(&Tenant, &User)> {
        self.tenants.iter().find_map(|t| t.users.iter().find(|u| u.answers_to(name)).map(|u| (t, u)))
    }
}

impl Tenant {
    /// The user with that object id.
    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|u| u.id == id)
    }

    fn has_domain(&self, lower: &str) -> bool {
        self.domains.iter().any(|d| d.eq_ignore_ascii_case(lower))
    }
}

impl User {
    /// Object id and tenant id at home: what `client_info` and account ids are made of.
    pub(crate) fn home_in<'a>(&'a self, tenant: &'a Tenant) -> (&'a str, &'a str) {
        self.home.as_ref().map_or((self.id.as_str(), tenant.id.as_str()), |h| (h.id.as_str(), h.tenant_id.as_str()))
    }
}

impl Application {
    /// The platform a redirect URI is registered for: an exact match wins over one that ignores the port, and of those
    /// one registered without a port.
    pub(crate) fn platform_of(&self, redirect_uri: &str) -> Option<Platform> {
        [(Platform::Web, &self.web), (Platform::Spa, &self.spa), (Platform::Public, &self.public_client)]
            .into_iter()
            .flat_map(|(platform, uris)| uris.redirect_uris.iter().map(move |uri| (platform, uri)))
            .filter_map(|(platform, uri)| Some((match_rank(uri, redirect_uri)?, platform)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, platform)| platform)
    }

    /// Any registered redirect URI.
    pub(crate) fn first_redirect(&self) -> Option<&str> {
        [&self.web, &self.spa, &self.public_client]
            .into_iter()
            .find_map(|u| u.redirect_uris.first())
            .map(String::as_str)
    }

    /// Whether a browser page of this origin may read answers of the token endpoint.
    pub(crate) fn serves_origin(&self, origin: &str) -> bool {
        self.spa.redirect_uris.iter().filter_map(|u| Url::parse(u).ok()).any(|u| {
            let registered = u.origin().ascii_serialization();
            registered == origin || (loopback(&u) && without_port(&registered) == without_port(origin))
        })
    }
}

/// How well a registered redirect URI matches: 0 exactly, 1 and 2 but for the port of http on loopback (RFC 8252 7.3).
fn match_rank(registered: &str, asked: &str) -> Option<u8> {
    if registered == asked {
        return Some(0);
    }
    let (mut registered, mut asked) = (Url::parse(registered).ok()?, Url::parse(asked).ok()?);
    if registered == asked {
        return Some(0);
    }
    let has_port = registered.port().is_some();
    if !(loopback(&registered) && loopback(&asked)) {
        return None;
    }
    let _ = (registered.set_port(None), asked.set_port(None));
    (registered == asked).then_some(if has_port { 2 } else { 1 })
}

fn loopback(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host_str(), Some("localhost" | "127.0.0.1"))
}

fn without_port(origin: &str) -> &str {
    origin.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(origin, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_ports_are_ignored() {
        assert_eq!(match_rank("http://localhost:3000", "http://localhost:3000/"), Some(0));
        assert_eq!(match_rank("http://localhost", "http://localhost:5123/"), Some(1));
        assert_eq!(match_rank("http://localhost:44321/signin-oidc", "http://localhost:9/signin-oidc"), Some(2));
        assert_eq!(match_rank("http://localhost:44321/signin-oidc", "http://127.0.0.1:44321/signin-oidc"), None);
        assert_eq!(match_rank("https://localhost:44321/a", "https://localhost:44322/a"), None);
        assert_eq!(match_rank("http://localhost/A", "http://localhost/a"), None);
    }

    #[test]
    fn a_resource_is_named_by_uri_or_id_and_one_slash_is_ignored() {
        let directory = Directory::built_in().unwrap();
        for named in ["https://graph.microsoft.com", "https://graph.microsoft.com/", super::super::GRAPH] {
            assert_eq!(directory.resource(named).unwrap().display_name, "Microsoft Graph");
        }
        assert!(directory.resource("https://graph.microsoft.com//").is_none());
    }

    #[test]
    fn the_authority_segment_is_read_without_case() {
        let directory = Directory::built_in().unwrap();
        assert!(matches!(directory.realm("CONTOSO.example", "x"), Ok(Realm::Tenant(_))));
        assert!(matches!(directory.realm("Common", "x"), Ok(Realm::Any("common"))));
        assert_eq!(directory.realm("nobody.example", "invalid_tenant").unwrap_err().code, 90002);
        assert_eq!(directory.realm("not a name", "x").unwrap_err().code, 900_023);
    }
}
