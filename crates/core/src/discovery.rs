//! OpenID Connect metadata of an authority.

use serde::Deserialize;

use crate::{Authority, Error};

/// The members of `openid-configuration` that are used.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// The issuer of its tokens; holds `{tenantid}` for authorities of many tenants.
    pub issuer: String,
    /// Where users sign in.
    pub authorization_endpoint: String,
    /// Where grants are redeemed.
    pub token_endpoint: String,
    /// Where the signing keys are.
    pub jwks_uri: String,
    /// Where sessions end.
    #[serde(default)]
    pub end_session_endpoint: Option<String>,
}

impl Metadata {
    /// Reads a document that was fetched from `authority`.
    ///
    /// # Errors
    /// `Unavailable` when it is no such document (a captive portal, an error page); `Config` when an endpoint or the issuer
    /// lies on another host than may speak for the authority.
    pub fn parse(body: &[u8], authority: &Authority) -> Result<Self, Error> {
        let metadata: Self = serde_json::from_slice(body).map_err(|_| {
            Error::unavailable(format!("{} did not answer with OpenID Connect metadata", authority.base()))
        })?;
        for (name, url) in [
            ("authorization_endpoint", &metadata.authorization_endpoint),
            ("token_endpoint", &metadata.token_endpoint),
            ("jwks_uri", &metadata.jwks_uri),
            ("issuer", &metadata.issuer),
        ] {
            if !may_speak_for(authority, url) {
                return Err(Error::config(format!(
                    "The metadata of {} names another host as its {name}",
                    authority.base()
                ))
                .advise("Check AzureAd:Instance"));
            }
        }
        Ok(metadata)
    }

    /// The issuer that a token of tenant `tid` must carry.
    pub fn issuer_of(&self, tid: &str) -> String {
        issuer_of(&self.issuer, tid)
    }
}

/// An issuer with its `{tenantid}` filled in.
pub fn issuer_of(template: &str, tid: &str) -> String {
    template.replace("{tenantid}", tid)
}

fn may_speak_for(authority: &Authority, url: &str) -> bool {
    let Ok(url) = url::Url::parse(&url.replace("{tenantid}", "tenantid")) else { return false };
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_matches(['[', ']']);
    if authority.is_alias(host) {
        // An unknown cloud is one origin: scheme and port count.
        return authority.environment() != authority.host()
            || url.origin().ascii_serialization() == authority.base()
            || url.scheme() == "https" && authority.base().starts_with("https:");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(host: &str, issuer: &str) -> String {
        format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"https://{host}/t/oauth2/v2.0/authorize",
            "token_endpoint":"https://{host}/t/oauth2/v2.0/token","jwks_uri":"https://{host}/t/discovery/v2.0/keys"}}"#
        )
    }

    #[test]
    fn another_host_cannot_speak_for_an_authority() {
        let authority = Authority::new("https://login.microsoftonline.com", "common").unwrap();
        let good = document("login.microsoftonline.com", "https://login.microsoftonline.com/{tenantid}/v2.0");
        let metadata = Metadata::parse(good.as_bytes(), &authority).unwrap();
        assert_eq!(metadata.issuer_of("T"), "https://login.microsoftonline.com/T/v2.0");
        assert!(
            Metadata::parse(document("evil.example", "https://sts.windows.net/x/").as_bytes(), &authority).is_err()
        );
        let bad_issuer = document("login.microsoftonline.com", "https://evil.example/v2.0");
        assert!(Metadata::parse(bad_issuer.as_bytes(), &authority).is_err());
        assert!(Metadata::parse(b"<html>", &authority).is_err());
    }
}
