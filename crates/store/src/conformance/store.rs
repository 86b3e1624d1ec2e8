//! Laws of [`Store`]: conditions, races, keys and values.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{FOREVER, Fixture, done, polled};
use crate::{Expiry, Key, Removal, Removed, Store, Version, When, Written};

async fn put(store: &dyn Store, key: &Key, value: impl Into<Bytes>, when: When) -> Written {
    store.put(key, value.into(), when, FOREVER).await.expect("a put is answered")
}

async fn value(store: &dyn Store, key: &Key) -> Option<Bytes> {
    store.get(key).await.expect("a get is answered").map(|entry| entry.value)
}

/// A put is read back, under the version it answered.
pub async fn what_is_put_is_read(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    let version = done(put(&*store, &key, "one", When::Absent).await);
    let entry = store.get(&key).await.expect("a get is answered").expect("what was put is there");
    assert_eq!((&entry.value[..], &entry.version), (&b"one"[..], &version));
    let next = done(put(&*store, &key, "two", When::Unchanged(version.clone())).await);
    assert_ne!(next, version, "each writing has a version of its own");
    let entry = store.get(&key).await.expect("a get is answered").expect("what was put is there");
    assert_eq!((&entry.value[..], &entry.version), (&b"two"[..], &next));
}

/// An entry's expiry is what its last put said, to the millisecond.
pub async fn an_expiry_is_read_as_it_was_put(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    let now = fixture.now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    let end = UNIX_EPOCH + Duration::from_secs(now.as_secs() + 3_600) + Duration::from_millis(7);
    let mut when = When::Absent;
    for expiry in [
        FOREVER,
        Expiry { sliding: Some(fixture.span(100)), absolute: None },
        Expiry { sliding: None, absolute: Some(end) },
        Expiry { sliding: Some(fixture.span(7)), absolute: Some(end) },
        FOREVER,
    ] {
        let written = store.put(&key, Bytes::new(), when, expiry).await.expect("a put is answered");
        when = When::Unchanged(done(written));
        let entry = store.get(&key).await.expect("a get is answered").expect("what was put is there");
        assert_eq!(entry.expiry, expiry);
    }
}

/// Nothing is there before it was put.
pub async fn what_was_never_put_is_absent(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    assert_eq!(value(&*store, &key).await, None);
    assert_eq!(store.remove(&key, Removal::SignOut).await.expect("answered"), Removed::Absent);
    let stranger = Version::new(&b"\x00\x01"[..]);
    assert_eq!(store.remove(&key, Removal::IfUnchanged(stranger.clone())).await.expect("answered"), Removed::Absent);
    assert_eq!(put(&*store, &key, "x", When::Unchanged(stranger)).await, Written::Conflict);
    assert_eq!(value(&*store, &key).await, None);
}

/// `Absent` never overwrites.
pub async fn absent_conflicts_when_present(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    done(put(&*store, &key, "mine", When::Absent).await);
    for other in ["theirs", "mine", ""] {
        assert_eq!(put(&*store, &key, other, When::Absent).await, Written::Conflict);
    }
    assert_eq!(value(&*store, &key).await.as_deref(), Some(&b"mine"[..]));
}

/// `Unchanged` replaces the writing it names: no older one, no other key's, no invented one.
pub async fn unchanged_replaces_only_what_it_names(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    let first = done(put(&*store, &key, "1", When::Absent).await);
    let second = done(put(&*store, &key, "2", When::Unchanged(first.clone())).await);
    let elsewhere = done(put(&*store, &Key::new("eve"), "e", When::Absent).await);
    for wrong in [first, elsewhere, Version::new(Bytes::new()), Version::new(&b"no version of anybody"[..])] {
        assert_eq!(put(&*store, &key, "3", When::Unchanged(wrong)).await, Written::Conflict);
    }
    assert_eq!(value(&*store, &key).await.as_deref(), Some(&b"2"[..]));
    done(put(&*store, &key, "3", When::Unchanged(second)).await);
}

/// Eight writers add one, fifty times each, by compare-and-swap: the sum is 400.
pub async fn racing_increments_lose_nothing(fixture: &Fixture) {
    const WRITERS: u64 = 8;
    const TIMES: u64 = 50;
    let key = Key::new("counter");
    done(put(&*fixture.entries(), &key, "0", When::Absent).await);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = if writer % 2 == 0 { fixture.entries() } else { fixture.another().await.entries };
        let key = key.clone();
        writers.spawn(async move {
            let mut added = 0;
            while added < TIMES {
                let entry = store.get(&key).await.expect("a get is answered").expect("the counter is there");
                let count: u64 = std::str::from_utf8(&entry.value).expect("text").parse().expect("a number");
                let next = (count + 1).to_string();
                // Another writer gets a turn between reading and writing.
                tokio::task::yield_now().await;
                added += u64::from(put(&*store, &key, next, When::Unchanged(entry.version)).await != Written::Conflict);
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer ends");
    }
    let sum = value(&*fixture.entries(), &key).await.expect("the counter is there");
    assert_eq!(&sum[..], (WRITERS * TIMES).to_string().as_bytes(), "an increment was lost");
}

/// Of many that find nothing one may write.
pub async fn racing_first_writes_have_one_winner(fixture: &Fixture) {
    for round in 0..20 {
        let mut writers = JoinSet::new();
        for writer in 0..8 {
            let (store, key) = (fixture.entries(), Key::new(format!("round {round}")));
            writers.spawn(async move { put(&*store, &key, format!("{writer}"), When::Absent).await });
        }
        let won = writers.join_all().await.into_iter().filter(|written| *written != Written::Conflict).count();
        assert_eq!(won, 1, "first writes that won");
    }
}

/// A put and a removal of the same writing: one wins, the other learns that it lost.
pub async fn racing_put_and_remove_have_one_winner(fixture: &Fixture) {
    let other = fixture.another().await.entries;
    for round in 0..40 {
        let (store, key) = (fixture.entries(), Key::new(format!("round {round}")));
        let version = done(put(&*store, &key, "old", When::Absent).await);
        let remover = {
            let (store, key, when) = (other.clone(), key.clone(), Removal::IfUnchanged(version.clone()));
            tokio::spawn(async move { store.remove(&key, when).await.expect("a removal is answered") })
        };
        let written = put(&*store, &key, "new", When::Unchanged(version)).await;
        let removed = remover.await.expect("the remover ends");
        let left = value(&*store, &key).await;
        match (written, removed) {
            (Written::Done(_), Removed::Conflict) => assert_eq!(left.as_deref(), Some(&b"new"[..])),
            (Written::Conflict, Removed::Done) => assert_eq!(left, None),
            both => panic!("one of a put and a removal of the same writing wins: {both:?}"),
        }
    }
}

/// A key that was removed and written again, with the same bytes, has a version that nobody saw before.
pub async fn versions_never_come_back(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    let mut seen = Vec::new();
    for _ in 0..20 {
        let version = done(put(&*store, &key, "same", When::Absent).await);
        assert!(!seen.contains(&version), "a version came back");
        for old in &seen {
            assert_eq!(put(&*store, &key, "new", When::Unchanged(Version::clone(old))).await, Written::Conflict);
        }
        seen.push(version);
        assert_eq!(store.remove(&key, Removal::SignOut).await.expect("answered"), Removed::Done);
    }
}

/// `IfUnchanged` removes the writing it names, once.
pub async fn remove_if_unchanged_removes_only_what_it_names(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    let old = done(put(&*store, &key, "1", When::Absent).await);
    let new = done(put(&*store, &key, "2", When::Unchanged(old.clone())).await);
    for wrong in [old, Version::new(Bytes::new())] {
        assert_eq!(store.remove(&key, Removal::IfUnchanged(wrong)).await.expect("answered"), Removed::Conflict);
    }
    assert_eq!(value(&*store, &key).await.as_deref(), Some(&b"2"[..]));
    for expected in [Removed::Done, Removed::Absent] {
        assert_eq!(store.remove(&key, Removal::IfUnchanged(new.clone())).await.expect("answered"), expected);
    }
    assert_eq!(value(&*store, &key).await, None);
}

/// `SignOut` asks for no version, and can be repeated.
pub async fn sign_out_removes_whatever_is_there(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    done(put(&*store, &key, "1", When::Absent).await);
    for expected in [Removed::Done, Removed::Absent, Removed::Absent] {
        assert_eq!(store.remove(&key, Removal::SignOut).await.expect("answered"), expected);
    }
    done(put(&*store, &key, "2", When::Absent).await);
}

/// What happens to one key does not happen to another.
pub async fn keys_are_strangers_to_each_other(fixture: &Fixture) {
    let (store, ada, eve) = (fixture.entries(), Key::new("client/ada"), Key::new("client/eve"));
    let version = done(put(&*store, &ada, "a", When::Absent).await);
    let kept = done(put(&*store, &eve, "e", When::Absent).await);
    done(put(&*store, &ada, "b", When::Unchanged(version)).await);
    store.remove(&ada, Removal::SignOut).await.expect("answered");
    let entry = store.get(&eve).await.expect("answered").expect("eve's entry is still there");
    assert_eq!((&entry.value[..], entry.version), (&b"e"[..], kept));
}

/// A key is text, compared byte for byte: each of these names an entry of its own.
pub async fn odd_keys_are_keys(fixture: &Fixture) {
    let store = fixture.entries();
    let long = "k".repeat(1_024);
    let almost = format!("{}K", "k".repeat(1_023));
    let texts = [
        "",
        " ",
        "a",
        "A",
        "a ",
        " a",
        "a  ",
        "a\t",
        "a\n",
        "a\r\n",
        "a/b",
        "a//b",
        "a/b/",
        "a\\b",
        "%",
        "a%",
        "a%62",
        "a_",
        "a*",
        "a?",
        "[a]",
        "'",
        "''",
        "\"",
        "`",
        ";--",
        "{}",
        "{a}",
        ":",
        "a:b",
        "a.b",
        "a..b",
        ".",
        "..",
        "#",
        "+",
        "&",
        "=",
        "|",
        "~",
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "straße",
        "ı",
        "i",
        "I",
        "İ",
        "名前",
        "😀",
        "\u{200b}a",
        "\u{feff}a",
        "\u{1}",
        "\u{7f}",
        "\u{10ffff}",
        "NULL",
        "null",
        "0",
        "00",
        "1e3",
        "1000",
        &long,
        &almost,
    ];
    for text in texts {
        let written = put(&*store, &Key::new(text), text.to_owned(), When::Absent).await;
        assert!(matches!(written, Written::Done(_)), "the key {text:?} is taken for another");
    }
    for text in texts {
        assert_eq!(value(&*store, &Key::new(text)).await.as_deref(), Some(text.as_bytes()), "the key {text:?}");
    }
    for (removed, text) in texts.iter().enumerate() {
        assert_eq!(store.remove(&Key::new(text), Removal::SignOut).await.expect("answered"), Removed::Done);
        for later in texts.get(removed + 1..).into_iter().flatten() {
            assert!(value(&*store, &Key::new(later)).await.is_some(), "removing {text:?} took {later:?} along");
        }
    }
}

/// Any bytes are a value, from none to a megabyte.
pub async fn empty_and_large_values(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    let mut when = When::Absent;
    for length in [0, 1, 7 * 1_024, 65_536, 1_048_576, 0] {
        let bytes: Bytes = (0..length).map(|at| (at % 251) as u8).collect();
        when = When::Unchanged(done(put(&*store, &key, bytes.clone(), when).await));
        let read = value(&*store, &key).await.expect("what was put is there");
        assert!(read == bytes, "{length} bytes came back as {}", read.len());
    }
}

/// `get_many` answers each question at its place, also when it is asked twice.
pub async fn get_many_answers_in_order(fixture: &Fixture) {
    let store = fixture.entries();
    for name in ["a", "b", "c"] {
        done(put(&*store, &Key::new(name), name, When::Absent).await);
    }
    let asked = ["c", "missing", "a", "b", "a", ""].map(Key::new);
    let found = store.get_many(&asked).await.expect("answered");
    let found: Vec<_> = found.iter().map(|entry| entry.as_ref().map(|entry| &entry.value[..])).collect();
    assert_eq!(found, [Some(&b"c"[..]), None, Some(b"a"), Some(b"b"), Some(b"a"), None]);
    assert!(store.get_many(&[]).await.expect("answered").is_empty());
    let many: Vec<Key> = (0..2_000).map(|_| Key::new("b")).collect();
    assert!(store.get_many(&many).await.expect("answered").iter().all(Option::is_some));
}

/// A put dropped at any point leaves an old or a new entry, never a mixture, and a store that works.
pub async fn a_dropped_put_happened_whole_or_not_at_all(fixture: &Fixture) {
    let (store, key) = (fixture.entries(), Key::new("ada"));
    done(put(&*store, &key, vec![0; 50_000], When::Absent).await);
    for (number, polls) in (1_u8..).zip((0..60).chain([200, 1_000])) {
        let entry = store.get(&key).await.expect("answered").expect("the entry is there");
        let old = entry.value[0];
        let bytes = Bytes::from(vec![number; 50_000]);
        polled(polls, store.put(&key, bytes, When::Unchanged(entry.version), FOREVER)).await;
        let left = value(&*store, &key).await.expect("the entry is still there");
        let whole = left.len() == 50_000 && left.iter().all(|byte| *byte == left[0]);
        // An earlier put that was dropped may land after the read, so what is left may lie between old and new.
        assert!(whole && (old..=number).contains(&left[0]), "a dropped put left a mixture");
    }
    // What was begun may still land: but never between a read and a put that names what was read.
    for _ in 0..100 {
        let entry = store.get(&key).await.expect("answered").expect("the entry is there");
        if let Written::Done(_) = put(&*store, &key, "after", When::Unchanged(entry.version)).await {
            assert_eq!(value(&*store, &key).await.as_deref(), Some(&b"after"[..]));
            return;
        }
    }
    panic!("after dropped puts no put succeeds any more");
}

/// Two handles on the same data, as two processes have, agree on bytes and versions.
pub async fn another_handle_sees_the_same(fixture: &Fixture) {
    let (here, key) = (fixture.entries(), Key::new("ada"));
    let version = done(put(&*here, &key, "1", When::Absent).await);
    let there = fixture.another().await.entries;
    let entry = there.get(&key).await.expect("answered").expect("the other handle sees it");
    assert_eq!((&entry.value[..], &entry.version), (&b"1"[..], &version));
    done(put(&*there, &key, "2", When::Unchanged(version.clone())).await);
    assert_eq!(put(&*here, &key, "3", When::Unchanged(version)).await, Written::Conflict);
    assert_eq!(value(&*here, &key).await.as_deref(), Some(&b"2"[..]));
}
