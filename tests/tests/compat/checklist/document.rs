//! Rows 6 to 10 and 21 to 24: what a document looks like.

use absentia::LongRunningKey;
use absentia_cache::Partition;
use absentia_tests::World;
use serde_json::{Map, Value, json};

use crate::support::{
    GRAPH, HOME, NOW, Node, READ, SECTIONS, TENANT, assert_shapes, document, entities, home, process, recorded,
    refresh_token, rewritten, token, used, with,
};

/// A document of each flow, as we write it, with its key.
async fn written() -> Vec<(String, Vec<u8>)> {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let here = process(&world);
    world.sign_in_for(&here.client, &ada, "User.Read").await.unwrap();
    let assertion = world.assertion(&ada).await;
    here.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    let session = LongRunningKey::new("session").unwrap();
    here.client.start_long_running(&assertion).key(session).token("User.Read").await.unwrap();
    here.client.app().token(GRAPH).await.unwrap();
    let mut written = Vec::new();
    for key in world.backend.scan.as_ref().unwrap().scan(None, 100).await.unwrap() {
        let entry = world.backend.entries.get(&key).await.unwrap().unwrap();
        written.push((key.as_str().to_owned(), entry.value.to_vec()));
    }
    assert_eq!(written.len(), 4);
    written
}

fn object(json: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(json).unwrap()
}

#[tokio::test]
async fn row_06_an_entry_is_an_object_in_utf8_without_byte_order_mark() {
    for (key, value) in written().await {
        assert_eq!((value[0], value[value.len() - 1]), (b'{', b'}'), "{key}");
        object(&value);
    }
    assert!(Partition::parse("\u{feff}{}".as_bytes()).is_none());
}

#[tokio::test]
async fn row_07_the_five_sections_are_there_in_dotnets_order() {
    for (key, value) in written().await {
        assert!(object(&value).keys().eq(SECTIONS.iter()), "{key}");
    }
    // In another case it is no section: nothing in it is used, and it stays what it was.
    let lower = json!({ "accesstoken": { "k": token("a", READ) } });
    let node = Node::at(NOW);
    node.put(HOME, lower.to_string()).await;
    node.app().account(&home()).token(READ).await.unwrap_err();
    assert_eq!(rewritten(&lower)["accesstoken"], lower["accesstoken"]);
}

#[tokio::test]
async fn row_08_every_member_is_text_or_an_object_of_texts() {
    for (_, value) in written().await {
        assert_shapes(&Value::Object(object(&value)));
    }
    let wrong = json!({
        "home_account_id": HOME, "environment": "localhost", "client_id": 33_333_333, "secret": true,
        "cached_at": NOW, "expires_on": 1.5, "extended_expires_on": [1], "refresh_on": {}, "ext_expires_on": null,
        "ext": "text", "persisted_cache_parameters": [], "wam_account_ids": { "a": 1, "b": null }, "kid": false,
    });
    let all: Map<_, _> =
        SECTIONS.iter().map(|name| ((*name).to_owned(), json!({ "k": wrong, "gone": null }))).collect();
    assert_shapes(&rewritten(&Value::Object(all)));
}

#[tokio::test]
async fn row_09_every_entity_of_a_user_names_her_as_the_key_does() {
    let mut users = 0;
    for (key, value) in written().await.into_iter().filter(|(key, _)| key.contains('.')) {
        for section in &SECTIONS[..4] {
            let value = Value::Object(object(&value));
            assert_eq!(entities(&value, section)[0]["home_account_id"], key, "{section}");
        }
        users += 1;
    }
    assert_eq!(users, 1);
    // `null` makes MSAL.NET throw: it is not written again.
    let null = json!({ "AccessToken": { "k": { "home_account_id": null, "secret": "a" } } });
    assert!(!rewritten(&null).to_string().contains("home_account_id"));
}

#[tokio::test]
async fn row_10_an_apps_entry_holds_access_tokens_and_app_metadata_alone() {
    for (key, value) in written().await.into_iter().filter(|(key, _)| key.ends_with("_AppTokenCache")) {
        let counts = SECTIONS.map(|section| object(&value)[section].as_object().unwrap().len());
        assert_eq!(counts, [1, 0, 0, 0, 1], "{key}");
    }
}

#[test]
fn row_21_item_keys_are_dotnets() {
    for (file, bytes) in crate::fixtures() {
        let expected: Value = serde_json::from_slice(&recorded(&format!("expected/{file}"))).unwrap();
        // Others' keys are nothing to go by.
        let mut document = object(&bytes);
        for section in SECTIONS {
            let entities = std::mem::take(document[section].as_object_mut().unwrap());
            let renamed = entities.into_iter().enumerate().map(|(number, (_, entity))| (format!("K{number}"), entity));
            document[section] = Value::Object(renamed.collect());
        }
        let ours = rewritten(&Value::Object(document));
        for section in SECTIONS {
            let keys: Vec<&str> = ours[section].as_object().unwrap().keys().map(String::as_str).collect();
            let theirs =
                expected[section].as_array().unwrap().iter().map(|entity| entity["item_key"].as_str().unwrap());
            assert_eq!(keys, theirs.collect::<Vec<_>>(), "{file} {section}");
        }
    }
}

#[test]
fn row_22_an_accounts_item_key_keeps_its_case() {
    let account = json!({ "home_account_id": "O.T", "environment": "login.windows.net", "realm": "t" });
    let document = rewritten(&json!({ "Account": { "k": account } }));
    assert!(document["Account"].get("O.T-login.windows.net-t").is_some(), "{document}");
}

/// Our refresh writes the entry of somebody else: what it does not replace stays as it was.
#[tokio::test]
async fn row_23_what_is_unknown_survives_our_writes() {
    let unknown =
        json!({ "tenantProfiles": ["{}"], "userAssertionHash": "h", "last_modification_time": 7, "x": [null] });
    let other_scope = with(token("other", "https://graph.microsoft.com/Mail.Read"), unknown.clone());
    let mut before = document(&[other_scope], &[refresh_token("rt")]);
    let id = json!({ "home_account_id": HOME, "environment": "localhost", "realm": TENANT, "username": "ada" });
    before["Account"] = json!({ "k": with(id, unknown.clone()) });
    before["Future"] = json!({ "numbers": [1, 2.50, null] });
    let node = Node::at(NOW);
    node.put(HOME, before.to_string()).await;
    let claims = absentia_core::encoding::base64url(
        json!({ "oid": "o", "tid": TENANT, "sub": "s", "aud": "a", "iss": "i", "exp": NOW + 60 })
            .to_string()
            .as_bytes(),
    );
    node.answers(json!({
        "token_type": "Bearer", "access_token": "new", "expires_in": 3599, "scope": READ, "id_token": format!("e30.{claims}.e30"),
    }));
    node.app().account(&home()).token(READ).await.unwrap();

    let after = node.json(HOME).await;
    assert_eq!(after["Future"], before["Future"]);
    let tokens = entities(&after, "AccessToken");
    assert_eq!(tokens.len(), 2);
    for entity in [tokens[0], entities(&after, "Account")[0]] {
        for (name, value) in unknown.as_object().unwrap() {
            assert_eq!(&entity[name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn row_24_the_extended_expiry_is_written_under_both_names() {
    for (key, value) in written().await {
        let document = Value::Object(object(&value));
        let token = entities(&document, "AccessToken")[0];
        assert!(token["extended_expires_on"].is_string(), "{key}");
        assert_eq!(token["extended_expires_on"], token["ext_expires_on"], "{key}");
    }
    assert_eq!(
        used(&[with(token("a", READ), json!({ "extended_expires_on": null, "ext_expires_on": null }))], READ)
            .await
            .as_deref(),
        Some("a")
    );
}
