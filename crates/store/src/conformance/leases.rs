//! Laws of [`LeaseStore`].

use bytes::Bytes;
use tokio::task::JoinSet;

use super::Fixture;
use crate::{Acquired, Key, Lease, LeaseState, LeaseStore};

async fn acquire(fixture: &Fixture, leases: &dyn LeaseStore, owner: &str) -> Acquired {
    leases.acquire(&Key::new("ada"), owner, fixture.span(10)).await.expect("acquire is answered")
}

async fn take(fixture: &Fixture, leases: &dyn LeaseStore, owner: &str) -> Lease {
    match acquire(fixture, leases, owner).await {
        Acquired::Held(lease) => lease,
        Acquired::Busy(fence) => panic!("{owner} asks for a free lease, and hears it is held as {fence}"),
    }
}

async fn look(leases: &dyn LeaseStore) -> LeaseState {
    leases.look(&Key::new("ada")).await.expect("look is answered")
}

/// While one holds it, others hear under which fence.
pub async fn one_holder_at_a_time(fixture: &Fixture) {
    let leases = fixture.leases();
    assert_eq!(look(&*leases).await, LeaseState::Free);
    let held = take(fixture, &*leases, "one").await;
    assert_eq!((held.key.as_str(), held.owner.as_str()), ("ada", "one"));
    assert_eq!(look(&*leases).await, LeaseState::Held(held.fence));
    let other = fixture.another().await.leases.expect("the other handle has leases");
    for asker in ["two", "three"] {
        assert_eq!(acquire(fixture, &*other, asker).await, Acquired::Busy(held.fence));
    }
    assert_eq!(look(&*other).await, LeaseState::Held(held.fence));
}

/// Of many that ask at once one holds it.
pub async fn racing_askers_have_one_winner(fixture: &Fixture) {
    let other = fixture.another().await.leases.expect("the other handle has leases");
    for round in 0..20 {
        let mut askers = JoinSet::new();
        for asker in 0..8 {
            let leases = if asker % 2 == 0 { fixture.leases() } else { other.clone() };
            let (key, ttl) = (Key::new(format!("round {round}")), fixture.span(10));
            askers.spawn(async move {
                leases.acquire(&key, &format!("asker {asker}"), ttl).await.expect("acquire is answered")
            });
        }
        let answers = askers.join_all().await;
        let won = answers.iter().filter(|answer| matches!(answer, Acquired::Held(_))).count();
        assert_eq!(won, 1, "askers that hold it");
    }
}

/// Each new holding has a higher fence, however the last one ended.
pub async fn fences_grow(fixture: &Fixture) {
    let leases = fixture.leases();
    let mut last = 0;
    for (number, outcome) in [None, Some(Bytes::from_static(b"done")), None, None].into_iter().enumerate() {
        let held = take(fixture, &*leases, &format!("owner {number}")).await;
        assert!(held.fence > last, "fence {} after {last}", held.fence);
        last = held.fence;
        if number == 2 {
            fixture.pass(12).await;
        } else {
            leases.release(&held, outcome, fixture.span(10)).await.expect("release is answered");
        }
    }
}

/// Renewing holds it for another while, from then on.
pub async fn a_renewed_lease_is_held_on(fixture: &Fixture) {
    let leases = fixture.leases();
    let held = take(fixture, &*leases, "one").await;
    for _ in 0..4 {
        fixture.pass(7).await;
        assert!(leases.renew(&held, fixture.span(10)).await.expect("renew is answered"));
        assert_eq!(acquire(fixture, &*leases, "two").await, Acquired::Busy(held.fence));
    }
    fixture.pass(12).await;
    assert_eq!(look(&*leases).await, LeaseState::Free);
}

/// A lease whose time ended is free, and its old holder can do nothing about its successor.
pub async fn a_lease_that_ran_out_is_taken_over(fixture: &Fixture) {
    let leases = fixture.leases();
    let dead = take(fixture, &*leases, "one").await;
    fixture.pass(12).await;
    assert_eq!(look(&*leases).await, LeaseState::Free);
    assert!(!leases.renew(&dead, fixture.span(10)).await.expect("renew is answered"), "what ended is not renewed");
    let heir = take(fixture, &*leases, "two").await;
    assert!(!leases.renew(&dead, fixture.span(10)).await.expect("renew is answered"));
    leases.release(&dead, Some(Bytes::from_static(b"late")), fixture.span(10)).await.expect("release is answered");
    assert_eq!(look(&*leases).await, LeaseState::Held(heir.fence), "the old holder ended its successor's lease");
    assert!(leases.renew(&heir, fixture.span(10)).await.expect("renew is answered"));
}

/// What the holder left is read for as long as it said, then nobody knows of it.
pub async fn an_outcome_is_remembered_for_a_while(fixture: &Fixture) {
    let leases = fixture.leases();
    for outcome in [&b"AADSTS50173"[..], b"", &[0, 255, 10]] {
        let held = take(fixture, &*leases, "one").await;
        let outcome = Bytes::copy_from_slice(outcome);
        leases.release(&held, Some(outcome.clone()), fixture.span(10)).await.expect("release is answered");
        for _ in 0..2 {
            fixture.pass(3).await;
            assert_eq!(look(&*leases).await, LeaseState::Ended { fence: held.fence, outcome: outcome.clone() });
        }
        assert!(!leases.renew(&held, fixture.span(10)).await.expect("renew is answered"), "it was given back");
        fixture.pass(6).await;
        assert_eq!(look(&*leases).await, LeaseState::Free);
    }
}

/// A lease that was released is free at once, and its next holder begins without the old word.
pub async fn acquiring_forgets_the_outcome(fixture: &Fixture) {
    let leases = fixture.leases();
    let first = take(fixture, &*leases, "one").await;
    leases.release(&first, Some(Bytes::from_static(b"old")), fixture.span(100)).await.expect("release is answered");
    let second = take(fixture, &*leases, "two").await;
    assert_eq!(look(&*leases).await, LeaseState::Held(second.fence));
    fixture.pass(12).await;
    assert_eq!(look(&*leases).await, LeaseState::Free, "the old outcome came back");
}

/// A release without word frees it at once.
pub async fn releasing_without_word_leaves_nothing(fixture: &Fixture) {
    let leases = fixture.leases();
    let held = take(fixture, &*leases, "one").await;
    leases.release(&held, None, fixture.span(100)).await.expect("release is answered");
    assert_eq!(look(&*leases).await, LeaseState::Free);
    leases.release(&held, None, fixture.span(100)).await.expect("a second release is answered");
    take(fixture, &*leases, "two").await;
}

/// Neither another's name nor another's fence is enough.
pub async fn a_stranger_changes_nothing(fixture: &Fixture) {
    let leases = fixture.leases();
    let held = take(fixture, &*leases, "one").await;
    let strangers = [
        Lease { owner: "eve".to_owned(), ..held.clone() },
        Lease { fence: held.fence + 1, ..held.clone() },
        Lease { fence: held.fence.saturating_sub(1), ..held.clone() },
        Lease { key: Key::new("elsewhere"), ..held.clone() },
    ];
    for stranger in strangers {
        assert!(!leases.renew(&stranger, fixture.span(10)).await.expect("renew is answered"));
        leases.release(&stranger, Some(Bytes::from_static(b"eve")), fixture.span(10)).await.expect("answered");
        assert_eq!(look(&*leases).await, LeaseState::Held(held.fence));
    }
}

/// A lease of one key says nothing about another, also when they differ by case or a space.
pub async fn keys_are_strangers_to_each_other(fixture: &Fixture) {
    let leases = fixture.leases();
    for text in ["ada", "Ada", "ada ", "ada\n", "ada/", "é", "e\u{301}", ""] {
        let acquired = leases.acquire(&Key::new(text), "one", fixture.span(10)).await.expect("acquire is answered");
        assert!(matches!(acquired, Acquired::Held(_)), "{text:?} is taken for another key");
    }
}
