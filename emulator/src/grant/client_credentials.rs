//! `grant_type=client_credentials` (RFC 6749 4.4): the app acts for itself.

use serde_json::Value;

use super::Request;
use crate::aadsts::Refusal;
use crate::consents::Parties;
use crate::directory::Realm;
use crate::token::answer;

pub(super) fn redeem(request: &Request<'_>) -> Result<Value, Refusal> {
    let (entra, client) = (request.entra, request.client);
    request.authenticate(None)?;
    let Realm::Tenant(tenant) = request.realm else {
        return Err(Refusal::not_on_this_authority(request.realm_name()));
    };
    let text = request.required("scope")?;
    // Some clients add `openid offline_access profile`; the service ignores them.
    let scopes = match request.scopes(text) {
        Err(refusal) if refusal.code == 70011 => return Err(Refusal::app_scope_not_default(text)),
        other => other?,
    };
    if scopes.asks.is_empty() || scopes.asks.iter().any(|ask| !ask.default) {
        return Err(Refusal::app_scope_not_default(text));
    }
    let ask = request.one_ask(&scopes, text)?;
    let of = Parties { tenant: &tenant.id, user: None, client, resource: ask.resource };
    let roles: Vec<String> = entra.consents.roles(of).into_iter().collect();
    answer::app_only(entra, tenant, client, &ask, &roles)
}
