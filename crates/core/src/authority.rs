//! Who issues the tokens.

use url::Url;

use crate::Error;

/// Hosts of one cloud, with the name its caches use. Source: MSAL.NET's table of known clouds.
const CLOUDS: [(&str, &[&str]); 6] = [
    (
        "login.windows.net",
        &["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
    ),
    ("login.partner.microsoftonline.cn", &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"]),
    ("login.microsoftonline.us", &["login.microsoftonline.us", "login.usgovcloudapi.net"]),
    ("login.microsoftonline.de", &["login.microsoftonline.de"]),
    ("login-us.microsoftonline.com", &["login-us.microsoftonline.com"]),
    ("login.windows-ppe.net", &["login.windows-ppe.net", "sts.windows-ppe.net", "login.microsoft-ppe.com"]),
];

/// A cloud and a tenant that issue tokens: `https://login.microsoftonline.com/{tenant}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority {
    /// `scheme://host[:port]`, no trailing slash.
    base: String,
    /// Host without port.
    host: String,
    tenant: String,
}

impl Authority {
    /// An authority of `instance` (`https://login.microsoftonline.com/`, trailing slashes and `{0}` allowed) and `tenant`
    /// (GUID, verified domain, `common`, `organizations` or `consumers`; lower-cased).
    ///
    /// # Errors
    /// `Config` when the instance is no URL, has a path, is neither https nor on a loopback host, or when the tenant could
    /// not be a path segment.
    pub fn new(instance: &str, tenant: &str) -> Result<Self, Error> {
        let bad = |what: &str| {
            Error::config(format!(
                "AzureAd:Instance {what}. Use the login host alone, such as https://login.microsoftonline.com/"
            ))
        };
        let trimmed = instance.trim().trim_end_matches("{0}").trim_end_matches('/');
        let url = Url::parse(trimmed).map_err(|_| bad("is not a URL"))?;
        let host = url.host_str().ok_or_else(|| bad("names no host"))?.trim_matches(['[', ']']).to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("holds a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.path().trim_matches('/').is_empty() {
            return Err(bad("has a path or query"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => return Err(bad("is plain http, which is allowed only for loopback hosts")),
            _ => return Err(bad("is not an https URL")),
        }
        let tenant = tenant.trim().to_ascii_lowercase();
        let tenant_chars = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
        if tenant.is_empty() || tenant.len() > 255 || !tenant.chars().all(tenant_chars) || tenant.starts_with('.') {
            return Err(Error::config(
                "AzureAd:TenantId must be the tenant's GUID, one of its domains, or common, organizations or consumers",
            ));
        }
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), host, tenant })
    }

    /// The same cloud, another tenant.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_tenant(&self, tenant: &str) -> Result<Self, Error> {
        Self::new(&self.base, tenant)
    }

    /// `scheme://host[:port]`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The host without port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The tenant as configured, lower-cased.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Whether the tenant is one of the words that stand for many.
    pub fn is_multi_tenant(&self) -> bool {
        matches!(self.tenant.as_str(), "common" | "organizations" | "consumers")
    }

    /// What caches call this cloud (`preferred_cache`): `login.windows.net` for the public one; the host itself when the
    /// cloud is unknown.
    pub fn environment(&self) -> &str {
        CLOUDS.iter().find(|(_, hosts)| hosts.contains(&self.host.as_str())).map_or(&self.host, |(name, _)| name)
    }

    /// Whether `environment`, as some library wrote it, is this cloud.
    pub fn is_alias(&self, environment: &str) -> bool {
        environment.eq_ignore_ascii_case(&self.host)
            || CLOUDS
                .iter()
                .find(|(_, hosts)| hosts.contains(&self.host.as_str()))
                .is_some_and(|(_, hosts)| hosts.iter().any(|host| host.eq_ignore_ascii_case(environment)))
    }

    /// Where users sign in.
    pub fn authorization_endpoint(&self) -> String {
        self.endpoint("oauth2/v2.0/authorize")
    }

    /// Where grants are redeemed.
    pub fn token_endpoint(&self) -> String {
        self.endpoint("oauth2/v2.0/token")
    }

    /// Where sessions end.
    pub fn end_session_endpoint(&self) -> String {
        self.endpoint("oauth2/v2.0/logout")
    }

    /// Where the v2.0 OpenID Connect metadata is.
    pub fn metadata_url(&self) -> String {
        self.endpoint("v2.0/.well-known/openid-configuration")
    }

    /// Where the v1.0 metadata is: v1.0 access tokens are checked against it.
    pub fn metadata_url_v1(&self) -> String {
        self.endpoint(".well-known/openid-configuration")
    }

    fn endpoint(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.base, self.tenant)
    }
}

/// Whether `host` (no port, no brackets) can only be this machine.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    const TID: &str = "22222222-dddd-4eee-8fff-000000000002";

    #[test]
    fn every_spelling_of_an_instance_gives_one_token_endpoint() {
        for instance in [
            "https://login.microsoftonline.com",
            "https://login.microsoftonline.com/",
            "https://login.microsoftonline.com//",
            "https://login.microsoftonline.com/{0}",
            "  https://login.microsoftonline.com/ ",
        ] {
            let authority = Authority::new(instance, TID).unwrap();
            assert_eq!(
                authority.token_endpoint(),
                format!("https://login.microsoftonline.com/{TID}/oauth2/v2.0/token"),
                "{instance:?}"
            );
            assert_eq!(authority.environment(), "login.windows.net");
        }
        let local = Authority::new("https://localhost:8443", TID).unwrap();
        assert_eq!(local.token_endpoint(), format!("https://localhost:8443/{TID}/oauth2/v2.0/token"));
        assert_eq!((local.environment(), local.host()), ("localhost", "localhost"));
    }

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for good in ["http://localhost:1", "http://127.0.0.1:1/", "http://[::1]:1"] {
            assert!(Authority::new(good, TID).is_ok(), "{good}");
        }
        for bad in
            ["http://login.example", "ftp://localhost", "login.microsoftonline.com", "https://a/b", "https://u:p@a"]
        {
            assert_eq!(Authority::new(bad, TID).unwrap_err().kind(), ErrorKind::Config, "{bad}");
        }
        for bad in ["", "a/b", "..", "a b"] {
            assert!(Authority::new("https://login.microsoftonline.com", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn aliases_are_one_cloud() {
        let public = Authority::new("https://login.microsoftonline.com", "common").unwrap();
        assert!(public.is_alias("login.windows.net") && public.is_alias("STS.windows.net"));
        assert!(!public.is_alias("login.microsoftonline.us"));
    }
}
