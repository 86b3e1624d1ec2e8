//! What an operator does and sees: a block, and why an answer is what it is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{sync::Arc, time::Duration};

use absentia::{
    AccountId, Answer, CacheLevel, ConfidentialClient, DotNetProtection, ErrorKind, Explanation, Layout,
    LongRunningKey, TokenCache, TokenSource,
};
use absentia_cache::{Partition, Section};
use absentia_emulator::UserHandle;
use absentia_store::{
    AccountStore, Backend, Clock as _, ErrorKind as StoreErrorKind, Expiry, GrantKind, Key, Removal, When, wrap::Faulty,
};
use absentia_tests::{Process, World};

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

fn accounts(world: &World) -> Arc<dyn AccountStore> {
    world.backend.accounts.clone().unwrap()
}

async fn block(world: &World, ada: &AccountId) {
    accounts(world).block(world.client.client_id(), ada.as_str(), world.clock.now()).await.unwrap();
}

fn background(world: &World, cache: &TokenCache) -> ConfidentialClient {
    world.builder(cache).background().build().unwrap()
}

#[tokio::test]
async fn in_her_absence_nothing_is_asked_for_a_blocked_user() {
    let world = World::new().await;
    let (ada, id) = (world.entra.user("ada"), world.id(&world.entra.user("ada")));
    world.entra.set_token_lifetime(&ada, minutes(60));
    world.sign_in(&ada).await.unwrap();
    let key = LongRunningKey::new("exports").unwrap();
    let assertion = world.assertion(&ada).await;
    world.client.start_long_running(&assertion).key(key.clone()).token("User.Read").await.unwrap();
    block(&world, &id).await;
    let absent = background(&world, &world.another_cache());
    // What is stored and lives serves on: blocking ends no token.
    assert_eq!(absent.account(&id).token("User.Read").await.unwrap().metadata().cache_level, CacheLevel::L2);

    world.advance(minutes(58));
    let asked = world.entra.journal().token_requests().count();
    for acquirer in [absent.account(&id), absent.long_running(&key), absent.long_running_of(&id, &key)] {
        let error = acquirer.token("User.Read").await.unwrap_err();
        assert_eq!((error.kind(), error.reason().as_str()), (ErrorKind::Rejected, "blocked"));
        assert!(error.to_string().contains("accounts unblock"), "{error}");
    }
    assert_eq!(world.entra.journal().token_requests().count(), asked);
    // In her presence, and of her assertion, it says nothing; nor does her sign-in say anything of it.
    world.client.account(&id).token("User.Read").await.unwrap();
    let assertion = world.assertion(&ada).await;
    background(&world, &world.another_cache()).on_behalf_of(&assertion).token("User.Read").await.unwrap();
    world.sign_in(&ada).await.unwrap();
    world.advance(minutes(58));
    assert_eq!(absent.account(&id).token("User.Read").await.unwrap_err().reason(), "blocked");

    accounts(&world).unblock(world.client.client_id(), id.as_str(), world.clock.now()).await.unwrap();
    for acquirer in [absent.account(&id), absent.long_running(&key)] {
        let token = acquirer.token("User.Read").await.unwrap();
        assert_eq!(token.metadata().token_source, TokenSource::IdentityProvider);
    }
}

#[tokio::test]
async fn whether_she_is_blocked_is_not_guessed_while_the_store_does_not_answer() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    world.advance(minutes(300));
    let faulty = Faulty::new(accounts(&world), Arc::new(world.clock.clone()));
    let switches = faulty.switches();
    let backend = Backend { accounts: Some(Arc::new(faulty)), ..world.backend.clone() };
    let cache = TokenCache::sealed(backend, world.ring.clone()).clock(Arc::new(world.clock.clone())).build();
    let absent = background(&world, &cache);
    switches.fail_reads(StoreErrorKind::Unavailable);
    let error = absent.account(&world.id(&ada)).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "nobody must sign in for it: {error}");
    assert_eq!(world.requests(&ada, "refresh_token"), 0);
    switches.heal();
    absent.account(&world.id(&ada)).token("User.Read").await.unwrap();
}

/// One layout, plain, so that entries can be changed by hand.
struct Side<'a> {
    world: &'a World,
    layout: Layout,
}

impl Side<'_> {
    fn process(&self) -> Process {
        let backend = self.world.backend.clone();
        let builder = match self.layout {
            Layout::Native => TokenCache::plain(backend),
            Layout::DotNet => TokenCache::dotnet(backend, DotNetProtection::plain()),
        };
        self.world.process(builder.clock(Arc::new(self.world.clock.clone())).build())
    }

    async fn explain(&self, user: &UserHandle, scope: &str) -> Vec<Explanation> {
        let Process { cache, client } = self.process();
        cache.explain(client.client_id(), client.authority(), &self.world.id(user), scope).await.unwrap()
    }

    /// The explanation of her own sign-in is this, and what a process that has nothing in memory gets is what it says.
    async fn check(&self, user: &UserHandle, scope: &str, answer: Answer, reason: &str) {
        let explained = self.explain(user, scope).await.remove(0);
        let told = explained.why.last().unwrap().as_str();
        assert_eq!((explained.kind, explained.answer, told), (GrantKind::Account, answer, reason), "{:?}", self.layout);
        let before = self.world.entra.journal().token_requests().count();
        let got = self.process().client.account(&self.world.id(user)).token(scope).await;
        let asked = self.world.entra.journal().token_requests().count() - before;
        let got = match got {
            _ if asked == 1 => Answer::Refresh,
            Ok(_) => Answer::Hit,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InteractionRequired, "{error}");
                Answer::Miss
            }
        };
        assert_eq!(got, answer, "{:?}: {reason}", self.layout);
    }

    fn key(&self, user: &UserHandle) -> Key {
        match self.layout {
            Layout::Native => Key::new(format!("{}/{}", self.world.client.client_id(), self.world.id(user))),
            Layout::DotNet => Key::new(self.world.id(user).as_str()),
        }
    }

    /// Changes her entry by hand.
    async fn change(&self, user: &UserHandle, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let entries = &self.world.backend.entries;
        let there = entries.get(&self.key(user)).await.unwrap().unwrap();
        let value = change(there.value.to_vec()).into();
        entries.put(&self.key(user), value, When::Unchanged(there.version), Expiry::default()).await.unwrap();
    }
}

#[tokio::test]
async fn an_explanation_is_what_happens_next_in_both_layouts() {
    for layout in [Layout::Native, Layout::DotNet] {
        let world = World::new().await;
        let (side, ada) = (Side { world: &world, layout }, world.entra.user("ada"));
        world.entra.set_token_lifetime(&ada, minutes(60));
        side.check(&ada, "User.Read", Answer::Miss, "no-row").await;
        world.sign_in_for(&side.process().client, &ada, "User.Read").await.unwrap();
        side.check(&ada, "User.Read", Answer::Hit, "token-fresh").await;
        side.check(&ada, "user.READ openid", Answer::Hit, "token-fresh").await;
        side.check(&ada, "Files.Read", Answer::Refresh, "no-token-for-scope").await;
        world.sign_in_for(&side.process().client, &ada, "User.Read").await.unwrap();
        world.advance(minutes(50));
        side.check(&ada, "User.Read", Answer::Hit, "token-due").await;
        world.advance(minutes(6));
        side.check(&ada, "User.Read", Answer::Refresh, "token-past-use").await;
        side.check(&ada, "User.Read", Answer::Hit, "token-fresh").await;

        // Her long-running process, in the order of a worker.
        let assertion = world.assertion(&ada).await;
        let process = side.process();
        process.client.start_long_running(&assertion).token("User.Read").await.unwrap();
        let explained = side.explain(&ada, "User.Read").await;
        let kinds: Vec<_> = explained.iter().map(|explained| (explained.kind, explained.answer)).collect();
        assert_eq!(kinds, [(GrantKind::Account, Answer::Hit), (GrantKind::LongRunning, Answer::Hit)]);
        assert!(explained.iter().all(|explained| explained.absence.is_none()));

        world.advance(minutes(60));
        side.change(&ada, |json| {
            let mut partition = Partition::parse(&json).unwrap();
            partition.section_mut(Section::RefreshToken).clear();
            partition.to_json().to_vec()
        })
        .await;
        side.check(&ada, "User.Read", Answer::Miss, "no-refresh-token").await;
        side.change(&ada, |json| json[..json.len() / 2].to_vec()).await;
        side.check(&ada, "User.Read", Answer::Miss, "entry-damaged").await;
        world.backend.entries.remove(&side.key(&ada), Removal::SignOut).await.unwrap();
        side.check(&ada, "User.Read", Answer::Miss, "entry-missing").await;
        side.process().client.sign_out(&world.id(&ada)).await.unwrap();
        side.check(&ada, "User.Read", Answer::Miss, "signed-out").await;
    }
}
