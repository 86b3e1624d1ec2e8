//! What .NET wrote: every ring, every payload and every protected cache entry of `tests/compat`, and Microsoft's published
//! vectors from certificate to plaintext.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use absentia_core::Secret;
use absentia_data_protection::{Algorithm, Certificate, Hash, KeyRing, KeySize, Protection, Protector, Unopened};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat/data-protection")
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixtures().join(name)).unwrap()).unwrap()
}

fn pfx() -> Certificate {
    Certificate::from_pfx(&fs::read(fixtures().join("ring-x509.pfx")).unwrap(), &Secret::new("fixture")).unwrap()
}

fn ring(name: &str) -> KeyRing {
    KeyRing::from_folder(&fixtures().join(name), &[pfx()]).unwrap()
}

fn purposes(value: &Value) -> Vec<&str> {
    value["purposes"].as_array().unwrap().iter().map(|purpose| purpose.as_str().unwrap()).collect()
}

fn bytes(value: &Value, member: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(value[member].as_str().unwrap()).unwrap()
}

/// The day the rings were made, an hour later.
fn then() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_613_547)
}

fn counting(bytes: &mut [u8]) -> Result<(), absentia_core::Error> {
    bytes.iter_mut().zip(1..).for_each(|(byte, at)| *byte = at);
    Ok(())
}

#[test]
fn every_ring_is_read_as_dotnet_reports_it() {
    let rings = json("rings.json");
    for (name, expected) in rings.as_object().unwrap() {
        let ring = ring(name);
        assert_eq!(ring.problems(), []);
        let keys = expected["keys"].as_array().unwrap();
        assert_eq!(ring.keys().len(), keys.len(), "{name}");
        for expected in keys {
            let key = ring.key(expected["id"].as_str().unwrap().parse().unwrap()).unwrap();
            let date = |at: SystemTime| jiff::Timestamp::try_from(at).unwrap();
            let of = |member: &str| expected[member].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            assert_eq!(date(key.created()), of("created"), "{name}");
            assert_eq!(date(key.activates()), of("activates"), "{name}");
            assert_eq!(date(key.expires()), of("expires"), "{name}");
            assert_eq!(key.is_revoked(), expected["revoked"].as_bool().unwrap(), "{name}");
            assert_eq!(key.unusable(), None);
        }
    }
    let algorithm = |name: &str| ring(name).keys()[0].algorithm();
    assert_eq!(algorithm("ring-plain"), Some(Algorithm::default()));
    assert_eq!(algorithm("ring-gcm"), Some(Algorithm::Gcm(KeySize::Aes256)));
    assert_eq!(algorithm("ring-cbc128-sha512"), Some(Algorithm::Cbc(KeySize::Aes128, Hash::Sha512)));
    assert_eq!(ring("ring-x509").keys()[0].protection(), Protection::Certificate);
    assert_eq!(ring("ring-plain").keys()[0].protection(), Protection::None);
}

#[test]
fn every_payload_opens_for_its_purposes_and_for_no_others() {
    let payloads = json("payloads.json");
    let payloads = payloads["payloads"].as_array().unwrap();
    assert_eq!(payloads.len(), 36);
    let mut refused = 0;
    for payload in payloads {
        let ring = ring(payload["ring"].as_str().unwrap());
        let purposes = purposes(payload);
        let protected = bytes(payload, "payload_base64");
        let chain: Vec<&str> = payload["chain"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
        let protector = match payload["application_name"].as_str() {
            Some(name) => Protector::new(ring.clone(), name, &chain).unwrap(),
            None => Protector::without_application_name(ring.clone(), &chain),
        };
        let id = payload["key"].as_str().unwrap().parse().unwrap();
        if payload["dotnet"].as_str().is_some_and(|said| said.contains("revoked")) {
            assert_eq!(protector.unprotect(&protected), Err(Unopened::Revoked(id)));
            refused += 1;
            continue;
        }
        assert_eq!(*protector.unprotect(&protected).unwrap(), bytes(payload, "plaintext_base64"));
        let reversed: Vec<&str> = purposes.iter().rev().copied().collect();
        let empty_first: Vec<&str> = [""].into_iter().chain(purposes.iter().copied()).collect();
        let empty_last: Vec<&str> = purposes.iter().copied().chain([""]).collect();
        for other in [&[][..], &["Absentia-fixtures", "msal_cache"], &reversed, &empty_first, &empty_last] {
            if other != purposes {
                let other = Protector::without_application_name(ring.clone(), other);
                assert_eq!(other.unprotect(&protected), Err(Unopened::Tampered));
            }
        }
    }
    assert_eq!(refused, 1);
}

#[test]
fn protected_cache_entries_open_to_what_dotnet_opens_them_to() {
    let entries = json("entries.json");
    let entries = entries["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 9);
    for entry in entries {
        let purposes = purposes(entry);
        assert_eq!(purposes, ["absentia-fixtures", "msal_cache"]);
        let protector = Protector::new(ring(entry["ring"].as_str().unwrap()), purposes[0], &purposes[1..]).unwrap();
        let plain = protector.unprotect(&bytes(entry, "payload_base64")).unwrap();
        let expected =
            fs::read(fixtures().join(format!("../dotnet/{}.json", entry["name"].as_str().unwrap()))).unwrap();
        assert!(*plain == expected, "{}", entry["name"]);
    }
}

#[test]
fn a_list_of_documents_is_a_ring_as_a_folder_is() {
    let folder = fixtures().join("ring-revoked");
    let documents: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .zip(0..)
        .map(|(bytes, at)| (format!("DataProtection-Keys[{at}]"), bytes))
        .collect();
    // The order of keys and revocations does not matter.
    for documents in [documents.clone(), documents.into_iter().rev().collect()] {
        let list = KeyRing::from_documents(documents, &[]).unwrap();
        let states = |ring: &KeyRing| ring.keys().iter().map(|key| (key.id(), key.is_revoked())).collect::<Vec<_>>();
        assert_eq!(states(&list), states(&ring("ring-revoked")));
    }
}

#[test]
fn no_byte_of_a_payload_can_be_changed_and_no_prefix_opens() {
    for name in ["ring-plain", "ring-gcm", "ring-cbc128-sha512"] {
        let ring = ring(name);
        let protector = Protector::new(ring, "absentia-fixtures", &["msal_cache"]).unwrap();
        let payload = protector.protect(b"seventeen letters", then(), &counting).unwrap();
        assert_eq!(&protector.unprotect(&payload).unwrap()[..], b"seventeen letters");
        for at in 0..payload.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = payload.clone();
                changed[at] ^= change;
                let expected = match at {
                    0..4 => Unopened::NotAPayload,
                    4..20 => Unopened::UnknownKey(uuid::Uuid::from_slice_le(&changed[4..20]).unwrap()),
                    _ => Unopened::Tampered,
                };
                assert_eq!(protector.unprotect(&changed), Err(expected), "{name} byte {at}");
            }
        }
        for length in 0..payload.len() {
            let expected = if length < 20 { Unopened::NotAPayload } else { Unopened::Tampered };
            assert_eq!(protector.unprotect(&payload[..length]), Err(expected), "{name} length {length}");
        }
        let longer = [&payload[..], &[0]].concat();
        assert_eq!(protector.unprotect(&longer), Err(Unopened::Tampered));
        assert_eq!(protector.unprotect(br#"{"AccessToken":{}}"#), Err(Unopened::NotAPayload));
    }
}

#[test]
fn without_the_certificate_a_key_is_unusable_and_says_which_is_missing() {
    let folder = fixtures().join("ring-x509");
    let other = Certificate::from_pem(&pem("published/certificate.pem")).unwrap();
    for certificates in [&[][..], &[other]] {
        let ring = KeyRing::from_folder(&folder, certificates).unwrap();
        let reason = ring.keys()[0].unusable().unwrap();
        assert!(reason.contains(&pfx().thumbprint().unwrap()) && reason.contains("PFX or PEM"), "{reason}");
        let protector = Protector::new(ring, "absentia-fixtures", &["msal_cache"]).unwrap();
        let error = protector.protect(b"x", then(), &counting).unwrap_err().to_string();
        assert!(error.contains("thumbprint") && error.contains("absentia keys create"), "{error}");
        let id = protector.ring().keys()[0].id();
        let entry = &json("payloads.json")["payloads"].as_array().unwrap().clone();
        let payload = entry.iter().find(|payload| payload["ring"] == "ring-x509").unwrap();
        assert_eq!(protector.unprotect(&bytes(payload, "payload_base64")), Err(Unopened::Unusable(id)));
    }
}

fn pem(name: &str) -> Secret {
    Secret::new(fs::read_to_string(fixtures().join(name)).unwrap())
}

/// dotnet/aspnetcore, the trimming tests: certificate, key file, payload, plaintext.
#[test]
fn the_published_ring_opens_from_end_to_end() {
    let certificate = Certificate::from_pem(&pem("published/certificate.pem")).unwrap();
    assert_eq!(certificate.thumbprint().as_deref(), Some("3BFD1BAE91D198645590F1DAC2FE7C2250292A65"));
    let ring = KeyRing::from_folder(&fixtures().join("published/ring"), &[pfx(), certificate]).unwrap();
    let protector = Protector::without_application_name(ring.clone(), &["Test trimming"]);
    let payload = BASE64_URL_SAFE_NO_PAD
        .decode(
            "CfDJ8IjUFZwXRKtJrjntLzap6-OgblGi63sK6HDtOtu-IVhtuoLSTJl4fIbwX4vCtc8fefqPrr41QzGjHXwP-1HaCi9qlJFjvaloQ5KFPxBO2s\
             -s1cAK9I5kl-lfjhyYrEtJRNtvgawKREAp2cZ9udM_Kog",
        )
        .unwrap();
    assert_eq!(&protector.unprotect(&payload).unwrap()[..], b"This is a secret.");
    // With the payload's own key modifier and IV the same bytes come out.
    let again = |bytes: &mut [u8]| {
        bytes.copy_from_slice(&payload[20..52]);
        Ok(())
    };
    assert_eq!(protector.protect(b"This is a secret.", then(), &again).unwrap(), payload);
    for other in [&["Test trimming", ""][..], &["test trimming"], &["", "Test trimming"]] {
        let other = Protector::without_application_name(ring.clone(), other);
        assert_eq!(other.unprotect(&payload), Err(Unopened::Tampered));
    }
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let master = "O3crGhaVZH80DCd0BxbDwLzECSdLjGWpj9m7g";
    let text = fs::read_to_string(fixtures().join("ring-plain/key-af46a068-c778-4d9f-ab0c-7bea4e7d276b.xml")).unwrap();
    assert!(text.contains(master));
    // Damaged in every way a cut can do it.
    for length in (0..text.len()).filter(|length| text.is_char_boundary(*length)) {
        let documents = vec![("key-x.xml".to_owned(), text.as_bytes()[..length].to_vec())];
        let ring = KeyRing::from_documents(documents, &[]).unwrap();
        assert!(!format!("{ring:?}").contains(&master[..8]), "{length}");
    }
    let ring = ring("ring-plain");
    let protector = Protector::new(ring.clone(), "absentia-fixtures", &["msal_cache"]).unwrap();
    for shown in [format!("{ring:?}"), format!("{protector:?}"), format!("{:?}", pfx())] {
        assert!(!shown.contains(&master[..8]) && shown.len() < 400, "{shown}");
    }
}
