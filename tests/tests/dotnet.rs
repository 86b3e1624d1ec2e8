//! The layout that is shared with Microsoft.Identity.Web.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use absentia::{AccountId, CacheLevel, DotNetExpiry, DotNetProtection, LongRunningKey, TokenCache, store::GrantKind};
use absentia_cache::{Entity, Partition, Section};
use absentia_store::{
    AccountState, Backend, Change, Entry, Expiry, Key, Removal, Removed, Store, Version, Watch, WatchStore, When,
    Written,
};
use absentia_tests::{Process, World};
use bytes::Bytes;
use tokio::sync::mpsc;

/// A process in .NET's layout over the same stores.
fn process(world: &World, backend: Backend) -> Process {
    let cache = TokenCache::dotnet(backend, DotNetProtection::plain()).clock(Arc::new(world.clock.clone())).build();
    world.process(cache)
}

/// One that keeps no rows: what .NET leaves behind.
fn without_rows(world: &World) -> Process {
    process(world, Backend { accounts: None, ..world.backend.clone() })
}

async fn keys(world: &World) -> Vec<String> {
    let found = world.backend.scan.as_ref().unwrap().scan(None, 100).await.unwrap();
    found.into_iter().map(|key| key.as_str().to_owned()).collect()
}

async fn entry(world: &World, key: &str) -> Option<Entry> {
    world.backend.entries.get(&Key::new(key)).await.unwrap()
}

async fn partition(world: &World, key: &str) -> Partition {
    Partition::parse(&entry(world, key).await.unwrap().value).unwrap()
}

#[tokio::test]
async fn keys_are_what_msal_suggests() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let here = process(&world, world.backend.clone());
    world.sign_in_for(&here.client, &ada, "User.Read").await.unwrap();
    let assertion = world.assertion(&ada).await;
    here.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    let session = LongRunningKey::new("session-Key+1/=").unwrap();
    here.client.start_long_running(&assertion).key(session.clone()).token("User.Read").await.unwrap();
    let app = world.entra.app("contoso-app");
    for resource in ["https://graph.microsoft.com".to_owned(), format!("api://{}", app.client_id())] {
        here.client.app().token(format!("{resource}/.default").as_str()).await.unwrap();
    }
    let apps = format!("{}_{}_AppTokenCache", app.client_id(), world.entra.tenant_id());
    let mut expected =
        vec![world.id(&ada).to_string(), assertion.hash().to_string(), "session-Key+1/=".to_owned(), apps.clone()];
    expected.sort();
    assert_eq!(keys(&world).await, expected);
    assert_eq!(partition(&world, &apps).await.section(Section::AccessToken).len(), 2, "one entry for all resources");

    // Another process finds all of it, and Entra is not asked.
    let before = world.entra.journal().token_requests().count();
    let there = process(&world, world.backend.clone());
    there.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    there.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    there.client.long_running(&session).token("User.Read").await.unwrap();
    for _ in 0..2 {
        there.client.app().token("https://graph.microsoft.com/.default").await.unwrap();
    }
    assert_eq!(world.entra.journal().token_requests().count(), before);
}

#[tokio::test]
async fn a_sign_out_leaves_the_tokens_of_other_apps() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let here = process(&world, world.backend.clone());
    world.sign_in_for(&here.client, &ada, "User.Read").await.unwrap();
    let key = world.id(&ada).to_string();
    let (stored, entry_key) = (entry(&world, &key).await.unwrap(), Key::new(&*key));
    let mut both = Partition::parse(&stored.value).unwrap();
    let theirs: Vec<Entity> = [Section::AccessToken, Section::RefreshToken]
        .map(|section| both.section(section)[0].clone().with("client_id", "33333333-0000-4000-8000-0000000000cc"))
        .into();
    both.section_mut(Section::AccessToken).push(theirs[0].clone());
    both.section_mut(Section::RefreshToken).push(theirs[1].clone());
    let put = world.backend.entries.put(
        &entry_key,
        both.to_json().to_vec().into(),
        When::Unchanged(stored.version),
        Expiry::default(),
    );
    put.await.unwrap();
    here.client.sign_out(&world.id(&ada)).await.unwrap();
    let left = partition(&world, &key).await;
    assert_eq!(left.section(Section::AccessToken), &theirs[..1]);
    assert_eq!(left.section(Section::RefreshToken), &theirs[1..]);
    assert!(here.client.account(&world.id(&ada)).token("User.Read").await.is_err());
    // Alone in her entry, she takes it with her.
    let grace = world.entra.user("grace");
    world.sign_in_for(&here.client, &grace, "User.Read").await.unwrap();
    here.client.sign_out(&world.id(&grace)).await.unwrap();
    assert!(entry(&world, world.id(&grace).as_str()).await.is_none());
}

#[tokio::test]
async fn what_dotnet_wrote_is_adopted() {
    let world = World::new().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let (dotnet, here) = (without_rows(&world), process(&world, world.backend.clone()));
    world.sign_in_for(&dotnet.client, &ada, "User.Read").await.unwrap();
    let assertion = world.assertion(&grace).await;
    dotnet.client.on_behalf_of(&assertion).token("User.Read").await.unwrap();
    let session = LongRunningKey::new("of grace").unwrap();
    dotnet.client.start_long_running(&assertion).key(session).token("User.Read").await.unwrap();
    dotnet.client.app().token("https://graph.microsoft.com/.default").await.unwrap();
    assert!(here.client.accounts(&Default::default()).await.unwrap().is_empty());
    // A web app of ours over the same store keeps this beside them.
    let session = Key::new(format!("{}/session/{}", here.client.client_id(), assertion.hash()));
    world.backend.entries.put(&session, vec![1, 2, 3].into(), When::Absent, Expiry::default()).await.unwrap();

    let found = here.client.adopt().await.unwrap();
    assert_eq!((found.entries, found.adopted, found.unreadable), (4, 3, 0));
    let accounts = here.client.accounts(&Default::default()).await.unwrap();
    let of = |id: &AccountId| accounts.iter().find(|account| account.account_id == id.as_str()).unwrap();
    assert_eq!(of(&world.id(&ada)).username, "ada@contoso.example");
    assert_eq!(of(&world.id(&ada)).grants[0].kind, GrantKind::Account);
    let graces = of(&world.id(&grace));
    let kinds: Vec<_> = graces.grants.iter().map(|grant| (grant.key.as_str(), grant.kind)).collect();
    assert!(kinds.contains(&("of grace", GrantKind::LongRunning)), "{kinds:?}");
    assert!(kinds.contains(&(assertion.hash(), GrantKind::Assertion)), "{kinds:?}");
    // Once is enough, and the grants act.
    assert_eq!(here.client.adopt().await.unwrap().adopted, 0);
    let grant = graces.grants.iter().find(|grant| grant.kind == GrantKind::LongRunning).unwrap();
    here.client.grant(graces, grant).unwrap().token("User.Read").await.unwrap();
}

#[tokio::test]
async fn who_signed_out_here_is_taken_up_again_only_when_dotnet_signed_her_in_since() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let (dotnet, here) = (without_rows(&world), process(&world, world.backend.clone()));
    world.sign_in_for(&dotnet.client, &ada, "User.Read").await.unwrap();
    here.client.adopt().await.unwrap();
    let old = entry(&world, world.id(&ada).as_str()).await.unwrap().value;
    world.advance(Duration::from_secs(60));
    here.client.sign_out(&world.id(&ada)).await.unwrap();
    // A .NET process that had the entry in memory writes it again.
    let key = Key::new(world.id(&ada).as_str());
    world.backend.entries.put(&key, old, When::Absent, Expiry::default()).await.unwrap();
    assert_eq!(here.client.adopt().await.unwrap().adopted, 0);
    let state = async || here.client.accounts(&Default::default()).await.unwrap()[0].state();
    assert_eq!(state().await, AccountState::Revoked);
    world.advance(Duration::from_secs(60));
    world.sign_in_for(&dotnet.client, &ada, "User.Read").await.unwrap();
    assert_eq!(here.client.adopt().await.unwrap().adopted, 1);
    assert_eq!(state().await, AccountState::Healthy);
}

#[tokio::test]
async fn expiry_is_dotnets() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let key = world.id(&ada).to_string();
    let expiry = async || entry(&world, &key).await.unwrap().expiry;
    // Without options an entry with a refresh token stays.
    let here = process(&world, world.backend.clone());
    world.sign_in_for(&here.client, &ada, "User.Read").await.unwrap();
    assert_eq!(expiry().await, Expiry::default());
    // With a window it slides, and a process without the option keeps the window.
    let hour = Duration::from_secs(3600);
    let options = DotNetExpiry { sliding: Some(hour), relative: None };
    let cache = TokenCache::dotnet(world.backend.clone(), DotNetProtection::plain())
        .dotnet_expiry(options)
        .clock(Arc::new(world.clock.clone()))
        .build();
    let sliding = world.process(cache);
    world.sign_in_for(&sliding.client, &ada, "User.Read").await.unwrap();
    assert_eq!(expiry().await.sliding, Some(hour));
    world.sign_in_for(&here.client, &ada, "User.Read").await.unwrap();
    assert_eq!(expiry().await.sliding, Some(hour));
    // Tokens without a refresh token end with the last of them; a relative end wins.
    let app = format!("{}_{}_AppTokenCache", here.client.client_id(), world.entra.tenant_id());
    let token = here.client.app().token("https://graph.microsoft.com/.default").await.unwrap();
    let ends = entry(&world, &app).await.unwrap().expiry.absolute.unwrap();
    assert_eq!(ends, token.expires_on());
}

/// A .NET process that writes between each of our reads and writes. It refreshes, and keeps none of our members.
struct Overtaken {
    entries: Arc<dyn Store>,
    writes: AtomicUsize,
}

#[async_trait::async_trait]
impl Store for Overtaken {
    async fn get(&self, key: &Key) -> absentia_store::Result<Option<Entry>> {
        self.entries.get(key).await
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> absentia_store::Result<Written> {
        if let When::Unchanged(version) = &when {
            let mut theirs = Partition::parse(&self.entries.get(key).await?.unwrap().value).unwrap();
            let number = self.writes.fetch_add(1, Ordering::Relaxed).to_string();
            for token in theirs.section_mut(Section::RefreshToken) {
                *token = token.clone().with("absentia_sign_in", "").with("write", &number);
            }
            let version: Version = version.clone();
            self.entries.put(key, theirs.to_json().to_vec().into(), When::Unchanged(version), expiry).await?;
        }
        self.entries.put(key, value, when, expiry).await
    }

    async fn remove(&self, key: &Key, when: Removal) -> absentia_store::Result<Removed> {
        self.entries.remove(key, when).await
    }
}

#[tokio::test]
async fn who_is_overtaken_by_dotnet_each_time_is_served_all_the_same() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in_for(&process(&world, world.backend.clone()).client, &ada, "User.Read").await.unwrap();
    let entries = Arc::new(Overtaken { entries: world.backend.entries.clone(), writes: AtomicUsize::new(0) });
    let here = process(&world, Backend { entries: entries.clone(), ..world.backend.clone() });
    let account = here.client.account(&world.id(&ada));
    let old = account.token("User.Read").await.unwrap();
    let before = world.entra.journal().token_requests().count();
    let token = account.token("User.Read").instead_of(&old).await.unwrap();
    assert!(!token.is_same_as(&old));
    assert_eq!(entries.writes.load(Ordering::Relaxed), 3);
    assert_eq!(world.entra.journal().token_requests().count(), before + 3);
    // What .NET wrote stays.
    let stored = partition(&world, world.id(&ada).as_str()).await;
    assert_eq!(stored.section(Section::RefreshToken)[0].text("write"), "2");
}

/// A backend that sees what others do.
struct Seeing(Mutex<Option<mpsc::UnboundedReceiver<Change>>>);

#[async_trait::async_trait]
impl WatchStore for Seeing {
    async fn watch(&self) -> absentia_store::Result<Box<dyn Watch>> {
        panic!("in this layout others write too")
    }

    async fn watch_others(&self) -> absentia_store::Result<Box<dyn Watch>> {
        Ok(Box::new(Seen(self.0.lock().unwrap().take().unwrap())))
    }
}

struct Seen(mpsc::UnboundedReceiver<Change>);

#[async_trait::async_trait]
impl Watch for Seen {
    async fn next(&mut self) -> absentia_store::Result<Vec<Change>> {
        Ok(vec![self.0.recv().await.unwrap()])
    }
}

#[tokio::test]
async fn what_dotnet_touches_is_looked_at_and_what_it_changed_is_forgotten() {
    let world = World::new().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let (touch, told) = mpsc::unbounded_channel();
    let watch = Some(Arc::new(Seeing(Mutex::new(Some(told)))) as Arc<dyn WatchStore>);
    let here = process(&world, Backend { watch, ..world.backend.clone() });
    tokio::spawn(here.client.cache().clone().upkeep(std::future::pending()));
    tokio::task::yield_now().await; // it forgets everything when it begins
    for user in [&ada, &grace] {
        world.sign_in_for(&here.client, user, "User.Read").await.unwrap();
    }
    let keys = [&ada, &grace].map(|user| Key::new(world.id(user).as_str()));
    let level = async |user| {
        let token = here.client.account(&world.id(user)).token("User.Read").await;
        token.map(|token| token.metadata().cache_level)
    };
    // .NET removes ada and does no more than use grace.
    world.backend.entries.remove(&keys[0], Removal::SignOut).await.unwrap();
    assert_eq!(level(&ada).await.unwrap(), CacheLevel::L1, "nothing was told yet");
    for key in keys.into_iter().chain([Key::new("nobody")]) {
        touch.send(Change::Touched(key)).unwrap();
    }
    let mut turns = 0;
    while level(&ada).await.is_ok() {
        world.advance(Duration::from_millis(50));
        tokio::task::yield_now().await;
        turns += 1;
        assert!(turns < 1_000, "what was removed is served");
    }
    assert_eq!(level(&grace).await.unwrap(), CacheLevel::L1, "what did not change stays");
}
