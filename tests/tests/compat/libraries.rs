//! Entries as MSAL Python, Node, Go and Java write them: read, used where they may be, and written as MSAL.NET needs them.

use absentia::{LongRunningKey, TokenAcquirer, UserAssertion};
use absentia_cache::Partition;
use serde_json::{Value, json};

use crate::support::{
    CLIENT, GRAPH, HOME, NOW, Node, READ, TENANT, assert_shapes, document, entities, home, public, refresh_token,
    token, with,
};

const HOST: &str = "login.microsoftonline.com";

/// An entry with this under its key, and what our client finds in it: the secret of its access token.
async fn found(key: &str, stored: &Value, acquirer: impl Fn(&Node) -> TokenAcquirer, scopes: &str) -> Option<String> {
    let node = Node::at(NOW);
    node.put(key, stored.to_string()).await;
    let token = acquirer(&node).token(scopes).await.ok()?;
    Some(token.secret().expose().to_owned())
}

fn account(node: &Node) -> TokenAcquirer {
    node.client(public(TENANT), CLIENT).account(&home())
}

fn app(node: &Node) -> TokenAcquirer {
    node.client(public(TENANT), CLIENT).app()
}

fn app_key() -> String {
    format!("{CLIENT}_{TENANT}_AppTokenCache")
}

fn lower(key: &str) -> String {
    key.replace("<H>", HOME).replace("<C>", CLIENT).replace("<T>", TENANT).to_lowercase()
}

/// The members that all of them write for an access token.
fn access(environment: &str) -> Value {
    let common =
        json!({ "environment": environment, "target": "User.Read email openid profile", "ext_expires_on": null });
    with(token("at", READ), common)
}

/// A user's document of another library is served from, its refresh token is redeemed, and what is left is .NET's.
async fn is_shared(name: &str, stored: Value) -> Value {
    let node = Node::at(NOW);
    node.put(HOME, stored.to_string()).await;
    let token = account(&node).token("user.read").await.unwrap();
    assert_eq!(token.secret().expose(), "at", "{name}");
    assert_eq!(token.account().unwrap().username, "ada@contoso.example", "{name}");

    node.answers(json!({
        "token_type": "Bearer", "access_token": "new", "expires_in": 3599, "refresh_token": "rt2",
        "scope": "Mail.Read openid profile offline_access",
    }));
    account(&node).token("Mail.Read").await.unwrap();
    let asked = node.asked();
    assert!(asked[0].contains(&("refresh_token".to_owned(), "rt".to_owned())), "{name}: {asked:?}");

    let after = node.json(HOME).await;
    assert_shapes(&after);
    for (section, expected) in [("AccessToken", "new"), ("RefreshToken", "rt2")] {
        let left = entities(&after, section);
        assert_eq!(left.len(), 1, "{name} {section}: one of those that overlap");
        assert_eq!(left[0]["secret"], expected, "{name} {section}");
    }
    let key = lower("<H>-login.windows.net-refreshtoken-<C>--");
    assert!(after["RefreshToken"].get(&key).is_some(), "{name}: {after}");
    after
}

fn python() -> Value {
    let id = json!({ "environment": HOST });
    let of_scopes = json!({ "target": "User.Read", "last_modification_time": NOW.to_string(), "environment": HOST });
    json!({
        "AccessToken": {
            lower("<H>-login.microsoftonline.com-accesstoken-<C>-<T>-user.read email openid profile"):
                with(access(HOST), json!({ "token_type": "Bearer", "expires_on": NOW + 3599 })),
        },
        "Account": {
            lower("<H>-login.microsoftonline.com-<T>"): {
                "home_account_id": HOME, "environment": HOST, "realm": TENANT, "local_account_id": "o",
                "username": "ada@contoso.example", "authority_type": "MSSTS", "account_source": "authorization_code",
            },
        },
        "IdToken": {
            lower("<H>-login.microsoftonline.com-idtoken-<C>-<T>-"):
                with(refresh_token("id"), with(json!({ "credential_type": "IdToken", "realm": TENANT }), id.clone())),
        },
        // One for each set of scopes: the last counts, as in .NET.
        "RefreshToken": {
            lower("<H>-login.microsoftonline.com-refreshtoken-<C>--mail.read"):
                with(refresh_token("older"), with(of_scopes.clone(), json!({ "target": "Mail.Read" }))),
            lower("<H>-login.microsoftonline.com-refreshtoken-<C>--user.read"):
                with(refresh_token("rt"), of_scopes),
        },
        "AppMetadata": { "AppMetadata-login.microsoftonline.com-33333333": { "client_id": CLIENT, "environment": HOST } },
    })
}

#[tokio::test]
async fn python_users() {
    let after = is_shared("python", python()).await;
    assert_eq!(entities(&after, "Account")[0]["account_source"], "authorization_code");
}

#[tokio::test]
async fn python_apps_have_null_for_a_home() {
    let stored = json!({ "AccessToken": { "k": with(access(HOST), json!({ "target": GRAPH })) } });
    let mut stored = stored;
    stored["AccessToken"]["k"]["home_account_id"] = Value::Null;
    assert_eq!(found(&app_key(), &stored, app, GRAPH).await.as_deref(), Some("at"));
    let written = crate::support::rewritten(&stored);
    assert_eq!(entities(&written, "AccessToken")[0].get("home_account_id"), None);
}

#[tokio::test]
async fn node_users() {
    let stored = json!({
        "Account": {
            lower("<H>-login.windows.net-<T>"): {
                "home_account_id": HOME, "environment": "login.windows.net", "realm": TENANT, "local_account_id": "o",
                "username": "ada@contoso.example", "authority_type": "MSSTS", "name": "Ada", "client_info": "e30",
                "last_modification_time": "1", "last_modification_app": "node",
                "tenantProfiles": ["{\"tenantId\":\"t\",\"localAccountId\":\"o\",\"isHomeTenant\":true}"],
            },
        },
        "IdToken": {},
        // After .NET wrote, both forms of one entity.
        "AccessToken": {
            lower("<H>-login.windows.net-accesstoken-<C>-<T>-user.read email openid profile--"):
                with(access("login.windows.net"), json!({ "token_type": "Bearer", "requestedClaimsHash": "" })),
            lower("<H>-login.windows.net-accesstoken-<C>-<T>-user.read email openid profile"):
                with(access("login.windows.net"), json!({ "secret": "older", "expires_on": (NOW + 400).to_string() })),
        },
        "RefreshToken": {
            lower("<H>-login.windows.net-refreshtoken-<C>--"):
                with(refresh_token("older"), json!({ "environment": "login.windows.net" })),
            lower("<H>-login.windows.net-refreshtoken-<C>----"):
                with(refresh_token("rt"), json!({ "environment": "login.windows.net", "target": "User.Read" })),
        },
        "AppMetadata": {},
    });
    let after = is_shared("node", stored.clone()).await;
    let before = entities(&stored, "Account")[0];
    for unknown in ["tenantProfiles", "last_modification_app"] {
        assert_eq!(entities(&after, "Account")[0][unknown], before[unknown], "{unknown}");
    }
}

#[tokio::test]
async fn node_apps_have_an_empty_home() {
    let token =
        with(access("login.windows.net"), json!({ "home_account_id": "", "target": GRAPH, "token_type": "Bearer" }));
    let stored = document(&[token], &[]);
    assert_eq!(found(&app_key(), &stored, app, GRAPH).await.as_deref(), Some("at"));
}

/// Node names the hash in its own way, and keeps a caller's token beside the user's own.
#[tokio::test]
async fn node_on_behalf_of_is_the_callers_and_nobody_elses() {
    let assertion = UserAssertion::unverified("assert");
    let of_caller = with(access("login.windows.net"), json!({ "userAssertionHash": &**assertion.hash() }));
    let stored = document(&[of_caller], &[]);
    let caller = |node: &Node| node.client(public(TENANT), CLIENT).on_behalf_of(&UserAssertion::unverified("assert"));
    assert_eq!(found(assertion.hash(), &stored, caller, "User.Read").await.as_deref(), Some("at"));
    assert_eq!(found(HOME, &stored, account, "User.Read").await, None);
}

#[tokio::test]
async fn bound_tokens_of_any_library_are_not_used_for_plain_requests() {
    for (library, members) in [
        ("node fmi", json!({ "additionalCacheKeyComponents": { "fmi_path": "a/b" } })),
        ("node pop", json!({ "credential_type": "AccessToken_With_AuthScheme", "token_type": "pop", "key_id": "k" })),
        ("python and go", json!({ "ext_cache_key": "cojvfy5tzae3njpkvcebguvvx5vvmnj8hphqrbogjoi" })),
        ("python ssh", json!({ "token_type": "ssh-cert", "key_id": "k" })),
        ("go pop", json!({ "token_type": "pop", "keyid": "k" })),
        ("a key alone", json!({ "keyid": "k" })),
        ("components as text", json!({ "ext": "{\"a\":\"b\"}" })),
    ] {
        let plain = access(HOST);
        let bound = with(with(plain.clone(), json!({ "secret": "bound" })), members);
        assert_eq!(
            found(HOME, &document(std::slice::from_ref(&bound), &[]), account, "User.Read").await,
            None,
            "{library}"
        );
        let both = document(&[plain, bound], &[]);
        assert_eq!(found(HOME, &both, account, "User.Read").await.as_deref(), Some("at"), "{library}");
    }
}

#[tokio::test]
async fn a_familys_refresh_token_is_not_redeemed() {
    let node = Node::at(NOW);
    let of_family = with(refresh_token("rt"), json!({ "environment": HOST, "family_id": "1" }));
    node.put(HOME, document(&[], &[of_family]).to_string()).await;
    account(&node).token("User.Read").await.unwrap_err();
    assert!(node.asked().is_empty());
}

/// Empty sections and members are left out; refresh and id tokens end without dashes; `IDToken` until 1.8.
#[tokio::test]
async fn go_users() {
    let environment = json!({ "environment": HOST });
    let stored = json!({
        "AccessToken": {
            lower("<H>-login.microsoftonline.com-accesstoken-<C>-<T>-user.read email openid profile"):
                with(access(HOST), json!({ "extended_expires_on": null, "token_type": "Bearer" })),
        },
        "RefreshToken": {
            lower("<H>-login.microsoftonline.com-refreshtoken-<C>"): with(refresh_token("rt"), environment.clone()),
        },
        "IdToken": {
            lower("<H>-login.microsoftonline.com-idtoken-<C>-<T>"): with(
                refresh_token("id"),
                with(environment, json!({ "credential_type": "IDToken", "realm": TENANT })),
            ),
        },
        "Account": {
            lower("<H>-login.microsoftonline.com-<T>"): {
                "home_account_id": HOME, "environment": HOST, "realm": TENANT, "local_account_id": "o",
                "username": "ada@contoso.example", "authority_type": "MSSTS",
            },
        },
    });
    is_shared("go", stored).await;
}

/// Its hash ends with `=`, in the key and in the member: another caller's as far as we and .NET can tell.
#[tokio::test]
async fn go_on_behalf_of_is_not_used() {
    let assertion = UserAssertion::unverified("assert");
    let padded = with(access(HOST), json!({ "user_assertion_hash": format!("{}=", assertion.hash()) }));
    let caller = |node: &Node| node.client(public(TENANT), CLIENT).on_behalf_of(&UserAssertion::unverified("assert"));
    assert_eq!(found(assertion.hash(), &document(&[padded], &[]), caller, "User.Read").await, None);
}

/// No `token_type`, no `cached_at` it must have, the word `null` in keys.
#[tokio::test]
async fn java_users() {
    let stored = json!({
        "AccessToken": {
            lower("<H>-login.windows.net-accesstoken-<C>-<T>-user.read email openid profile"):
                with(access("login.windows.net"), json!({ "extended_expires_on": null })),
        },
        "RefreshToken": {
            lower("<H>-login.windows.net-refreshtoken-<C>-null-null"):
                with(refresh_token("rt"), json!({ "environment": "login.windows.net" })),
        },
        "IdToken": {},
        "Account": {
            lower("<H>-login.windows.net-<T>"): {
                "home_account_id": HOME, "environment": "login.windows.net", "realm": TENANT, "local_account_id": "o",
                "username": "ada@contoso.example", "authority_type": "MSSTS", "client_info": "e30",
            },
        },
        "AppMetadata": {},
    });
    is_shared("java", stored.clone()).await;
    // For B2C it adds the policy to the id: another account.
    let of_policy = with(access("login.windows.net"), json!({ "home_account_id": format!("{HOME}-b2c_1_signin") }));
    assert_eq!(found(HOME, &document(&[of_policy], &[]), account, "User.Read").await, None);
}

/// Java keeps a refresh token of on-behalf-of; with one, `AcquireTokenInLongRunningProcess` could go on from it.
#[tokio::test]
async fn java_on_behalf_of_refreshes_as_a_long_running_process() {
    let hash = UserAssertion::unverified("assert").hash().to_string();
    let members = json!({ "environment": "login.windows.net", "user_assertion_hash": hash });
    let node = Node::at(NOW);
    node.put(&hash, document(&[], &[with(refresh_token("rt"), members)]).to_string()).await;
    let process = LongRunningKey::new(&hash).unwrap();
    node.client(public(TENANT), CLIENT).long_running(&process).token("User.Read").await.unwrap_err();
    assert!(node.asked()[0].contains(&("refresh_token".to_owned(), "rt".to_owned())));
}

/// What MSAL.NET's own older tests hold.
#[tokio::test]
async fn older_dotnet() {
    let mut old = with(access("login.windows.net"), json!({ "extended_expires_on": "-62135596800" }));
    for null in ["family_id", "user_assertion_hash", "kid", "refresh_on"] {
        old[null] = Value::Null;
    }
    let stored = document(&[old], &[]);
    assert_eq!(found(HOME, &stored, account, "User.Read").await.as_deref(), Some("at"));
    let with_commas = stored.to_string().replace("}}", "},}");
    assert_eq!(Partition::parse(with_commas.as_bytes()), Partition::parse(stored.to_string().as_bytes()));
    // The dictionary of version 2 is an array: not read by .NET either.
    assert!(Partition::parse(br#"[{"Key":"access_tokens","Value":["{}"]}]"#).is_none());
}
