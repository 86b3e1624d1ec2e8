//! Laws of [`WatchStore`](crate::WatchStore).

use bytes::Bytes;

use super::{FOREVER, Fixture, done, polled, soon};
use crate::{Acquired, Activity, Backend, Change, Expiry, GrantKind, Key, Removal, Version, Watch, When, Written};

async fn put(backend: &Backend, name: &str, when: When) -> Version {
    let written = backend.entries.put(&Key::new(name), Bytes::from_static(b"x"), when, FOREVER).await;
    done(written.expect("a put is answered"))
}

async fn watch(fixture: &Fixture) -> Box<dyn Watch> {
    fixture.watch().watch().await.expect("a watch begins")
}

async fn hear(watch: &mut Box<dyn Watch>, count: usize) -> Vec<Change> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let changes = soon("a change", watch.next()).await.expect("a watch goes on");
        assert!(!changes.is_empty(), "next() answers at least one change");
        heard.extend(changes);
    }
    heard
}

fn written(name: &str) -> String {
    format!("written {name}")
}

fn removed(name: &str) -> String {
    format!("removed {name}")
}

/// What was heard, without versions.
fn words(heard: &[Change]) -> Vec<String> {
    heard
        .iter()
        .map(|change| match change {
            Change::Lost => "lost".to_owned(),
            Change::Removed(key) => removed(key.as_str()),
            Change::Written(key, _) => written(key.as_str()),
            Change::Touched(key) => format!("touched {key}"),
        })
        .collect()
}

/// Puts and removals by another process, those of one key oldest first; nothing from before the watch began.
pub async fn tells_what_another_handle_did_in_order(fixture: &Fixture) {
    let other = fixture.another().await;
    put(&other, "before", When::Absent).await;
    let mut watch = watch(fixture).await;
    let first = put(&other, "ada", When::Absent).await;
    let second = put(&other, "ada", When::Unchanged(first)).await;
    put(&other, "eve", When::Absent).await;
    other.entries.remove(&Key::new("ada"), Removal::IfUnchanged(second)).await.expect("answered");
    other.entries.remove(&Key::new("eve"), Removal::SignOut).await.expect("answered");
    let heard = words(&hear(&mut watch, 5).await);
    // Keys may be kept by servers that do not wait for each other.
    let of = |name: &str| heard.iter().filter(|word| word.ends_with(name)).cloned().collect::<Vec<_>>();
    assert_eq!(of("ada"), [written("ada"), written("ada"), removed("ada")]);
    assert_eq!(of("eve"), [written("eve"), removed("eve")]);
}

/// A process hears of its own writes too: which of its memories are stale is not the store's to say.
pub async fn tells_what_its_own_handle_did(fixture: &Fixture) {
    let mut watch = watch(fixture).await;
    let version = put(fixture.backend(), "ada", When::Absent).await;
    // With the version, so that a process can tell its own writing from another's.
    assert_eq!(hear(&mut watch, 1).await, [Change::Written(Key::new("ada"), version)]);
}

/// A conflict and a removal of nothing are no changes.
pub async fn tells_nothing_of_what_did_not_happen(fixture: &Fixture) {
    let entries = fixture.entries();
    put(fixture.backend(), "ada", When::Absent).await;
    let mut watch = watch(fixture).await;
    let conflict = entries.put(&Key::new("ada"), Bytes::new(), When::Absent, FOREVER).await.expect("answered");
    assert_eq!(conflict, Written::Conflict);
    entries.remove(&Key::new("nobody"), Removal::SignOut).await.expect("answered");
    entries.remove(&Key::new("ada"), Removal::IfUnchanged(Version::new(Bytes::new()))).await.expect("answered");
    put(fixture.backend(), "last", When::Absent).await;
    assert_eq!(words(&hear(&mut watch, 1).await), [written("last")]);
}

/// A thousand renewals, re-armed entries and records of activity are not worth a word.
pub async fn tells_nothing_of_leases_rearming_and_accounts(fixture: &Fixture) {
    let (backend, key) = (fixture.backend(), Key::new("ada"));
    let slides = Expiry { sliding: Some(fixture.span(10)), absolute: None };
    done(backend.entries.put(&key, Bytes::new(), When::Absent, slides).await.expect("answered"));
    let mut watch = watch(fixture).await;
    for _ in 0..10 {
        fixture.pass(5).await;
        assert!(backend.entries.get(&key).await.expect("answered").is_some());
    }
    if let Some(leases) = &backend.leases {
        let Acquired::Held(lease) = leases.acquire(&key, "one", fixture.span(100)).await.expect("answered") else {
            panic!("nobody holds it")
        };
        for _ in 0..1_000 {
            assert!(leases.renew(&lease, fixture.span(100)).await.expect("answered"));
        }
        leases.release(&lease, Some(Bytes::from_static(b"done")), fixture.span(100)).await.expect("answered");
    }
    if let Some(accounts) = &backend.accounts {
        for sign_in in [Some(0), None, None] {
            let activity = Activity {
                client_id: "client".to_owned(),
                account_id: "oid.tid".to_owned(),
                tenant: "tid".to_owned(),
                username: Some("ada@contoso.example".to_owned()),
                key: key.clone(),
                kind: GrantKind::Account,
                at: fixture.now(),
                sign_in,
                expires_at: None,
            };
            accounts.record(&activity).await.expect("answered");
        }
        accounts.revoke("client", "oid.tid", fixture.now()).await.expect("answered");
    }
    put(backend, "last", When::Absent).await;
    assert_eq!(words(&hear(&mut watch, 1).await), [written("last")]);
}

/// A `next()` that is dropped while it waits takes no change with it.
pub async fn a_dropped_next_loses_nothing(fixture: &Fixture) {
    let other = fixture.another().await;
    let mut watch = watch(fixture).await;
    let mut heard = Vec::new();
    for number in 0..60 {
        put(&other, &format!("key {number}"), When::Absent).await;
        if let Some(changes) = polled(number % 5, watch.next()).await {
            heard.extend(changes.expect("a watch goes on"));
        }
    }
    let left = 60 - heard.len();
    heard.extend(hear(&mut watch, left).await);
    let expected: Vec<_> = (0..60).map(|number| written(&format!("key {number}"))).collect();
    let mut heard = words(&heard);
    heard.sort_by_key(|word| expected.iter().position(|other| other == word));
    assert_eq!(heard, expected);
}

/// A watch takes nothing from another.
pub async fn two_watches_both_hear(fixture: &Fixture) {
    let mut first = watch(fixture).await;
    put(fixture.backend(), "ada", When::Absent).await;
    let mut second = watch(fixture).await;
    put(fixture.backend(), "eve", When::Absent).await;
    assert_eq!(words(&hear(&mut first, 2).await), [written("ada"), written("eve")]);
    assert_eq!(words(&hear(&mut second, 1).await), [written("eve")]);
}
