//! The success answers of the token endpoint.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::claims::{ClientProof, Common, OfUser};
use super::{grants::Granted, jwt};
use crate::aadsts::Refusal;
use crate::consents::Parties;
use crate::directory::{Application, GRAPH, Platform, Tenant, User};
use crate::entra::Entra;
use crate::issued::SecretKind;
use crate::random;
use crate::scopes::{Ask, Oidc, is_oidc};

pub(crate) use super::claims::ClientProof as Proof;

/// A single-page app's refresh tokens end so many seconds after the sign-in.
pub(crate) const SPA_LIFE: i64 = 24 * 3600;
/// A token that lives at least this long comes with a time to refresh it before its end, in seconds.
const REFRESH_IN_FROM: i64 = 2 * 3600;

/// A delegated token that passed all checks but consent.
pub(crate) struct Delegated<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) user: &'a User,
    pub(crate) client: &'a Application,
    pub(crate) proof: ClientProof,
    pub(crate) ask: Ask<'a>,
    pub(crate) oidc: Oidc,
    pub(crate) nonce: Option<String>,
    /// What the refresh token will hold.
    pub(crate) granted: Granted,
}

/// Answers a delegated request, if the user consented.
pub(crate) fn delegated(entra: &Entra, want: &Delegated<'_>) -> Result<Value, Refusal> {
    let Delegated { tenant, user, client, ask, .. } = want;
    let (tenant, user, client) = (*tenant, *user, *client);
    if !entra.has_resource(tenant, ask.resource) {
        return Err(Refusal::resource_not_found(&ask.named, &tenant.display_name));
    }
    let parties = Parties { tenant: &tenant.id, user: Some(&user.id), client, resource: ask.resource };
    let consented = entra.consents.granted(parties);
    let usable: BTreeSet<&str> = consented.iter().map(String::as_str).filter(|n| *n != "offline_access").collect();
    let nothing = ask.default && usable.is_empty();
    if nothing || ask.names.iter().any(|name| !is_oidc(name) && !consented.contains(name)) {
        return Err(Refusal::consent_required(&client.app_id, &client.display_name));
    }

    let now = entra.clock.now();
    let life = match entra.accounts.lifetime(&user.id) {
        Some(life) => i64::try_from(life.as_secs()).unwrap_or(i64::MAX / 2).max(1),
        None => random::between(3600, 5400)?,
    };
    let common = Common { base: &entra.base, tenant, client, proof: want.proof, now };
    let of = OfUser {
        user,
        sid: want.granted.sid.as_deref(),
        login_hint: want.granted.login_hint.then(|| crate::hints::of(tenant, user)),
        auth_time: want.granted.authenticated_millis.div_euclid(1000),
        contexts: &want.granted.contexts,
    };
    // Everything consented goes into the token, not only what was asked for.
    let mut scp = usable;
    if ask.resource.app_id == GRAPH {
        for word in want.oidc.words().filter(|word| *word != "offline_access") {
            scp.insert(word);
        }
    }
    let scp: Vec<&str> = scp.into_iter().collect();
    let claims = common.delegated(&of, ask, &scp.join(" "), want.granted.cp1, now + life)?;
    let access_token = sign_for(entra, ask.resource, &claims)?;

    let mut body = json!({
        "token_type": "Bearer",
        "scope": answered_scope(want, &scp),
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": access_token,
    });
    let mut put = |name: &str, value: Value| body.as_object_mut().map(|m| m.insert(name.to_owned(), value));
    if life >= REFRESH_IN_FROM {
        put("refresh_in", json!(life / 2));
    }
    if want.oidc.offline_access {
        let granted = Granted { issued_millis: entra.tick(), ..want.granted.clone() };
        put("refresh_token", json!(entra.issue_refresh_token(&granted)?));
        if granted.platform == Platform::Spa {
            put("refresh_token_expires_in", json!((granted.first_issued + SPA_LIFE - now).max(0)));
        }
    }
    if want.oidc.openid {
        let claims = common.id_token(&of, want.oidc, want.nonce.as_deref())?;
        let id_token = jwt::sign_v2(&entra.key, &claims)?;
        entra.issued.record(SecretKind::IdToken, &id_token);
        put("id_token", json!(id_token));
    }
    put("client_info", json!(client_info(tenant, user)));
    Ok(body)
}

/// Answers a client-credentials request.
pub(crate) fn app_only(
    entra: &Entra,
    tenant: &Tenant,
    client: &Application,
    ask: &Ask<'_>,
    roles: &[String],
) -> Result<Value, Refusal> {
    if !entra.has_resource(tenant, ask.resource) {
        return Err(Refusal::resource_not_found(&ask.named, &tenant.display_name));
    }
    let now = entra.clock.now();
    let life = random::between(3600, 5400)?;
    let common = Common { base: &entra.base, tenant, client, proof: ClientProof::Secret, now };
    let claims = common.app_only(ask, roles, now + life)?;
    let access_token = sign_for(entra, ask.resource, &claims)?;
    Ok(json!({ "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": access_token }))
}

/// The account id parts every MSAL caches under: base64url, without padding, of the ids at home.
pub(crate) fn client_info(tenant: &Tenant, user: &User) -> String {
    let (uid, utid) = user.home_in(tenant);
    random::base64url(json!({ "uid": uid, "utid": utid }).to_string().as_bytes())
}

fn sign_for(entra: &Entra, resource: &Application, claims: &serde_json::Map<String, Value>) -> Result<String, Refusal> {
    let token = if resource.app_id == GRAPH {
        jwt::sign_for_graph(&entra.key, claims)?
    } else if resource.api.requested_access_token_version == Some(2) {
        jwt::sign_v2(&entra.key, claims)?
    } else {
        jwt::sign_v1(&entra.key, claims)?
    };
    entra.issued.record(SecretKind::AccessToken, &token);
    Ok(token)
}

/// `openid profile email` as they are, permissions as the client named their API, never `offline_access`.
fn answered_scope(want: &Delegated<'_>, scp: &[&str]) -> String {
    let mut words: Vec<String> = want.oidc.words().filter(|w| *w != "offline_access").map(str::to_owned).collect();
    for name in scp {
        let word = if is_oidc(name) { (*name).to_owned() } else { want.ask.spelled(name) };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if want.ask.default {
        words.push(want.ask.spelled(".default"));
    }
    words.join(" ")
}
