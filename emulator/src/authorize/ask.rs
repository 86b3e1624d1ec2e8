//! Reading an authorization request: first what decides whether a redirect can be trusted, then the rest.

use serde::{Deserialize, Serialize};

use crate::aadsts::Refusal;
use crate::directory::{Application, Platform, Realm};
use crate::entra::Entra;
use crate::http::params::Params;
use crate::scopes::{self, ScopeError, Scopes};
use crate::token::grants::Challenge;

/// How the answer travels back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Query,
    Fragment,
    FormPost,
}

/// What an app sends a person here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// To sign in: the app gets a code.
    SignIn,
    /// To allow the app something for everybody in the tenant, as an administrator: what `scope` names or, in the older
    /// form, all that the app's registration lists.
    AdminConsent { v2: bool },
}

/// A request as it came. Pages carry it sealed, so that nobody changes it on the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) purpose: Purpose,
    /// The authority's segment.
    pub(crate) tenant: String,
    pub(crate) params: Params,
}

/// A request whose client and redirect URI are known to belong together.
pub(crate) struct Asked<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) realm: Realm<'a>,
    pub(crate) client: &'a Application,
    pub(crate) platform: Platform,
    /// As the client wrote it, or the registered one if it wrote none.
    pub(crate) redirect_uri: String,
    pub(crate) mode: Mode,
    pub(crate) params: &'a Params,
}

/// What the rest of the request says, once it was found in order.
pub(crate) struct Details<'a> {
    pub(crate) scopes: Scopes<'a>,
    pub(crate) challenge: Option<Challenge>,
}

/// The first checks. Their failures are shown on a page, because nobody vouches for the redirect URI.
pub(crate) fn trust<'a>(entra: &'a Entra, request: &'a Request) -> Result<Asked<'a>, Refusal> {
    let params = &request.params;
    let realm = entra.directory.realm(&request.tenant, "invalid_request")?;
    let client_id = params.get("client_id").filter(|id| !id.is_empty()).ok_or_else(|| Refusal::missing("client_id"))?;
    let unknown = |tenant: &str| Refusal::unknown_client(client_id, tenant);
    let client = match realm {
        // Signing in is how a multi-tenant app comes into a tenant.
        Realm::Tenant(tenant) => match entra.app_in(tenant, client_id) {
            Some(client) => client,
            None => entra
                .directory
                .app(client_id)
                .filter(|c| c.is_multi_tenant())
                .ok_or_else(|| unknown(&tenant.display_name))?,
        },
        Realm::Any(name) => {
            let client = entra.directory.app(client_id).ok_or_else(|| unknown(name))?;
            if !client.is_multi_tenant() {
                return Err(Refusal::single_tenant_on_common(client_id, &client.display_name, name));
            }
            client
        }
        Realm::Consumers => return Err(unknown("Microsoft Accounts")),
    };
    let redirect_uri = match params.get("redirect_uri").filter(|uri| !uri.is_empty()) {
        Some(uri) => uri,
        None => client.first_redirect().ok_or_else(Refusal::no_reply_address)?,
    };
    let platform =
        client.platform_of(redirect_uri).ok_or_else(|| Refusal::redirect_not_registered(redirect_uri, client_id))?;
    let mode = match params.get("response_mode") {
        Some("fragment") => Mode::Fragment,
        Some("form_post") => Mode::FormPost,
        // A token in an error of another response type never reaches a query.
        None if params.get("response_type").is_some_and(|t| t.contains("token")) => Mode::Fragment,
        _ => Mode::Query,
    };
    Ok(Asked { purpose: request.purpose, realm, client, platform, redirect_uri: redirect_uri.to_owned(), mode, params })
}

impl<'a> Asked<'a> {
    /// The other checks. Their failures go to the redirect URI.
    pub(crate) fn details(&self, entra: &'a Entra) -> Result<Details<'a>, Refusal> {
        let params = self.params;
        match params.get("response_type") {
            None | Some("") => return Err(Refusal::missing("response_type")),
            Some("code") => {}
            Some(other @ ("id_token" | "code id_token" | "id_token code")) => {
                return Err(Refusal::response_type_not_enabled(700_054, other, &self.client.app_id));
            }
            Some(other @ ("token" | "id_token token" | "token id_token")) => {
                return Err(Refusal::response_type_not_enabled(700_051, other, &self.client.app_id));
            }
            Some(other) => return Err(Refusal::response_type(other)),
        }
        if let Some(other) = params.get("response_mode")
            && !matches!(other, "query" | "fragment" | "form_post")
        {
            return Err(Refusal::response_mode(other));
        }
        if params.get("resource").is_some() {
            return Err(Refusal::resource_parameter());
        }
        Ok(Details { scopes: self.scopes(entra)?, challenge: self.challenge()? })
    }

    /// What is asked for.
    pub(super) fn scopes(&self, entra: &'a Entra) -> Result<Scopes<'a>, Refusal> {
        let scope = self.params.get("scope").filter(|s| !s.trim().is_empty());
        scopes::parse(&entra.directory, scope.ok_or_else(|| Refusal::missing("scope"))?).map_err(|e| match e {
            ScopeError::Resource(named) => Refusal::resource_not_found(&named, &self.realm_name()),
            ScopeError::Permission { scope, resource } => {
                Refusal::scope_does_not_exist(&self.client.display_name, &scope, &resource)
            }
            ScopeError::DefaultNotAlone(scope) => Refusal::default_not_alone(&scope),
        })
    }

    fn challenge(&self) -> Result<Option<Challenge>, Refusal> {
        let Some(value) = self.params.get("code_challenge") else {
            return if self.platform == Platform::Spa { Err(Refusal::no_pkce()) } else { Ok(None) };
        };
        if !(43..=128).contains(&value.len()) {
            return Err(Refusal::challenge_size());
        }
        let s256 = match self.params.get("code_challenge_method") {
            None | Some("plain") => false,
            Some("S256") => true,
            Some(_) => return Err(Refusal::malformed()),
        };
        Ok(Some(Challenge { value: value.to_owned(), s256 }))
    }

    /// One of the words of `prompt`.
    pub(crate) fn prompts(&self, word: &str) -> bool {
        self.params.get("prompt").is_some_and(|p| p.split_whitespace().any(|w| w == word))
    }

    fn realm_name(&self) -> String {
        match self.realm {
            Realm::Tenant(tenant) => tenant.display_name.clone(),
            Realm::Any(name) => name.to_owned(),
            Realm::Consumers => "consumers".to_owned(),
        }
    }
}
