//! Rows 1 to 5: what entries are called.

use absentia::{AccountId, ErrorKind, LongRunningKey, UserAssertion};
use absentia_cache::{Identity, Subject};
use absentia_core::{account::ClientInfo, encoding::base64url};
use absentia_tests::World;

use crate::support::{HOME, Node, dotnet, entities, home, identity, localhost, process, recorded, stored};

fn key(subject: Subject) -> String {
    identity(subject).key().as_str().to_owned()
}

fn app() -> Subject {
    Subject::App { resource: "https://graph.microsoft.com".into() }
}

/// Byte for byte; what Redis puts in front is the store's.
#[test]
fn row_01_a_key_is_what_dotnet_suggested() {
    let captured: serde_json::Value = serde_json::from_slice(&recorded("captured.json")).unwrap();
    let assertion = UserAssertion::unverified(captured["obo"]["assertion"].as_str().unwrap());
    let long_running = |text: &str| Subject::LongRunning(LongRunningKey::new(text).unwrap());
    for (name, subject) in [
        ("app", app()),
        ("app-two-resources", app()),
        ("user-sign-in", Subject::Account(home())),
        ("obo", Subject::Assertion { hash: assertion.hash().clone() }),
        ("obo-long-running-custom", long_running("session-Key+1/=")),
        ("obo-long-running-auto", long_running(assertion.hash())),
    ] {
        assert_eq!(key(subject), captured[name]["key"], "{name}");
    }
}

#[test]
fn row_02_a_users_key_has_the_case_of_client_info() {
    let raw =
        base64url(br#"{"uid":"11111111-AAAA-4bbb-8ccc-000000000001","utid":"22222222-DDDD-4eee-8fff-000000000002"}"#);
    let id = ClientInfo::parse(&raw).unwrap().account_id().unwrap();
    assert_eq!(key(Subject::Account(id)), "11111111-AAAA-4bbb-8ccc-000000000001.22222222-DDDD-4eee-8fff-000000000002");
}

#[test]
fn row_03_an_on_behalf_of_key_is_the_hash_of_the_exact_text() {
    let hash = |text: &str| UserAssertion::unverified(text).hash().to_string();
    assert_eq!(hash("assert"), "JUUGib3UTQFAILI4AhsxNDHLH3qG8k4pzsvR5ELtrgo");
    for other in [" assert", "assert\n", "Bearer assert", "Assert"] {
        assert_ne!(hash(other), hash("assert"), "{other:?}");
    }
    assert_eq!(key(Subject::Assertion { hash: hash("assert").into() }), hash("assert"));
}

#[tokio::test]
async fn row_04_a_long_running_key_is_used_raw_and_in_both_tokens() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let here = process(&world);
    let session = LongRunningKey::new("Session Key+1/=é").unwrap();
    let assertion = world.assertion(&ada).await;
    here.client.start_long_running(&assertion).key(session.clone()).token("User.Read").await.unwrap();
    let document = stored(&world, "Session Key+1/=é").await;
    for section in ["AccessToken", "RefreshToken"] {
        assert_eq!(entities(&document, section)[0]["user_assertion_hash"], "Session Key+1/=é", "{section}");
    }

    // Of .NET's: in this case and no other.
    for (text, is_there) in [("session-Key+1/=", true), ("session-key+1/=", false)] {
        let node = Node::at(1_795_609_751);
        // Under the key that is asked for, whatever its tokens say.
        node.put(text, dotnet("obo-long-running-custom").to_string()).await;
        let found = node.app().long_running(&LongRunningKey::new(text).unwrap()).token("User.Read").await;
        match found {
            Ok(_) => assert!(is_there, "{text}"),
            Err(error) => assert!(!is_there && error.kind() == ErrorKind::InteractionRequired, "{text}: {error}"),
        }
        assert!(node.asked().is_empty());
    }
}

#[test]
fn row_05_an_apps_key_has_the_client_id_as_configured_and_the_tenant_in_lower_case() {
    for (client_id, tenant, expected) in [
        (
            "33333333-ABCD-4567-89ab-000000000003",
            "Contoso.onmicrosoft.COM",
            "33333333-ABCD-4567-89ab-000000000003_contoso.onmicrosoft.com_AppTokenCache",
        ),
        (
            "33333333-abcd-4567-89ab-000000000003",
            "22222222-DDDD-4eee-8fff-000000000002",
            "33333333-abcd-4567-89ab-000000000003_22222222-dddd-4eee-8fff-000000000002_AppTokenCache",
        ),
    ] {
        let identity = Identity { client_id: client_id.into(), authority: localhost(tenant), ..identity(app()) };
        assert_eq!(identity.key().as_str(), expected);
    }
    // One entry for all resources, and for none of an account.
    let other = Subject::App { resource: "https://vault.azure.net".into() };
    assert_eq!(key(other), key(app()));
    assert_ne!(AccountId::parse(HOME).unwrap().to_string(), key(app()));
}
