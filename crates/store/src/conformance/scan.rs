//! Laws of [`ScanStore`].

use bytes::Bytes;

use super::{FOREVER, Fixture, done};
use crate::{Expiry, Key, ScanStore, When};

async fn put(fixture: &Fixture, name: &str, expiry: Expiry) {
    let written = fixture.entries().put(&Key::new(name), Bytes::from_static(b"x"), When::Absent, expiry).await;
    done(written.expect("a put is answered"));
}

async fn walk(scan: &dyn ScanStore, page: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let keys = scan.scan(after.as_ref(), page).await.expect("a scan is answered");
        assert!(keys.len() <= page, "{} keys on a page of {page}", keys.len());
        let Some(last) = keys.last() else { return seen };
        after = Some(last.clone());
        seen.extend(keys.iter().map(|key| key.as_str().to_owned()));
    }
}

/// Keys come in the order of their bytes, whatever language they are in.
pub async fn walks_in_ascending_byte_order(fixture: &Fixture) {
    let mut names = vec!["b", "a", "B", "A", "a ", "a/", "aa", "é", "z", "名", "😀", "0", "~", "", "\u{1}", "ab"];
    for name in &names {
        put(fixture, name, FOREVER).await;
    }
    names.sort_unstable();
    assert_eq!(walk(&*fixture.scan(), 100).await, names);
}

/// However long the pages are, each key is seen once.
pub async fn pages_meet_without_gap_or_repeat(fixture: &Fixture) {
    let scan = fixture.scan();
    assert!(scan.scan(None, 10).await.expect("a scan is answered").is_empty());
    let names: Vec<String> = (0..53).map(|number| format!("key {number:03}")).collect();
    for name in &names {
        put(fixture, name, FOREVER).await;
    }
    for page in [1, 7, 53, 54] {
        assert_eq!(walk(&*scan, page).await, names, "pages of {page}");
    }
    let beyond = scan.scan(Some(&Key::new("key 050a")), 10).await.expect("a scan is answered");
    assert_eq!(beyond, ["key 051", "key 052"].map(Key::new), "a walk goes on after a key that is not there");
}

/// An expired entry is no entry.
pub async fn what_expired_is_not_seen(fixture: &Fixture) {
    put(fixture, "a", Expiry { sliding: Some(fixture.span(5)), absolute: None }).await;
    put(fixture, "b", FOREVER).await;
    put(fixture, "c", Expiry { sliding: None, absolute: Some(fixture.now() + fixture.span(5)) }).await;
    put(fixture, "d", Expiry { sliding: Some(fixture.span(50)), absolute: None }).await;
    assert_eq!(walk(&*fixture.scan(), 2).await, ["a", "b", "c", "d"]);
    fixture.pass(7).await;
    for page in [1, 10] {
        assert_eq!(walk(&*fixture.scan(), page).await, ["b", "d"]);
    }
}

/// A sweep deletes expired entries only, no more than asked at once, and ends with 0.
pub async fn sweeps_what_expired_within_its_limit(fixture: &Fixture) {
    let scan = fixture.scan();
    for number in 0..25 {
        put(fixture, &format!("short {number}"), Expiry { sliding: Some(fixture.span(5)), absolute: None }).await;
        put(fixture, &format!("long {number}"), Expiry { sliding: Some(fixture.span(500)), absolute: None }).await;
    }
    assert_eq!(scan.sweep(10).await.expect("a sweep is answered"), 0);
    fixture.pass(7).await;
    put(fixture, "short 3", FOREVER).await;
    let mut swept = Vec::new();
    loop {
        let deleted = scan.sweep(10).await.expect("a sweep is answered");
        assert!(deleted <= 10, "{deleted} deleted where 10 were allowed");
        if deleted == 0 {
            break;
        }
        swept.push(deleted);
    }
    // "short 3" was written again; whether that left something to sweep is the store's own affair.
    let expected = fixture.to_sweep(24)..=fixture.to_sweep(25);
    assert!(expected.contains(&swept.iter().sum::<usize>()), "swept {swept:?}");
    assert_eq!(walk(&*scan, 100).await.len(), 26);
}

/// What counts is the expiry of the last write, and the last read of one that slides.
pub async fn sweeps_by_the_latest_expiry(fixture: &Fixture) {
    let (entries, scan) = (fixture.entries(), fixture.scan());
    let slides = |units| Expiry { sliding: Some(fixture.span(units)), absolute: None };
    let never = FOREVER;
    for (name, first, then) in [
        ("longer", slides(5), slides(100)),
        ("shorter", slides(100), slides(5)),
        ("never", slides(5), never),
        ("at last", never, slides(5)),
        ("read", slides(5), slides(10)),
    ] {
        let key = Key::new(name);
        let put = |when, expiry| entries.put(&key, Bytes::from_static(b"x"), when, expiry);
        let version = done(put(When::Absent, first).await.expect("a put is answered"));
        done(put(When::Unchanged(version), then).await.expect("a put is answered"));
    }
    let sweep_all = async || {
        let mut swept = 0;
        loop {
            match scan.sweep(2).await.expect("a sweep is answered") {
                0 => return swept,
                deleted => swept += deleted,
            }
        }
    };
    fixture.pass(7).await;
    assert!(entries.get(&Key::new("read")).await.expect("answered").is_some());
    assert_eq!(sweep_all().await, fixture.to_sweep(2));
    assert_eq!(walk(&*scan, 10).await, ["longer", "never", "read"]);
    fixture.pass(7).await;
    assert_eq!(sweep_all().await, 0, "a read moved it on");
    fixture.pass(5).await;
    assert_eq!(sweep_all().await, fixture.to_sweep(1));
    fixture.pass(100).await;
    assert_eq!(sweep_all().await, fixture.to_sweep(1));
    assert_eq!(walk(&*scan, 10).await, ["never"]);
}
