//! Laws of [`Store`]: when entries end.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;

use super::{Fixture, done};
use crate::{Entry, Expiry, Key, Removal, Removed, Store, Version, When, Written};

fn sliding(fixture: &Fixture, units: u32) -> Expiry {
    Expiry { sliding: Some(fixture.span(units)), absolute: None }
}

fn absolute(fixture: &Fixture, units: u32) -> Expiry {
    Expiry { sliding: None, absolute: Some(fixture.now() + fixture.span(units)) }
}

async fn write(store: &dyn Store, when: When, expiry: Expiry) -> Version {
    done(store.put(&Key::new("ada"), Bytes::from_static(b"x"), when, expiry).await.expect("a put is answered"))
}

async fn read(store: &dyn Store) -> Option<Entry> {
    store.get(&Key::new("ada")).await.expect("a get is answered")
}

/// The absolute line does not move.
pub async fn an_absolute_expiry_ends_however_often_it_is_read(fixture: &Fixture) {
    let store = fixture.entries();
    write(&*store, When::Absent, absolute(fixture, 10)).await;
    for _ in 0..4 {
        fixture.pass(2).await;
        assert!(read(&*store).await.is_some(), "it ended early");
    }
    fixture.pass(4).await;
    assert!(read(&*store).await.is_none(), "it is read after its end");
}

/// Each read holds it for another window; without reads it ends.
pub async fn a_sliding_expiry_moves_with_each_read(fixture: &Fixture) {
    let store = fixture.entries();
    write(&*store, When::Absent, sliding(fixture, 10)).await;
    for _ in 0..5 {
        fixture.pass(7).await;
        assert!(read(&*store).await.is_some(), "a read did not re-arm it");
    }
    fixture.pass(12).await;
    assert!(read(&*store).await.is_none(), "it is read after its end");
}

/// A read early in the window moves nothing, so that reads do not become writes.
pub async fn a_sliding_expiry_moves_at_most_once_per_tenth(fixture: &Fixture) {
    let store = fixture.entries();
    write(&*store, When::Absent, sliding(fixture, 100)).await;
    for _ in 0..3 {
        fixture.pass(2).await;
        assert!(read(&*store).await.is_some());
    }
    // Written at 0, read at 6: ends at 100, not at 106.
    fixture.pass(97).await;
    assert!(read(&*store).await.is_none(), "a read within the first tenth re-armed it");
}

/// With both lines set the earlier one ends the entry.
pub async fn whichever_line_comes_first_ends_it(fixture: &Fixture) {
    let store = fixture.entries();
    let both = |window, end| Expiry { sliding: Some(fixture.span(window)), ..absolute(fixture, end) };
    write(&*store, When::Absent, both(10, 18)).await;
    for _ in 0..2 {
        fixture.pass(7).await;
        assert!(read(&*store).await.is_some());
    }
    fixture.pass(6).await;
    assert!(read(&*store).await.is_none(), "reads moved it beyond its absolute end");
    write(&*store, When::Absent, Expiry { sliding: Some(fixture.span(10)), ..absolute(fixture, 100) }).await;
    fixture.pass(12).await;
    assert!(read(&*store).await.is_none(), "the window ended before the absolute line");
}

/// Re-arming is not a write: who read before may still replace.
pub async fn rearming_changes_neither_version_nor_bytes(fixture: &Fixture) {
    let store = fixture.entries();
    let version = write(&*store, When::Absent, sliding(fixture, 10)).await;
    for _ in 0..3 {
        fixture.pass(5).await;
        let entry = read(&*store).await.expect("it is there");
        assert_eq!((&entry.value[..], &entry.version), (&b"x"[..], &version));
        assert_eq!(entry.expiry, sliding(fixture, 10));
    }
    write(&*store, When::Unchanged(version), sliding(fixture, 10)).await;
}

/// A write counts as a use, and brings its own expiry.
pub async fn a_put_begins_the_window_anew(fixture: &Fixture) {
    let store = fixture.entries();
    let version = write(&*store, When::Absent, sliding(fixture, 10)).await;
    fixture.pass(7).await;
    let version = write(&*store, When::Unchanged(version), sliding(fixture, 10)).await;
    fixture.pass(7).await;
    let version = write(&*store, When::Unchanged(version), Expiry::default()).await;
    fixture.pass(50).await;
    assert_eq!(read(&*store).await.map(|entry| entry.version), Some(version), "the last put says that it never ends");
}

/// An expired entry is absent for get, put and remove, before anything swept it.
pub async fn what_expired_counts_as_absent_everywhere(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    for expiry in [sliding(fixture, 5), absolute(fixture, 5)] {
        let expiry = Expiry { absolute: expiry.absolute.map(|_| fixture.now() + fixture.span(5)), ..expiry };
        let old = write(&*store, When::Absent, expiry).await;
        fixture.pass(7).await;
        assert!(read(&*store).await.is_none(), "get finds it");
        assert!(store.get_many(std::slice::from_ref(&key)).await.expect("answered")[0].is_none(), "get_many finds it");
        let unchanged = When::Unchanged(old.clone());
        let written = store.put(&key, Bytes::new(), unchanged, Expiry::default()).await.expect("answered");
        assert_eq!(written, Written::Conflict, "a put of what it replaced finds it");
        for removal in [Removal::IfUnchanged(old.clone()), Removal::SignOut] {
            assert_eq!(store.remove(&key, removal).await.expect("answered"), Removed::Absent, "a removal finds it");
        }
        let new = write(&*store, When::Absent, Expiry::default()).await;
        assert_ne!(new, old);
        assert_eq!(store.remove(&key, Removal::SignOut).await.expect("answered"), Removed::Done);
    }
}

/// A put whose end lies behind is done, and its entry is absent at once.
pub async fn what_is_put_too_late_is_absent(fixture: &Fixture) {
    let store = fixture.entries();
    for end in [fixture.now() - fixture.span(3), UNIX_EPOCH + Duration::from_secs(1)] {
        write(&*store, When::Absent, Expiry { sliding: None, absolute: Some(end) }).await;
        assert!(read(&*store).await.is_none());
    }
}
