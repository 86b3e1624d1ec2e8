//! Rows 11 to 20: which token is used, and what ours say.

use absentia_tests::World;
use serde_json::{Value, json};

use crate::support::{
    CLIENT, GRAPH, HOME, NOW, Node, READ, TENANT, document, entities, home, localhost, process, public, refresh_token,
    stored, token, used, with,
};

/// Whether a token like the recorded user's, but for these members, is used for `User.Read`.
async fn is_used(members: Value) -> bool {
    used(&[with(token("a", READ), members)], READ).await.is_some()
}

/// What our client writes for an app at this authority.
async fn app_token(node: &Node, client_id: &str, tenant: &str, answer: Value) -> Value {
    node.answers(with(json!({ "token_type": "Bearer", "access_token": "new", "expires_in": 3599 }), answer));
    node.client(public(tenant), client_id).app().token(GRAPH).await.unwrap();
    let document = node.json(&format!("{client_id}_{}_AppTokenCache", tenant.to_lowercase())).await;
    entities(&document, "AccessToken")[0].clone()
}

#[tokio::test]
async fn row_11_the_environment_is_any_alias_and_the_preferred_one_is_written() {
    for (environment, expected) in [
        ("login.windows.net", true),
        ("login.microsoftonline.com", true),
        ("Login.Microsoft.com", true),
        ("sts.windows.net", true),
        ("login.microsoftonline.us", false),
        ("login.microsoftonline.com:443", false),
        ("localhost", false),
        ("", false),
    ] {
        let node = Node::at(NOW);
        node.put(HOME, document(&[with(token("a", READ), json!({ "environment": environment }))], &[]).to_string())
            .await;
        let found = node.client(public(TENANT), CLIENT).account(&home()).token(READ).await;
        assert_eq!(found.is_ok(), expected, "{environment}");
    }
    assert!(
        is_used(json!({ "environment": "localhost" })).await
            && !is_used(json!({ "environment": "localhost:8443" })).await
    );
    let written = app_token(&Node::at(NOW), CLIENT, TENANT, json!({})).await;
    assert_eq!(written["environment"], "login.windows.net");
}

#[tokio::test]
async fn row_12_the_realm_is_the_tenant_that_is_asked() {
    assert!(is_used(json!({ "realm": TENANT.to_uppercase() })).await);
    for realm in [json!("contoso.onmicrosoft.com"), json!(""), json!(null)] {
        assert!(!is_used(json!({ "realm": realm })).await, "{realm}");
    }
    assert_eq!(app_token(&Node::at(NOW), CLIENT, "Contoso.com", json!({})).await["realm"], "contoso.com");
}

#[tokio::test]
async fn row_13_the_client_id_is_ours() {
    let upper = "33333333-ABCD-4567-89AB-000000000003";
    let node = Node::at(NOW);
    let lower = with(token("a", READ), json!({ "client_id": upper.to_lowercase() }));
    node.put(HOME, document(&[lower], &[]).to_string()).await;
    node.client(localhost(TENANT), upper).account(&home()).token(READ).await.unwrap();
    assert!(!is_used(json!({ "client_id": "33333333-1234-4567-89ab-0000000000cc" })).await);
    assert!(!is_used(json!({ "client_id": null })).await);
    assert_eq!(app_token(&Node::at(NOW), upper, TENANT, json!({})).await["client_id"], upper);
}

#[tokio::test]
async fn row_14_the_target_grants_each_word_that_is_asked_for() {
    for target in [READ, &READ.to_uppercase(), "z  https://graph.microsoft.com/User.Read  A ", "openid User.Read"] {
        assert!(is_used(json!({ "target": target })).await, "{target}");
    }
    for target in [GRAPH, "User.ReadAll", "User.Rea", "https://vault.azure.net/User.Read"] {
        assert!(!is_used(json!({ "target": target })).await, "{target}");
    }
    // As Entra grants it, each word once, sorted ignoring case.
    let scope = json!({ "scope": "https://b/x profile openid A Openid" });
    assert_eq!(app_token(&Node::at(NOW), CLIENT, TENANT, scope).await["target"], "A https://b/x openid profile");
    assert_eq!(app_token(&Node::at(NOW), CLIENT, TENANT, json!({})).await["target"], GRAPH);
}

#[tokio::test]
async fn row_15_a_bearer_token_says_nothing_of_its_type_or_key() {
    for members in [json!({ "token_type": "Bearer" }), json!({ "token_type": "bearer" }), json!({ "kid": "" })] {
        assert!(is_used(members.clone()).await, "{members}");
    }
    for name in ["kid", "key_id", "keyid"] {
        assert!(!is_used(json!({ name: "k" })).await, "{name}");
    }
    for kind in ["pop", "mtls_pop", "ssh-cert"] {
        assert!(!is_used(json!({ "token_type": kind })).await, "{kind}");
    }
    for name in ["ext", "additionalCacheKeyComponents"] {
        assert!(!is_used(json!({ name: { "a": "b" } })).await, "{name}");
        assert!(is_used(json!({ name: {} })).await, "{name}");
    }
    assert!(!is_used(json!({ "ext_cache_key": "h" })).await && is_used(json!({ "ext_cache_key": "" })).await);
    let written = app_token(&Node::at(NOW), CLIENT, TENANT, json!({})).await;
    assert_eq!((written.get("token_type"), written.get("kid")), (None, None));
}

#[tokio::test]
async fn row_16_a_token_is_used_from_five_minutes_before_its_end_to_ten_years() {
    let year = 365 * 24 * 3600;
    for (life, expected) in [(300, false), (301, true), (3600, true), (9 * year, true), (11 * year, false)] {
        assert_eq!(is_used(json!({ "expires_on": (NOW + life).to_string() })).await, expected, "{life}");
    }
    for no_time in [json!("soon"), json!(""), json!(null), json!("-62135596800")] {
        assert!(!is_used(json!({ "expires_on": no_time })).await, "{no_time}");
    }
}

/// Two would be `multiple_matching_tokens_detected` in .NET.
#[tokio::test]
async fn row_17_what_overlaps_with_a_new_token_goes_under_every_alias() {
    let alias = |name: &str, target: &str| with(token("old", target), json!({ "environment": name }));
    let tokens = [
        alias("login.windows.net", "A B"),
        alias("login.microsoftonline.com", "b c"),
        alias("sts.windows.net", "D"),
        with(alias("login.windows.net", "A"), json!({ "client_id": "33333333-1234-4567-89ab-0000000000cc" })),
        with(alias("login.windows.net", "A"), json!({ "realm": "another" })),
        with(alias("login.windows.net", "A"), json!({ "ext": { "a": "b" } })),
        with(alias("login.windows.net", "A"), json!({ "token_type": "pop" })),
    ];
    let of_public = with(refresh_token("rt"), json!({ "environment": "login.microsoftonline.com" }));
    let node = Node::at(NOW);
    node.put(HOME, document(&tokens, &[of_public]).to_string()).await;
    node.answers(json!({ "token_type": "Bearer", "access_token": "new", "expires_in": 3599, "scope": "B E" }));
    node.client(public(TENANT), CLIENT).account(&home()).token("E").await.unwrap();
    let after = node.json(HOME).await;
    let left: Vec<_> = entities(&after, "AccessToken").iter().map(|token| token["target"].clone()).collect();
    assert_eq!(left, ["D", "A", "A", "A", "A", "B E"]);
}

#[tokio::test]
async fn row_18_our_refresh_tokens_are_of_no_family_and_a_familys_are_not_ours() {
    let node = Node::at(NOW);
    node.put(HOME, document(&[], &[refresh_token("rt")]).to_string()).await;
    node.answers(json!({
        "token_type": "Bearer", "access_token": "a", "expires_in": 3599, "refresh_token": "rt2", "foci": "1",
    }));
    node.app().account(&home()).token(READ).await.unwrap();
    let after = node.json(HOME).await;
    let written = entities(&after, "RefreshToken")[0];
    assert_eq!((&written["secret"], written.get("family_id")), (&json!("rt2"), None));

    for (family, redeemed) in [(json!("1"), false), (json!(""), true), (json!(null), true)] {
        let node = Node::at(NOW);
        let token = with(refresh_token("rt"), json!({ "family_id": family }));
        node.put(HOME, document(&[], &[token]).to_string()).await;
        node.app().account(&home()).token(READ).await.unwrap_err();
        assert_eq!(!node.asked().is_empty(), redeemed, "{family}");
    }
}

/// What a user's entry looks like after she signed in to our web app.
async fn signed_in() -> (Value, String) {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in_for(&process(&world).client, &ada, "User.Read").await.unwrap();
    (stored(&world, ada.home_account_id()).await, ada.oid().to_owned())
}

/// Without both, .NET's GetAccountAsync finds nobody and its web app asks her to sign in.
#[tokio::test]
async fn row_19_a_sign_in_leaves_an_account_and_a_refresh_token() {
    let (document, _) = signed_in().await;
    assert_eq!(["Account", "RefreshToken"].map(|section| entities(&document, section).len()), [1, 1]);
}

#[tokio::test]
async fn row_20_an_account_says_who_she_is_and_all_carry_client_info() {
    let (document, oid) = signed_in().await;
    let account = entities(&document, "Account")[0];
    assert_eq!(account["authority_type"], "MSSTS");
    assert_eq!(account["username"], "ada@contoso.example");
    assert_eq!(account["local_account_id"], oid);
    for section in ["AccessToken", "RefreshToken", "IdToken"] {
        let client_info = &entities(&document, section)[0]["client_info"];
        assert!(client_info.is_string() && *client_info == account["client_info"], "{section}");
    }
}
