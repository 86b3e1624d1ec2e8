//! Each entry that MSAL.NET wrote, in a store under the key it had there: our client finds its tokens for the subject they
//! are of, at the time it was recorded, and Entra is asked nothing. What must not be used is not.

use std::{
    collections::BTreeSet,
    time::{Duration, UNIX_EPOCH},
};

use absentia::{AccountId, Authority, ConfidentialClient, LongRunningKey, TokenAcquirer, UserAssertion};
use absentia_core::encoding::sha256;
use serde_json::Value;

use crate::support::{Node, localhost, public, recorded};

/// Access tokens that no request of ours may be given, and why.
const NOT_USED: [(&str, &str); 11] = [
    ("app-cache-key-components", "`ext`: bound to components of a cache key; its entry has a key of its own"),
    ("app-client-claims", "`ext`: bound to claims"),
    ("app-extra-body", "`ext`: bound to a parameter of the request"),
    ("app-extra-query-in-key", "`ext`: bound to a parameter of the request"),
    ("app-fmi-path", "`ext`: of another identity, the one its path names"),
    ("login-app-certificate-bound", "`ext`: bound to a certificate"),
    ("login-app-mtls-pop", "`kid`, `token_type`: of use only with the key it is bound to"),
    ("login-oidc-app", "no `realm`: of an authority without tenants, which is none of Entra's"),
    ("login-oidc-user", "no `realm`: the same"),
    ("user-cache-key-components", "`ext`: bound to components of a cache key"),
    ("user-cache-key-components-rt", "`ext`: the same"),
];

/// Refresh tokens that must not be redeemed, and why.
const NOT_REDEEMED: [(&str, &str); 2] = [
    ("user-foci", "`family_id`: of a family of public clients, not for a confidential one"),
    ("user-cache-key-components-rt", "`ext`: bound to components of a cache key"),
];

struct Recorded {
    name: String,
    key: String,
    captured_at: u64,
    assertion: Option<UserAssertion>,
    expected: Value,
    bytes: Vec<u8>,
}

fn all() -> Vec<Recorded> {
    let captured: Value = serde_json::from_slice(&recorded("captured.json")).unwrap();
    let of = |(file, bytes): (String, Vec<u8>)| {
        let name = file.strip_suffix(".json").unwrap().to_owned();
        let text = |member: &str| captured[&name][member].as_str().map(str::to_owned);
        Recorded {
            key: text("key").unwrap(),
            captured_at: captured[&name]["captured_at"].as_u64().unwrap(),
            assertion: text("assertion").map(UserAssertion::unverified),
            expected: serde_json::from_slice(&recorded(&format!("expected/{file}"))).unwrap(),
            bytes,
            name,
        }
    };
    crate::fixtures().into_iter().map(of).collect()
}

impl Recorded {
    fn is_of_an_app(&self) -> bool {
        self.key.ends_with("_AppTokenCache")
    }

    /// A store that holds it.
    async fn stored(&self) -> Node {
        let node = Node::at(self.captured_at);
        node.put(&self.key, self.bytes.clone()).await;
        node
    }

    /// Who asks for what this entity is of: every flow that leads to its entry.
    fn acquirers(&self, node: &Node, entity: &Value) -> Vec<TokenAcquirer> {
        let tenant = entity["realm"].as_str().unwrap_or("22222222-dddd-4eee-8fff-000000000002");
        let authority: Authority = match entity["environment"].as_str().unwrap() {
            "localhost" => localhost(tenant),
            "login.windows.net" | "login.microsoftonline.com" => public(tenant),
            other => panic!("{}: {other}", self.name),
        };
        let client: ConfidentialClient = node.client(authority, entity["client_id"].as_str().unwrap());
        if self.is_of_an_app() {
            return vec![client.app()];
        }
        if let Some(account) = AccountId::parse(&self.key) {
            return vec![client.account(&account)];
        }
        let long_running = LongRunningKey::new(&self.key).unwrap();
        let has_refresh_token = !self.expected["RefreshToken"].as_array().unwrap().is_empty();
        let here = self.assertion.as_ref().filter(|assertion| **assertion.hash() == *self.key);
        let on_behalf_of = here.map(|assertion| client.on_behalf_of(assertion));
        // "Auto" in .NET: the key of the process is the hash of the assertion, so that both flows lead here.
        on_behalf_of.into_iter().chain(has_refresh_token.then(|| client.long_running(&long_running))).collect()
    }
}

fn words(scopes: &Value) -> Vec<&str> {
    scopes.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

fn hash(secret: &str) -> String {
    sha256(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn every_access_token_is_found_by_its_flow_or_not_used_with_a_reason() {
    let (mut not_used, mut used) = (BTreeSet::new(), 0);
    for entry in all() {
        for token in entry.expected["AccessToken"].as_array().unwrap() {
            let scopes = words(&token["scopes"]);
            // Each asks in a process of its own: nothing is in memory.
            let flows = entry.acquirers(&Node::at(entry.captured_at), token).len();
            assert!(flows > 0, "{}: nobody leads to it", entry.name);
            for flow in 0..flows {
                let node = entry.stored().await;
                let acquirer = entry.acquirers(&node, token).remove(flow);
                let found = acquirer.token(&scopes[..]).await;
                let asked = node.asked();
                let Ok(found) = found else {
                    not_used.insert(entry.name.clone());
                    continue;
                };
                let name = &entry.name;
                assert!(asked.is_empty(), "{name}: {asked:?}");
                assert_eq!(hash(found.secret().expose()), token["secret_sha256"], "{name}");
                assert_eq!(found.scopes().collect::<Vec<_>>(), scopes, "{name}");
                let expires_on = UNIX_EPOCH + Duration::from_secs(token["expires_on"].as_u64().unwrap());
                assert_eq!(found.expires_on(), expires_on, "{name}");
                assert_eq!(found.tenant(), token["realm"], "{name}");
                let home = found.account().map(|account| account.id.as_str());
                assert_eq!(home, token["home_account_id"].as_str(), "{name}");
                used += 1;
            }
        }
    }
    let expected: BTreeSet<String> = NOT_USED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(not_used, expected);
    assert!(used >= 65, "only {used} were used");
}

/// The key alone does not keep them apart: under the key of a plain request they are not used either.
#[tokio::test]
async fn a_bound_token_of_an_app_is_not_used_where_a_plain_one_would_be() {
    for mut entry in all().into_iter().filter(Recorded::is_of_an_app) {
        if !NOT_USED.iter().any(|(name, _)| *name == entry.name) {
            continue;
        }
        let token = entry.expected["AccessToken"][0].clone();
        let app = (token["client_id"].as_str().unwrap(), token["realm"].as_str().unwrap_or("common"));
        entry.key = format!("{}_{}_AppTokenCache", app.0, app.1);
        let node = entry.stored().await;
        entry.acquirers(&node, &token)[0].token(&words(&token["scopes"])[..]).await.unwrap_err();
        let asked = node.asked();
        assert_eq!(asked.len(), 1, "{}: {asked:?}", entry.name);
    }
}

/// For what no access token grants, the refresh token is redeemed that .NET would redeem; once, and none where there is
/// none to redeem.
#[tokio::test]
async fn every_refresh_token_is_redeemed_or_not_with_a_reason() {
    let (mut not_redeemed, mut redeemed) = (BTreeSet::new(), 0);
    for entry in all() {
        for token in entry.expected["RefreshToken"].as_array().unwrap() {
            let node = entry.stored().await;
            let acquirer = entry.acquirers(&node, token).pop().unwrap();
            acquirer.token("https://graph.microsoft.com/Files.Read").await.unwrap_err();
            let asked = node.asked();
            if asked.is_empty() {
                not_redeemed.insert(entry.name.clone());
                continue;
            }
            assert_eq!(asked.len(), 1, "{}", entry.name);
            let sent = |name: &str| asked[0].iter().find(|(there, _)| there == name).unwrap().1.clone();
            assert_eq!(sent("grant_type"), "refresh_token", "{}", entry.name);
            assert_eq!(sent("client_id"), token["client_id"], "{}", entry.name);
            assert_eq!(hash(&sent("refresh_token")), token["secret_sha256"], "{}", entry.name);
            redeemed += 1;
        }
    }
    let expected: BTreeSet<String> = NOT_REDEEMED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(not_redeemed, expected);
    assert!(redeemed >= 40, "only {redeemed} were redeemed");
}

/// One client signed out in .NET: its tokens are gone, the other's are not its to use.
#[tokio::test]
async fn a_client_uses_no_token_of_another() {
    let entry = all().into_iter().find(|entry| entry.name == "user-two-clients-after-sign-out-of-one").unwrap();
    let node = entry.stored().await;
    let error = node.app().account(&crate::support::home()).token(crate::support::READ).await.unwrap_err();
    assert_eq!(error.kind(), absentia::ErrorKind::InteractionRequired, "{error}");
    assert!(node.asked().is_empty());
}
