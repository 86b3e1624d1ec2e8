//! `grant_type=authorization_code`, with PKCE (RFC 6749 4.1.3, RFC 7636 4.5).

use aws_lc_rs::digest;
use serde_json::Value;

use super::Request;
use crate::aadsts::Refusal;
use crate::random::base64url;
use crate::token::CODE_LIFE;
use crate::token::answer::{self, Delegated};
use crate::token::grants::{Challenge, Granted};

pub(super) fn redeem(request: &Request<'_>) -> Result<Value, Refusal> {
    let (entra, form) = (request.entra, &request.call.form);
    // The shape of the code is looked at before the client's secret.
    let code = entra.read_code(request.required("code")?).ok_or_else(Refusal::malformed)?;
    if code.granted.client_id != request.client.app_id {
        return Err(Refusal::other_clients_grant());
    }
    let proof = request.authenticate(Some(code.granted.platform))?;
    let tenant = request.tenant(&code.tenant)?;
    if tenant.id != code.tenant {
        return Err(Refusal::code_of_other_tenant());
    }
    if request.required("redirect_uri")? != code.redirect_uri {
        return Err(Refusal::redirect_differs());
    }
    let now = entra.clock.now();
    let expires = code.granted.issued_millis.div_euclid(1000) + CODE_LIFE;
    if entra.is_spent(&code.id) {
        return Err(Refusal::code_redeemed());
    }
    if now > expires {
        return Err(Refusal::code_expired());
    }
    verify(code.challenge.as_ref(), form.get("code_verifier"))?;

    let Granted { home_tenant, home_id, .. } = &code.granted;
    let user = entra.user_in(tenant, home_tenant, home_id, &request.client.app_id)?;
    request.call.note_user(user);
    let valid_from = entra.accounts.valid_from_millis(home_id);
    if code.granted.issued_millis <= valid_from {
        return Err(Refusal::grant_revoked(code.granted.issued_millis / 1000, valid_from / 1000));
    }

    let asked = request.scopes(&code.granted.scope)?;
    let mut oidc = asked.oidc;
    let ask = match form.get("scope") {
        Some(text) if text.trim().is_empty() => return Err(Refusal::empty_scope()),
        Some(text) => {
            let named = request.scopes(text)?;
            oidc.offline_access |= named.oidc.offline_access;
            oidc.openid |= named.oidc.openid;
            if named.asks.is_empty() { None } else { Some(request.one_ask(&named, text)?) }
        }
        None => None,
    };
    let ask = match (ask, asked.asks.first()) {
        (Some(ask), _) => ask,
        (None, Some(first)) => {
            request.call.note.amend(|e| e.resource = Some(first.resource.display_name.clone()));
            first.clone()
        }
        (None, None) => request.one_ask(&asked, &code.granted.scope)?,
    };
    let granted = Granted { cp1: code.granted.cp1 || request.declares_cp1(), first_issued: now, ..code.granted };
    let want = Delegated { tenant, user, client: request.client, proof, ask, oidc, nonce: code.nonce, granted };
    let body = answer::delegated(entra, &want)?;
    // Last, and atomic: of two requests with one code, one gets tokens.
    if entra.spend_code(&code.id, expires) { Ok(body) } else { Err(Refusal::code_redeemed()) }
}

fn verify(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), Refusal> {
    let Some(challenge) = challenge else {
        // A verifier for a code that was asked for without a challenge proves that the code was exchanged.
        return if verifier.is_some() { Err(Refusal::verifier_wrong()) } else { Ok(()) };
    };
    let verifier = verifier.filter(|v| (43..=128).contains(&v.len())).ok_or_else(Refusal::verifier_missing)?;
    let computed = if challenge.s256 {
        base64url(digest::digest(&digest::SHA256, verifier.as_bytes()).as_ref())
    } else {
        verifier.to_owned()
    };
    if computed == challenge.value { Ok(()) } else { Err(Refusal::verifier_wrong()) }
}
