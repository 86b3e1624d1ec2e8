//! Memory over a store: what each may be told, and what one does for the other.

#![allow(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::{sync::Arc, time::Duration};

use absentia::{CacheLevel, ErrorKind, TokenCache, TokenSource};
use absentia_store::Clock as _;
use absentia_tests::World;

const STEP: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_account_used_only_through_memory_for_three_sliding_windows_can_still_refresh() {
    let world = World::new().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let window = Duration::from_secs(300);
    for user in [&ada, &grace] {
        world.entra.set_token_lifetime(user, Duration::from_secs(1_400));
    }
    let cache = TokenCache::sealed(world.backend.clone(), world.ring.clone()).clock(Arc::new(world.clock.clone()));
    let app = world.process(cache.sliding_expiration(window).build());
    for user in [&ada, &grace] {
        world.sign_in_for(&app.client, user, "User.Read").await.unwrap();
    }
    // Of ada somebody wants a token each ten seconds, of grace nobody does.
    let began = world.clock.monotonic();
    while world.clock.monotonic() - began < 3 * window {
        let token = app.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
        assert_eq!(token.metadata().cache_level, CacheLevel::L1);
        // What goes on behind it needs nothing but a turn: this store never waits.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        world.advance(STEP);
    }
    assert_eq!(world.requests(&ada, "refresh_token"), 0, "she was served without Entra");
    // Her token ends within a window of the last look at the store, which is at most a minute ago.
    world.advance(Duration::from_secs(210));
    let token = app.client.account(&world.id(&ada)).token("User.Read").await;
    let error = app.client.account(&world.id(&grace)).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InteractionRequired, "the windows were real: {error}");
    assert_eq!(token.unwrap().metadata().token_source, TokenSource::IdentityProvider);
}
