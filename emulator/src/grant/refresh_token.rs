//! `grant_type=refresh_token`, with Entra's rules: a new token each time, and the old one stays valid.

use serde_json::Value;

use super::Request;
use crate::aadsts::Refusal;
use crate::directory::Platform;
use crate::token::answer::{self, Delegated, SPA_LIFE};
use crate::token::grants::Granted;

/// Refresh tokens end after so many seconds without use.
const INACTIVITY: i64 = 90 * 24 * 3600;

pub(super) fn redeem(request: &Request<'_>) -> Result<Value, Refusal> {
    let (entra, client) = (request.entra, request.client);
    let granted = entra.read_refresh_token(request.required("refresh_token")?).ok_or_else(Refusal::malformed_grant)?;
    // Before the client's proof: which proof is needed depends on the grant, and this one is not the client's.
    if granted.client_id != client.app_id {
        return Err(Refusal::other_clients_grant());
    }
    let proof = request.authenticate(Some(granted.platform))?;
    let tenant = request.tenant(&granted.home_tenant)?;
    let user = entra.user_in(tenant, &granted.home_tenant, &granted.home_id, &client.app_id);
    if let Ok(user) = user {
        request.call.note_user(user);
    } else if let Some(home) = entra.directory.tenant(&granted.home_tenant).and_then(|t| t.user(&granted.home_id)) {
        request.call.note_user(home);
    }
    let user = user?;

    let now = entra.clock.now();
    let issued = granted.issued_millis.div_euclid(1000);
    let valid_from = entra.accounts.valid_from_millis(&granted.home_id);
    if granted.issued_millis <= valid_from {
        return Err(Refusal::grant_revoked(issued, valid_from.div_euclid(1000)));
    }
    if granted.platform == Platform::Spa && now > granted.first_issued + SPA_LIFE {
        return Err(Refusal::spa_refresh_expired(granted.first_issued));
    }
    if now > issued + INACTIVITY {
        return Err(Refusal::refresh_inactive(issued));
    }

    let original = request.scopes(&granted.scope)?;
    let (ask, oidc) = match request.call.form.get("scope").filter(|s| !s.trim().is_empty()) {
        Some(text) => {
            let named = request.scopes(text)?;
            let mut oidc = named.oidc;
            // The grant itself is what `offline_access` was consented for.
            oidc.offline_access = true;
            (request.one_ask(&named, text)?, oidc)
        }
        None => {
            let mut scopes = original;
            scopes.asks.truncate(1);
            (request.one_ask(&scopes, &granted.scope)?, scopes.oidc)
        }
    };
    // An app that is client and API at once may ask for itself by its GUID only.
    if ask.resource.app_id == client.app_id && !ask.named_by_id() {
        return Err(Refusal::own_token_by_uri(&client.app_id, &client.display_name));
    }
    request.satisfied(&granted, ask.resource)?;
    let granted = Granted { cp1: request.declares_cp1(), ..granted };
    answer::delegated(entra, &Delegated { tenant, user, client, proof, ask, oidc, nonce: None, granted })
}
