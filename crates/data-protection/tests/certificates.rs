//! PFX and PEM files: what opens, and what each other one is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{fs, path::Path};

use absentia_core::Secret;
use absentia_data_protection::Certificate;

fn file(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat/data-protection").join(name)).unwrap()
}

fn refused(pfx: &[u8], password: &str) -> String {
    Certificate::from_pfx(pfx, &Secret::new(password)).unwrap_err().to_string()
}

#[test]
fn a_pfx_opens_with_its_password_alone() {
    let pfx = file("ring-x509.pfx");
    assert!(Certificate::from_pfx(&pfx, &Secret::new("fixture")).unwrap().thumbprint().is_some());
    for password in ["", "Fixture", "fixture "] {
        assert!(refused(&pfx, password).contains("password is wrong"));
    }
}

#[test]
fn a_pfx_from_before_aes_says_how_to_convert_it() {
    let error = refused(&file("published/certificate.pfx"), "password");
    assert!(error.contains("Triple DES") && error.contains("openssl pkcs12 -legacy"), "{error}");
}

#[test]
fn a_damaged_pfx_is_an_error_and_nothing_worse() {
    let pfx = file("ring-x509.pfx");
    for length in (0..pfx.len()).step_by(7) {
        assert!(!refused(&pfx[..length], "fixture").contains("fixture"));
    }
    // Around the structures at the beginning, where lengths, counts and names are.
    let mut opened = 0;
    for at in 0..160 {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = pfx.clone();
            changed[at] = value;
            opened += usize::from(Certificate::from_pfx(&changed, &Secret::new("fixture")).is_ok());
        }
    }
    assert!(opened < 400, "{opened}");
    assert!(refused(&vec![0x30; 2 << 20], "").contains("damaged"));
}

#[test]
fn a_pem_needs_a_plain_rsa_key() {
    let text = String::from_utf8(file("published/certificate.pem")).unwrap();
    let (certificate, key) = text.split_at(text.find("-----BEGIN PRIVATE").unwrap());
    assert!(Certificate::from_pem(&Secret::new(text.clone())).unwrap().thumbprint().is_some());
    assert_eq!(Certificate::from_pem(&Secret::new(key)).unwrap().thumbprint(), None);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for bad in [certificate, "", "nonsense", &key[..200], &encrypted] {
        let error = Certificate::from_pem(&Secret::new(bad)).unwrap_err().to_string();
        assert!(error.contains("PRIVATE KEY"), "{error}");
    }
    // Another key's certificate is not taken for this one's.
    let other = certificate_of_the_ring();
    assert_eq!(Certificate::from_pem(&Secret::new(format!("{other}{key}"))).unwrap().thumbprint(), None);
}

/// The certificate in the ring under X.509, as PEM.
fn certificate_of_the_ring() -> String {
    let xml = String::from_utf8(file("ring-x509/key-6fea3bfc-b8bf-4416-8a42-f7f867a4fbb8.xml")).unwrap();
    let start = xml.find("<X509Certificate>").unwrap() + "<X509Certificate>".len();
    let end = xml.find("</X509Certificate>").unwrap();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", &xml[start..end])
}
