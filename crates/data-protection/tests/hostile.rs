//! Rings that nobody should meet: damaged, hostile, huge, contradictory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{fmt::Write as _, fs, path::Path, slice};

use absentia_core::{Error, Secret};
use absentia_data_protection::{Certificate, KeyRing};

const DESERIALIZER: &str = "X.AuthenticatedEncryptorDescriptorDeserializer, X";
const SECRET: &str = "MTIzNDU2Nzg5MGFiY2RlZg==";

fn key(id: &str, body: &str) -> String {
    format!(
        "<key id=\"{id}\" version=\"1\"><creationDate>2026-01-01T00:00:00Z</creationDate>\
         <activationDate>2026-01-01T00:00:00Z</activationDate><expirationDate>2027-01-01T00:00:00Z</expirationDate>{body}</key>"
    )
}

fn descriptor(inner: &str) -> String {
    format!("<descriptor deserializerType=\"{DESERIALIZER}\"><descriptor>{inner}</descriptor></descriptor>")
}

fn good(id: &str) -> String {
    key(
        id,
        &descriptor(&format!(
            "<encryption algorithm=\"AES_256_CBC\"/><validation algorithm=\"HMACSHA256\"/><masterKey><value>{SECRET}</value></masterKey>"
        )),
    )
}

const ONE: &str = "00000001-0000-4000-8000-000000000000";
const TWO: &str = "00000002-0000-4000-8000-000000000000";

fn ring(documents: &[(&str, &str)]) -> Result<KeyRing, Error> {
    let documents: Vec<_> =
        documents.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    KeyRing::from_documents(documents, &[])
}

#[test]
fn a_damaged_key_is_named_and_skipped_and_the_others_work() {
    let good = good(ONE);
    for (bad, reason) in [
        ("", "not UTF-8 text"),
        ("<key id=", "not well-formed XML at 1:"),
        ("<!DOCTYPE key [<!ENTITY x \"y\">]><key>&x;</key>", "DTD"),
        (&good.replace("version=\"1\"", "version=\"2\"").replace(ONE, TWO), "version"),
        (&good.replace(ONE, "not-a-guid"), "no GUID"),
        (&good.replace("2026-01-01T00:00:00Z</creation", "yesterday</creation"), "creationDate"),
        (&good.replace("<expirationDate>2027-01-01T00:00:00Z</expirationDate>", ""), "expirationDate"),
        (&good.replace("00:00:00Z</activation", "00:00:00</activation"), "activationDate"),
        ("<repository/>", "neither key nor revocation, but repository"),
    ] {
        let ring = ring(&[("key-bad.xml", bad), ("key-good.xml", &good)]).unwrap();
        assert_eq!(ring.keys().len(), 1, "{bad}");
        let [problem] = ring.problems() else { panic!("{:?}", ring.problems()) };
        assert!(problem.source == "key-bad.xml" && problem.reason.contains(reason), "{problem:?}");
    }
}

#[test]
fn what_may_be_a_damaged_revocation_stops_everything() {
    let good = good(ONE);
    for bad in [
        "",
        "<revo",
        "<revocation version=\"1\"",
        "<revocation version=\"1\"/>",
        "<revocation version=\"2\"><key id=\"*\"/></revocation>",
        "<revocation version=\"1\"><key id=\"*\"/></revocation>",
        "<revocation version=\"1\"><revocationDate>soon</revocationDate><key id=\"*\"/></revocation>",
        "<revocation version=\"1\"><key id=\"x\"/></revocation>",
        "<revocation version=\"1\"><key id=\"00000001-0000-4000-8000-000000000000\"/><key id=\"*\"/></revocation>",
        "\u{feff}<?xml version=\"1.0\"?><!-- key --><revocation>",
    ] {
        let error = ring(&[("DataProtection-Keys[7]", bad), ("good", &good)]).unwrap_err().to_string();
        assert!(error.contains("DataProtection-Keys[7]") && error.contains("revo"), "{error}");
    }
    // In a list a damaged text is a key if it begins like one.
    assert_eq!(
        ring(&[("a", "\u{feff}<?xml version=\"1.0\"?>\n <key id=\"1\"><cut"), ("b", &good)]).unwrap().keys().len(),
        1
    );
}

/// The scenario of XmlKeyManagerTests.cs: before the date means before, the latest date counts, a single one besides.
#[test]
fn revocations_take_one_key_or_all_made_before_a_date() {
    let made = |at: &str, id: usize| {
        good(&format!("0000000{id}-0000-4000-8000-000000000000")).replacen("2026-01-01", &format!("{at}-01-01"), 1)
    };
    let keys = [made("2015", 1), made("2016", 2), made("2017", 3), made("2018", 4)];
    let all = |at: &str| {
        format!(
            "<revocation version=\"1\"><revocationDate>{at}-01-01T00:00:00Z</revocationDate><key id=\"*\"/><reason/></revocation>"
        )
    };
    let one = "<revocation version=\"1\"><key id=\"00000004-0000-4000-8000-000000000000\"/></revocation>";
    let (old, new) = (all("2014"), all("2017"));
    let mut documents: Vec<(&str, &str)> = keys.iter().map(|key| ("key", key.as_str())).collect();
    documents.extend([("r", new.as_str()), ("r", one), ("r", old.as_str())]);
    for _ in 0..documents.len() {
        documents.rotate_left(1);
        let ring = ring(&documents).unwrap();
        let revoked: Vec<bool> = ring.keys().iter().map(|key| key.is_revoked()).collect();
        assert_eq!(revoked, [true, true, false, true]);
    }
}

#[test]
fn a_key_whose_secret_cannot_be_read_says_why() {
    let encryption = "<encryption algorithm=\"AES_256_CBC\"/><validation algorithm=\"HMACSHA256\"/>";
    let secret = |class: &str, inner: &str| {
        descriptor(&format!(
            "{encryption}<encryptedSecret decryptorType=\"A.{class}, A\" \
             xmlns=\"http://schemas.asp.net/2015/03/dataProtection\">{inner}</encryptedSecret>"
        ))
    };
    let master = format!("<masterKey><value>{SECRET}</value></masterKey>");
    let null = secret("NullXmlDecryptor", &format!("<unencryptedKey xmlns=\"\">{master}</unencryptedKey>"));
    assert_eq!(ring(&[("k", &key(ONE, &null))]).unwrap().keys()[0].unusable(), None);
    for (body, reason) in [
        (String::new(), "no descriptor"),
        (format!("<descriptor deserializerType=\"{DESERIALIZER}\"/>"), "empty"),
        ("<descriptor deserializerType=\"A.CngGcmAuthenticatedEncryptorDescriptorDeserializer, A\"/>".into(), "CngGcm"),
        (descriptor(encryption), "no masterKey"),
        (descriptor(&format!("<encryption algorithm=\"AES_256_CBC\"/>{master}")), "AES_256_CBC and nothing"),
        (descriptor(&format!("<encryption algorithm=\"3DES\"/>{master}")), "3DES"),
        (descriptor(&format!("{encryption}<masterKey><value>!</value></masterKey>")), "not Base64"),
        (descriptor(&format!("{encryption}<masterKey/>")), "not Base64"),
        (descriptor(&format!("{encryption}{master}{master}")), "no masterKey"),
        (secret("DpapiXmlDecryptor", ""), "Windows"),
        (secret("AzureKeyVaultXmlDecryptor", ""), "Key Vault"),
        (secret("Home.Made", ""), "(Made)"),
        (secret("EncryptedXmlDecryptor", ""), "no EncryptedData"),
        (secret("EncryptedXmlDecryptor", "<EncryptedData/>"), "no EncryptedKey"),
        (
            secret("EncryptedXmlDecryptor", "<EncryptedData><KeyInfo><EncryptedKey/></KeyInfo></EncryptedData>"),
            "cipher",
        ),
    ] {
        let ring = ring(&[("k", &key(ONE, &body))]).unwrap();
        let unusable = ring.keys()[0].unusable().unwrap();
        assert!(unusable.contains(reason) && !unusable.contains(SECRET), "{unusable}");
    }
}

#[test]
fn an_element_nobody_knows_is_no_obstacle() {
    let text = good(ONE)
        .replace("<descriptor deserializerType", "<future x=\"1\"><key/></future><descriptor deserializerType");
    let ring = ring(&[("k", &format!("\u{feff}{text}"))]).unwrap();
    assert_eq!((ring.keys()[0].unusable(), ring.problems()), (None, &[][..]));
}

#[test]
fn a_ring_with_one_id_twice_is_refused() {
    let error = ring(&[("first", &good(ONE)), ("second", &good(ONE))]).unwrap_err().to_string();
    assert!(error.contains("first") && error.contains("second"), "{error}");
}

#[test]
fn size_depth_and_number_are_bounded() {
    let deep = format!("<key version=\"1\">{}", "<a>".repeat(10_000));
    let nested = format!("<key version=\"1\">{}{}</key>", "<a>".repeat(4_000), "</a>".repeat(4_000));
    let wide = format!("<key version=\"1\">{}</key>", "<a/>".repeat(7_000));
    let long = format!("<key version=\"1\">{}</key>", "x".repeat(1 << 17));
    let mut attributes = "<key".to_owned();
    for at in 0..3_500 {
        write!(attributes, " a{at}=\"\"").unwrap();
    }
    attributes.push_str("/>");
    for (text, reason) in [
        (&deep, "more than 500 nodes"),
        (&nested, "more than 500 nodes"),
        (&wide, "more than 500 nodes"),
        (&long, "longer than 32768 bytes"),
        (&attributes, "version"),
    ] {
        let ring = ring(&[("key-x", text)]).unwrap();
        assert_eq!((ring.keys().len(), ring.problems().len()), (0, 1), "{:.60}", text);
        assert!(ring.problems()[0].reason.contains(reason), "{:?}", ring.problems());
    }
    let many: Vec<(&str, &str)> = (0..1025).map(|_| ("key-x", "<a/>")).collect();
    assert!(ring(&many).unwrap_err().to_string().contains("1024"));
}

/// Every byte of a key file replaced and removed, and pairs of files cut together: never a panic, and never a key that is not
/// wholly there.
#[test]
fn no_mutation_of_a_key_file_does_harm() {
    let text = good(ONE);
    for at in 0..text.len() {
        for byte in [0, b'<', b'>', b'&', b'"', b'/', b' ', b'9', 0xc3] {
            let mut changed = text.clone().into_bytes();
            changed[at] = byte;
            check(changed);
        }
        let mut shorter = text.clone().into_bytes();
        shorter.remove(at);
        check(shorter);
        check([&text.as_bytes()[..at], &text.as_bytes()[text.len() - at..]].concat());
    }
}

/// A key under a certificate, changed here and there: it opens, is unusable, or is left aside.
#[test]
fn no_mutation_of_an_encrypted_key_does_harm() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat/data-protection");
    let pfx = fs::read(fixtures.join("ring-x509.pfx")).unwrap();
    let certificate = Certificate::from_pfx(&pfx, &Secret::new("fixture")).unwrap();
    let text = fs::read(fixtures.join("ring-x509/key-6fea3bfc-b8bf-4416-8a42-f7f867a4fbb8.xml")).unwrap();
    let (mut usable, mut unusable, mut aside) = (0, 0, 0);
    for at in (0..text.len()).step_by(5) {
        let mut changed = text.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let ring = KeyRing::from_documents(vec![("key-x".to_owned(), changed)], slice::from_ref(&certificate)).unwrap();
        match ring.keys().first().map(|key| key.unusable()) {
            Some(None) => usable += 1, // in the white space, the certificate, the padding: nothing vouches for those
            Some(Some(_)) => unusable += 1,
            None => aside += 1,
        }
        assert_eq!(ring.keys().len() + ring.problems().len(), 1);
    }
    assert!(usable > 0 && unusable > 100 && aside > 100, "{usable} {unusable} {aside}");
}

fn check(bytes: Vec<u8>) {
    if let Ok(ring) = KeyRing::from_documents(vec![("key-x.xml".to_owned(), bytes)], &[]) {
        assert_eq!(ring.keys().len() + ring.problems().len(), 1);
        for shown in [format!("{ring:?}"), format!("{:?}", ring.keys().first().and_then(|key| key.unusable()))] {
            assert!(!shown.contains(&SECRET[..12]), "{shown}");
        }
    }
}

#[test]
fn a_folder_is_read_without_what_is_no_key_file_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("key-one.xml", &good(ONE));
    write("key-two.xml", "<key damaged");
    write("half.tmp", "<key");
    write("readme.txt", "no XML");
    fs::create_dir(folder.path().join("folder.xml")).unwrap();
    let before: Vec<_> = ["key-one.xml", "key-two.xml"].map(|name| fs::read(folder.path().join(name)).unwrap()).into();
    let ring = KeyRing::from_folder(folder.path(), &[]).unwrap();
    assert_eq!((ring.keys().len(), ring.problems().len()), (1, 1));
    assert_eq!((ring.keys()[0].source(), ring.problems()[0].source.as_str()), ("key-one.xml", "key-two.xml"));
    let after: Vec<_> = ["key-one.xml", "key-two.xml"].map(|name| fs::read(folder.path().join(name)).unwrap()).into();
    assert_eq!(before, after);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
    #[cfg(unix)]
    {
        let link = folder.path().join("revocation-x.xml");
        std::os::unix::fs::symlink(folder.path().join("gone"), &link).unwrap();
        assert!(KeyRing::from_folder(folder.path(), &[]).unwrap_err().to_string().contains("revocation-x.xml"));
        fs::remove_file(link).unwrap();
    }
    let error = KeyRing::from_folder(&folder.path().join("absent"), &[]).unwrap_err().to_string();
    assert!(error.contains("absent") && error.contains("PersistKeysToFileSystem"), "{error}");
}
