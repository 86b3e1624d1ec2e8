//! The grants of the token endpoint, one file each.

mod authorization_code;
mod client;
mod client_credentials;
mod on_behalf_of;
mod refresh_token;

use serde_json::Value;

use crate::aadsts::Refusal;
use crate::contexts;
use crate::directory::{Application, Realm, Tenant};
use crate::entra::Entra;
use crate::http::call::Call;
use crate::scopes::{self, Ask, ScopeError, Scopes};
use crate::token::grants::Granted;

/// What every grant begins with.
pub(crate) struct Request<'a> {
    pub(crate) entra: &'a Entra,
    pub(crate) call: &'a Call,
    pub(crate) realm: Realm<'a>,
    pub(crate) client: &'a Application,
}

/// Answers a token request.
pub(crate) fn answer(entra: &Entra, call: &Call, segment: &str) -> Result<Value, Refusal> {
    let form = &call.form;
    if form.has_duplicates() {
        return Err(Refusal::malformed());
    }
    let grant_type = form.get("grant_type").unwrap_or_default();
    let basic = client::basic(call);
    let client_id = basic.as_ref().map(|b| b.id.as_str()).or_else(|| form.get("client_id")).unwrap_or_default();
    call.note.amend(|e| {
        e.grant_type = (!grant_type.is_empty()).then(|| shortened(grant_type));
        e.client_id = (!client_id.is_empty()).then(|| shortened(client_id));
        e.scope = form.get("scope").map(shortened);
    });
    let realm = entra.directory.realm(segment, "invalid_request")?;
    if grant_type.is_empty() {
        return Err(Refusal::missing("grant_type"));
    }
    if client_id.is_empty() {
        return Err(Refusal::missing("client_id"));
    }
    if form.get("resource").is_some() {
        return Err(Refusal::resource_parameter());
    }
    if grant_type == "client_credentials" && !matches!(realm, Realm::Tenant(_)) {
        return Err(Refusal::not_on_this_authority(segment));
    }
    let client = find_client(entra, realm, client_id)?;
    let request = Request { entra, call, realm, client };
    match grant_type {
        "authorization_code" => authorization_code::redeem(&request),
        "refresh_token" => refresh_token::redeem(&request),
        "client_credentials" => client_credentials::redeem(&request),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => on_behalf_of::redeem(&request),
        other => Err(Refusal::unsupported_grant(other)),
    }
}

fn find_client<'a>(entra: &'a Entra, realm: Realm<'a>, client_id: &str) -> Result<&'a Application, Refusal> {
    match realm {
        Realm::Tenant(tenant) => {
            entra.app_in(tenant, client_id).ok_or_else(|| Refusal::unknown_client(client_id, &tenant.display_name))
        }
        Realm::Any(name) => {
            let client = entra.directory.app(client_id).ok_or_else(|| Refusal::unknown_client(client_id, name))?;
            if client.is_multi_tenant() {
                Ok(client)
            } else {
                Err(Refusal::single_tenant_on_common(client_id, &client.display_name, name))
            }
        }
        Realm::Consumers => Err(Refusal::unknown_client(client_id, "Microsoft Accounts")),
    }
}

impl<'a> Request<'a> {
    /// A form parameter that must be there.
    fn required(&self, name: &str) -> Result<&'a str, Refusal> {
        self.call.form.get(name).filter(|v| !v.is_empty()).ok_or_else(|| Refusal::missing(name))
    }

    /// The tenant of the request: the one named, or the user's own.
    fn tenant(&self, home_tenant: &str) -> Result<&'a Tenant, Refusal> {
        match self.realm {
            Realm::Tenant(tenant) => Ok(tenant),
            _ => self
                .entra
                .directory
                .tenant(home_tenant)
                .ok_or_else(|| Refusal::tenant_not_found("invalid_request", home_tenant)),
        }
    }

    fn scopes(&self, text: &str) -> Result<Scopes<'a>, Refusal> {
        scopes::parse(&self.entra.directory, text).map_err(|e| match e {
            ScopeError::Resource(named) => Refusal::resource_not_found(&named, self.realm_name()),
            ScopeError::Permission { scope, .. } => Refusal::scope_not_valid(&scope),
            ScopeError::DefaultNotAlone(scope) => Refusal::default_not_alone(&scope),
        })
    }

    fn realm_name(&self) -> &'a str {
        match self.realm {
            Realm::Tenant(tenant) => &tenant.display_name,
            Realm::Any(name) => name,
            Realm::Consumers => "consumers",
        }
    }

    /// The one API a request is for; Microsoft Graph if it names none.
    fn one_ask(&self, scopes: &Scopes<'a>, text: &str) -> Result<Ask<'a>, Refusal> {
        let ask = match scopes.asks.as_slice() {
            [] => scopes::graph_alone(&self.entra.directory).ok_or_else(Refusal::internal)?,
            [one] => one.clone(),
            _ => return Err(Refusal::several_resources(text)),
        };
        self.call.note.amend(|e| e.resource = Some(ask.resource.display_name.clone()));
        Ok(ask)
    }

    /// Whether the sign-in satisfied the authentication contexts that the `claims` parameter asks for.
    fn satisfied(&self, granted: &Granted, resource: &Application) -> Result<(), Refusal> {
        match contexts::asked(self.call.form.get("claims")).difference(&granted.contexts).next() {
            Some(context) => Err(Refusal::context_required(&resource.app_id, contexts::claims_for(context))),
            None => Ok(()),
        }
    }

    /// Whether the `claims` parameter declares that the client handles claims challenges.
    fn declares_cp1(&self) -> bool {
        declares_cp1(self.call.form.get("claims"))
    }
}

/// Whether a `claims` parameter holds `{"access_token":{"xms_cc":{"values":["cp1"]}}}`; case is ignored.
pub(crate) fn declares_cp1(claims: Option<&str>) -> bool {
    let claims: Option<Value> = claims.and_then(|text| serde_json::from_str(text).ok());
    let values = claims.as_ref().and_then(|c| c.pointer("/access_token/xms_cc/values")).and_then(Value::as_array);
    values.is_some_and(|values| values.iter().any(|v| v.as_str().is_some_and(|v| v.eq_ignore_ascii_case("cp1"))))
}

/// Whether a `claims` parameter asks for `login_hint` in the ID token.
pub(crate) fn asks_login_hint(claims: Option<&str>) -> bool {
    let claims: Option<Value> = claims.and_then(|text| serde_json::from_str(text).ok());
    claims.is_some_and(|claims| claims.pointer("/id_token/login_hint").is_some())
}

/// The journal is bounded; so is each word in it.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(500).collect()
}
