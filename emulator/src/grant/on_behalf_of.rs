//! The on-behalf-of grant: an API exchanges the token it was called with.

use serde_json::Value;

use super::Request;
use crate::aadsts::Refusal;
use crate::directory::{Application, Platform, Realm};
use crate::token::answer::{self, Delegated};
use crate::token::grants::Granted;
use crate::token::jwt::{self, Decoded};

pub(super) fn redeem(request: &Request<'_>) -> Result<Value, Refusal> {
    let (entra, client) = (request.entra, request.client);
    let proof = request.authenticate(None)?;
    let assertion = request.required("assertion")?;
    if request.required("requested_token_use")? != "on_behalf_of" {
        return Err(Refusal::token_use());
    }
    let text = request.required("scope")?;
    let assertion = jwt::decode(assertion).ok_or_else(Refusal::assertion_malformed)?;
    if !assertion.is_signed_by(&entra.key) {
        return Err(Refusal::assertion_signature());
    }
    check(&assertion, client, entra.clock.now())?;

    let tenant_id = assertion.text("tid").unwrap_or_default();
    let tenant = entra.directory.tenant(tenant_id).ok_or_else(Refusal::assertion_issuer)?;
    let tenant = match request.realm {
        Realm::Tenant(named) if named.id != tenant.id => {
            // Another tenant is fine if the app is there too, and the user.
            entra.app_in(tenant, &client.app_id).map(|_| named).ok_or_else(Refusal::assertion_issuer)?
        }
        _ => tenant,
    };
    let oid = assertion.text("oid").unwrap_or_default();
    let issuing = entra.directory.tenant(tenant_id).and_then(|t| t.user(oid).map(|u| (t, u)));
    let (issuing_tenant, subject) = issuing.ok_or_else(|| Refusal::user_not_found(oid, tenant_id))?;
    request.call.note_user(subject);
    let (home_id, home_tenant) = subject.home_in(issuing_tenant);
    let user = entra.user_in(tenant, home_tenant, home_id, &client.app_id)?;

    let scopes = request.scopes(text)?;
    let ask = request.one_ask(&scopes, text)?;
    let now = entra.tick();
    let granted = Granted {
        client_id: client.app_id.clone(),
        platform: Platform::Web,
        home_tenant: home_tenant.to_owned(),
        home_id: home_id.to_owned(),
        scope: text.to_owned(),
        sid: assertion.text("sid").map(str::to_owned),
        authenticated_millis: now,
        issued_millis: now,
        first_issued: now.div_euclid(1000),
        cp1: request.declares_cp1(),
        contexts: assertion.texts("acrs").map(str::to_owned).collect(),
        login_hint: false,
    };
    request.satisfied(&granted, ask.resource).map_err(|refusal| refusal.named("interaction_required"))?;
    let oidc = scopes.oidc;
    answer::delegated(entra, &Delegated { tenant, user, client, proof, ask, oidc, nonce: None, granted })
}

/// An ID token has neither `scp` nor the name of a client; an app-only token has no `scp`.
fn check(assertion: &Decoded, client: &Application, now: i64) -> Result<(), Refusal> {
    let delegated = assertion.text("scp").is_some();
    if !delegated && assertion.text("azp").or_else(|| assertion.text("appid")).is_none() {
        return Err(Refusal::assertion_is_id_token());
    }
    let audience = assertion.text("aud").unwrap_or_default();
    let ours = audience == client.app_id
        || client.identifier_uris.iter().any(|u| u.trim_end_matches('/') == audience.trim_end_matches('/'));
    if !ours {
        return Err(Refusal::assertion_audience());
    }
    if !delegated {
        return Err(Refusal::assertion_is_app_only());
    }
    // No skew: a token 38 ms past its end was seen refused.
    let expires = assertion.number("exp").unwrap_or(0);
    if expires <= now || assertion.number("nbf").is_some_and(|from| from > now) {
        return Err(Refusal::assertion_time(now, expires));
    }
    Ok(())
}
