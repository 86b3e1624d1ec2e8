//! Rows 25 to 30: how entries are kept. Row 27, Redis' HASH, is in the tests of that store (`layout.rs`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia::{DataProtector, DotNetProtection, Error, TokenCache, Unprotected};
use absentia_cache::{Loaded, OsRandom, Random as _, Subject};
use absentia_core::Secret;
use absentia_data_protection::{Certificate, KeyRing, Protector, Unopened};
use absentia_store::{Expiry, Key, ManualClock, When};
use absentia_tests::World;
use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::support::{
    HOME, NOW, Node, READ, document, entities, home, identity, process, recorded, refresh_token, stored, token, with,
};

#[tokio::test]
async fn row_25_an_on_behalf_of_entry_has_no_refresh_token() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    process(&world).client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    let document = stored(&world, assertion.hash()).await;
    let counts = ["AccessToken", "RefreshToken", "IdToken", "Account"].map(|name| entities(&document, name).len());
    assert_eq!(counts, [1, 0, 1, 1]);
}

#[tokio::test]
async fn row_26_an_entry_without_a_refresh_token_ends_with_its_last_token() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let here = process(&world);
    let assertion = world.assertion(&ada).await;
    let token = here.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    let expiry = async |key: &str| world.backend.entries.get(&Key::new(key)).await.unwrap().unwrap().expiry;
    assert_eq!(expiry(assertion.hash()).await, Expiry { sliding: None, absolute: Some(token.expires_on()) });
    // With one, only what the adapter was told counts: here nothing.
    world.sign_in_for(&here.client, &ada, "User.Read").await.unwrap();
    assert_eq!(expiry(ada.home_account_id()).await, Expiry::default());
}

/// ASP.NET Core Data Protection for these tests; programs get theirs from `absentia-config`.
struct Protected(Protector);

#[async_trait]
impl DataProtector for Protected {
    fn protect(&self, plain: &[u8], now: SystemTime) -> Result<Vec<u8>, Error> {
        self.0.protect(plain, now, &|bytes| OsRandom.fill(bytes))
    }

    fn unprotect(&self, protected: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unprotected> {
        self.0.unprotect(protected).map_err(|error| match error {
            Unopened::NotAPayload => Unprotected::NotProtected,
            _ => Unprotected::Damaged,
        })
    }

    async fn reload(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// What .NET protected is opened and used, and what we write is protected for the same purposes.
#[tokio::test]
async fn row_28_protected_entries_begin_with_the_magic_and_open_for_application_and_purpose() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/data-protection");
    let password = Secret::new("fixture");
    let certificate = Certificate::from_pfx(&recorded("data-protection/ring-x509.pfx"), &password).unwrap();
    let entries: Value = serde_json::from_slice(&recorded("data-protection/entries.json")).unwrap();
    let mut opened = 0;
    for entry in entries["entries"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        if !name.ends_with("-user") {
            continue;
        }
        let text = |member: &str| entry[member].as_str().unwrap();
        let purposes: Vec<&str> =
            entry["purposes"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(purposes[1], "msal_cache");
        let ring: PathBuf = folder.join(text("ring"));
        let ring = KeyRing::from_folder(&ring, std::slice::from_ref(&certificate)).unwrap();
        let protector = || Protector::new(ring.clone(), purposes[0], &["msal_cache"]).unwrap();
        let node = Node::at(NOW);
        node.put(HOME, BASE64_STANDARD.decode(text("payload_base64")).unwrap()).await;
        let clock = Arc::new(ManualClock::at(UNIX_EPOCH + Duration::from_secs(NOW + 300)));
        let protection = DotNetProtection::data_protection(Arc::new(Protected(protector())));
        let cache = TokenCache::dotnet(node.backend.clone(), protection).clock(clock).build();
        let identity = identity(Subject::Account(home()));
        let Loaded::Found { partition, .. } = cache.load(&identity).await.unwrap() else {
            panic!("{name} is not read")
        };
        assert!(partition.access_token(&identity, READ.into()).is_some(), "{name}");

        // Ours: without the user's, she signs out of this app alone.
        let removed = cache.remove_for_sign_out(&Key::new(HOME), "33333333-1234-4567-89ab-0000000000cc").await.unwrap();
        assert_eq!(removed, absentia_store::Removed::Done);
        let ours = node.entry(HOME).await.unwrap().value;
        assert_eq!(ours[..4], [0x09, 0xF0, 0xC9, 0xF0], "{name}");
        let plain: Value = serde_json::from_slice(&protector().unprotect(&ours).unwrap()).unwrap();
        assert_eq!(plain, crate::support::dotnet(name));
        opened += 1;
    }
    assert_eq!(opened, 3);
}

#[tokio::test]
async fn row_29_an_entry_without_tokens_is_removed_not_written() {
    // What is left of others after our sign-out is no token.
    let other = json!({ "client_id": "33333333-1234-4567-89ab-0000000000cc" });
    let mut left = document(&[token("a", READ)], &[refresh_token("rt")]);
    left["IdToken"] = json!({ "k": with(refresh_token("id"), other) });
    let node = Node::at(NOW);
    node.put(HOME, left.to_string()).await;
    node.app().sign_out(&home()).await.unwrap();
    assert!(node.entry(HOME).await.is_none());

    // A token of which it is not known how long it lives is used once and not kept.
    let node = Node::at(NOW);
    node.answers(json!({ "token_type": "Bearer", "access_token": "a" }));
    node.app().app().token("https://graph.microsoft.com/.default").await.unwrap();
    let keys = node.backend.scan.as_ref().unwrap().scan(None, 10).await.unwrap();
    assert!(keys.is_empty(), "{keys:?}");
}

/// Not of what memory has: another process wrote since.
#[tokio::test]
async fn row_30_a_write_begins_from_what_is_stored() {
    let node = Node::at(NOW);
    let before = document(&[token("a", READ)], &[refresh_token("rt")]);
    node.put(HOME, before.to_string()).await;
    let ada = node.app().account(&home());
    ada.token(READ).await.unwrap();

    let (key, seen) = (Key::new(HOME), When::Unchanged(node.entry(HOME).await.unwrap().version));
    let mail = token("theirs", "https://graph.microsoft.com/Mail.Read");
    let theirs = document(&[token("a", READ), mail], &[refresh_token("rt of theirs")]).to_string();
    node.backend.entries.put(&key, theirs.into_bytes().into(), seen, Expiry::default()).await.unwrap();

    let files = "https://graph.microsoft.com/Files.Read";
    node.answers(json!({ "token_type": "Bearer", "access_token": "ours", "expires_in": 3599, "scope": files }));
    ada.token(files).await.unwrap();
    let asked = node.asked();
    assert!(asked[0].contains(&("refresh_token".to_owned(), "rt of theirs".to_owned())));
    let after = node.json(HOME).await;
    let secrets: Vec<_> = entities(&after, "AccessToken").iter().map(|token| token["secret"].clone()).collect();
    assert_eq!(secrets, ["a", "theirs", "ours"]);
}
