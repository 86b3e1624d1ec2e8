//! Tokens for the API: real ones, and ones with any claims, signed with the emulator's published key.
#![allow(dead_code, reason = "each test file uses a part")]

use absentia_core::encoding::{base64url, sha256_base64url};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::common::{World, client};

/// A token for the API, through the single-page app's registration.
pub(crate) async fn access_token(world: &World, user: &str, scope: &str) -> String {
    let api = world.entra.app("contoso-api");
    // What the API itself asks of Graph: consented to once, as its own sign-in or an administrator would.
    let here = world.entra.find_user(&format!("{user}-as-guest")).unwrap_or_else(|| world.entra.user(user));
    world.entra.consent(&here, &api, "https://graph.microsoft.com/User.Read");
    let api = api.client_id();
    let scopes = format!("openid offline_access api://{api}/{scope}");
    redeem(world, "contoso-spa", user, &scopes).await["access_token"].as_str().unwrap().to_owned()
}

/// What a sign-in to an app gives.
pub(crate) async fn redeem(world: &World, app: &str, user: &str, scopes: &str) -> Value {
    let entra = &world.entra;
    let app = entra.app(app);
    let secret = app.secret().to_owned();
    let redirect_uri = if secret.is_empty() { "http://localhost:3000" } else { "http://localhost:44321/signin-oidc" };
    let verifier = "a-verifier-of-forty-three-characters-or-more-1";
    // At the app's tenant, of which the user may be a guest.
    let sign_in = entra.user(user).sign_in(&app, redirect_uri, scopes).at(entra.tenant_id());
    let code = sign_in.code_challenge(&sha256_base64url(verifier)).await.unwrap();
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", app.client_id()),
        ("code", &code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    if !secret.is_empty() {
        form.push(("client_secret", &secret));
    }
    token(world, &form, secret.is_empty()).await
}

/// A token of the app itself, with no user in it.
pub(crate) async fn app_only(world: &World) -> String {
    let app = world.entra.app("contoso-api");
    let scope = "https://graph.microsoft.com/.default";
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", app.client_id()),
        ("client_secret", app.secret()),
        ("scope", scope),
    ];
    token(world, &form, false).await["access_token"].as_str().unwrap().to_owned()
}

async fn token(world: &World, form: &[(&str, &str)], from_page: bool) -> Value {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let url = format!("{}/oauth2/v2.0/token", world.entra.authority());
    let mut request = client().post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
    if from_page {
        request = request.header("origin", "http://localhost:3000");
    }
    let answer: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    assert!(answer.get("access_token").is_some(), "{answer}");
    answer
}

/// Signs any claims.
pub(crate) struct Forge {
    pub(crate) kid: String,
    key: RsaKeyPair,
    usual: Value,
}

impl Forge {
    pub(crate) async fn new(world: &World) -> Self {
        let pem: String = include_str!("../../../emulator/src/keys/built-in.pem")
            .lines()
            .filter(|line| !line.starts_with('-') && !line.contains(':') && !line.starts_with('#'))
            .collect();
        let key = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(pem.trim()).unwrap()).unwrap();
        let keys = client().get(format!("{}/discovery/v2.0/keys", world.entra.authority())).send().await.unwrap();
        let keys: Value = serde_json::from_str(&keys.text().await.unwrap()).unwrap();
        let (ada, app) = (world.entra.user("ada"), world.entra.app("contoso-api"));
        let now = world.entra.now();
        let usual = json!({
            "aud": app.client_id(), "iss": format!("{}/v2.0", world.entra.authority()),
            "iat": now - 10, "nbf": now - 10, "exp": now + 3600,
            "azp": world.entra.app("contoso-spa").client_id(), "name": "Ada Lovelace", "oid": ada.oid(),
            "preferred_username": ada.upn(), "scp": "Profile.Read", "sub": "s", "tid": ada.tenant_id(), "ver": "2.0",
        });
        Self { kid: keys["keys"][0]["kid"].as_str().unwrap().to_owned(), key, usual }
    }

    /// The usual claims of a v2.0 token of Ada's, with `changes`; `null` takes a claim away.
    pub(crate) fn claims(&self, changes: Value) -> Value {
        let mut claims = self.usual.clone();
        let members = claims.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        members.retain(|_, value| !value.is_null());
        claims
    }

    pub(crate) fn v2(&self, changes: Value) -> String {
        self.sign(&json!({ "typ": "JWT", "alg": "RS256", "kid": self.kid }), &self.claims(changes))
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", base64url(&signature))
    }
}
