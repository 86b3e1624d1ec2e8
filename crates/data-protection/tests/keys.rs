//! Which key protects, and keys of our making.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

mod common;

use std::{
    fs,
    time::{Duration, SystemTime},
};

use absentia_data_protection::{
    Algorithm, Certificate, Hash, KeyDocument, KeyRing, KeySize, NewKey, Protection, Protector, create_key,
};
use common::{CASES, DAY, Made, State, fixtures, id, pfx, random, write_ring};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_613_547)
}

#[test]
fn the_key_that_protects_is_dotnets_choice() {
    for (name, keys, expected) in CASES {
        let folder = tempfile::tempdir().unwrap();
        write_ring(folder.path(), keys, now());
        let ring = KeyRing::from_folder(folder.path(), &[]).unwrap();
        assert_eq!(ring.protecting_key(now()).map(|key| key.id()), expected.map(id), "{name}");
        let protector = Protector::new(ring, "app", &["msal_cache"]).unwrap();
        match (protector.protect(b"x", now(), &random), expected) {
            (Ok(payload), Some(number)) => assert_eq!(payload[4..20], id(*number).to_bytes_le()),
            (Err(error), None) => assert!(error.to_string().contains("absentia keys create"), "{error}"),
            (Ok(_), None) => panic!("{name}: protected"),
            (Err(error), Some(_)) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn an_expired_key_opens_and_a_revoked_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let key = |state| Made(1, -80 * DAY, -80 * DAY, 10 * DAY, state);
    write_ring(folder.path(), &[key(State::Good)], now());
    let protector = Protector::new(KeyRing::from_folder(folder.path(), &[]).unwrap(), "app", &["p"]).unwrap();
    let payload = protector.protect(b"x", now(), &random).unwrap();
    let later = now() + Duration::from_secs(3600 * 24 * 1000);
    assert!(protector.protect(b"x", later, &random).is_err());
    assert!(protector.unprotect(&payload).is_ok());
    write_ring(folder.path(), &[key(State::Revoked)], now());
    let protector = protector.with_ring(KeyRing::from_folder(folder.path(), &[]).unwrap());
    assert_eq!(protector.unprotect(&payload), Err(absentia_data_protection::Unopened::Revoked(id(1))));
}

#[test]
fn a_new_key_is_private_whole_and_usable_at_once() {
    for (algorithm, certificate) in [
        (Algorithm::default(), None),
        (Algorithm::Gcm(KeySize::Aes256), None),
        (Algorithm::Cbc(KeySize::Aes192, Hash::Sha512), Some(pfx())),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let new = NewKey { algorithm, ..NewKey::default() };
        let key = create_key(folder.path(), new, certificate.as_ref(), now(), &random).unwrap();
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
        let [file] = &files[..] else { panic!("{files:?}") };
        assert_eq!(file.file_name().to_string_lossy(), format!("key-{key}.xml"));
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777, 0o600);
        let certificates: Vec<Certificate> = certificate.clone().into_iter().collect();
        let ring = KeyRing::from_folder(folder.path(), &certificates).unwrap();
        let made = ring.protecting_key(now()).unwrap();
        assert_eq!((made.id(), made.algorithm(), made.activates()), (key, Some(algorithm), now()));
        assert_eq!(made.expires(), now() + Duration::from_secs(90 * 24 * 3600));
        let protection = if certificate.is_some() { Protection::Certificate } else { Protection::None };
        assert_eq!(made.protection(), protection);
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(text.contains("masterKey"), certificate.is_none());
        let without = KeyRing::from_folder(folder.path(), &[]).unwrap();
        assert_eq!(without.protecting_key(now()).is_some(), certificate.is_none());
    }
}

#[test]
fn the_next_key_begins_when_the_default_one_ends() {
    let folder = tempfile::tempdir().unwrap();
    let first = create_key(folder.path(), NewKey::default(), None, now(), &random).unwrap();
    let before = fs::read(folder.path().join(format!("key-{first}.xml"))).unwrap();
    let lifetime = Duration::from_secs(8 * 24 * 3600);
    let second = create_key(folder.path(), NewKey { lifetime, ..NewKey::default() }, None, now(), &random).unwrap();
    assert_ne!(first, second);
    let ring = KeyRing::from_folder(folder.path(), &[]).unwrap();
    let ends = ring.key(first).unwrap().expires();
    assert_eq!((ring.key(second).unwrap().activates(), ring.key(second).unwrap().expires()), (ends, ends + lifetime));
    assert_eq!(ring.protecting_key(now()).unwrap().id(), first);
    assert_eq!(ring.protecting_key(ends).unwrap().id(), second);
    assert_eq!(fs::read(folder.path().join(format!("key-{first}.xml"))).unwrap(), before);

    // Or when it is told to.
    let soon = now() + Duration::from_secs(2 * 24 * 3600);
    let new = NewKey { activates: Some(soon), ..NewKey::default() };
    let third = create_key(folder.path(), new, None, now(), &random).unwrap();
    let ring = KeyRing::from_folder(folder.path(), &[]).unwrap();
    assert_eq!(ring.protecting_key(now()).unwrap().id(), first);
    assert_eq!(ring.protecting_key(soon).unwrap().id(), third);
}

#[test]
fn a_key_in_the_clear_is_not_put_beside_protected_ones() {
    let folder = tempfile::tempdir().unwrap();
    let name = "key-6fea3bfc-b8bf-4416-8a42-f7f867a4fbb8.xml";
    let protected = fs::read_to_string(fixtures().join("ring-x509").join(name)).unwrap();
    fs::write(folder.path().join(name), &protected).unwrap();
    let refused = |certificate: Option<&Certificate>| {
        create_key(folder.path(), NewKey::default(), certificate, now(), &random).unwrap_err().to_string()
    };
    let error = refused(None);
    assert!(error.contains("PFX or PEM") && error.contains(name), "{error}");
    fs::write(folder.path().join(name), protected.replace("EncryptedXmlDecryptor", "DpapiXmlDecryptor")).unwrap();
    let error = refused(Some(&pfx()));
    assert!(error.contains("DPAPI") && error.contains(".NET application make its keys"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_key_that_cannot_be_made_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let short = NewKey { lifetime: Duration::from_secs(6 * 24 * 3600), ..NewKey::default() };
    assert!(create_key(folder.path(), short, None, now(), &random).unwrap_err().to_string().contains("7 days"));
    let endless = NewKey { lifetime: Duration::MAX, ..NewKey::default() };
    assert!(create_key(folder.path(), endless, None, now(), &random).is_err());
    let none = |_: &mut [u8]| Err(absentia_core::Error::unavailable("no random bytes"));
    assert!(create_key(folder.path(), NewKey::default(), None, now(), &none).is_err());
    // The same random bytes again: the name is taken, and the key that has it stays.
    let same = |bytes: &mut [u8]| {
        bytes.fill(7);
        Ok(())
    };
    let ring = KeyRing::from_folder(folder.path(), &[]).unwrap();
    let key = KeyDocument::new(&ring, NewKey::default(), None, now(), &same).unwrap();
    key.write(folder.path()).unwrap();
    let other = KeyDocument::new(&ring, NewKey::default(), None, now() + Duration::from_secs(1), &same).unwrap();
    assert!(other.write(folder.path()).unwrap_err().to_string().contains("could not be written"));
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(fs::read_to_string(&files[0]).unwrap(), key.xml());
    assert!(key.write(&folder.path().join("absent")).is_err());
}

/// Random plaintexts, names and chains: what was protected opens for the same ones and for no others.
#[test]
fn whatever_is_protected_opens_again() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let rings = ["ring-plain", "ring-gcm", "ring-cbc128-sha512", "ring-rotated"]
        .map(|name| KeyRing::from_folder(&fixtures().join(name), &[]).unwrap());
    for _ in 0..400 {
        let ring = rings[next(rings.len())].clone();
        let mut text = |longest: usize| -> String {
            (0..next(longest)).map(|_| ['a', 'é', '€', '😀', ' ', '\0', '/'][next(7)]).collect()
        };
        let name = format!("x{}", text(200));
        let chain = [text(20), text(6000), text(3)];
        let plain = text(5000);
        let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
        let protector = Protector::new(ring.clone(), &name, &chain).unwrap();
        let payload = protector.protect(plain.as_bytes(), now(), &random).unwrap();
        assert_eq!(*protector.unprotect(&payload).unwrap(), plain.as_bytes());
        assert_ne!(protector.protect(plain.as_bytes(), now(), &random).unwrap(), payload);
        // Joining neighbours is another chain.
        let joined = [chain[0].to_owned() + chain[1], chain[2].to_owned()];
        let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
        for other in [Protector::new(ring.clone(), &name, &joined), Protector::new(ring, &name[1..], &chain)] {
            assert!(other.is_err() || other.unwrap().unprotect(&payload).is_err());
        }
    }
}
