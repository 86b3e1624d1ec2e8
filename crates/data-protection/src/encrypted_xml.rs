//! XML Encryption as .NET's `EncryptedXml` writes it: a session key under RSA, an element under AES-CBC.
//! W3C, XML Encryption Syntax and Processing, sections 5.2 and 5.5.

use absentia_core::Error;
use aws_lc_rs::{
    cipher::{AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    iv::FixedLength,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use roxmltree::Node;
use zeroize::Zeroizing;

use crate::{
    Random,
    algorithm::{BLOCK, KeySize},
    certificate::{Certificate, Transport, thumbprint},
    document::{base64_text, child, shown},
};

const AES_256_CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
const RSA_1_5: &str = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";
const RSA_OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";

/// The plaintext of an `EncryptedData`, by the first certificate that opens it. All that can go wrong in the cryptography is
/// one error: PKCS #1 1.5 and CBC padding are oracles otherwise, although only files of one's own are read.
pub(crate) fn decrypt(data: Node<'_, '_>, certificates: &[Certificate]) -> Result<Zeroizing<Vec<u8>>, String> {
    let key = child(data, "KeyInfo").and_then(|info| child(info, "EncryptedKey")).ok_or("It has no EncryptedKey")?;
    if method(data) != AES_256_CBC {
        return Err(format!("Its cipher {} is not supported; aes256-cbc is", shown(method(data))));
    }
    let transport = match method(key) {
        RSA_1_5 => Transport::Pkcs1,
        RSA_OAEP => Transport::Oaep,
        other => {
            return Err(format!("Its key transport {} is not supported; rsa-1_5 and rsa-oaep-mgf1p are", shown(other)));
        }
    };
    let wrapped = cipher_value(key).ok_or("It has no CipherValue")?;
    let data = cipher_value(data).ok_or("It has no CipherValue")?;
    certificates
        .iter()
        .filter_map(|certificate| certificate.unwrap(transport, &wrapped))
        .find_map(|session| open(&session, &data))
        .ok_or_else(|| whose(key))
}

/// `xml` under a fresh session key for `certificate`, as an `EncryptedData` element.
pub(crate) fn encrypt(xml: &str, certificate: &Certificate, random: Random<'_>) -> Result<String, Error> {
    let failed = || Error::unavailable("Encryption failed");
    let der = certificate.der().ok_or_else(|| {
        Error::config("The certificate's file has a private key but no certificate that belongs to it")
            .advise("Put both into it: .NET finds the private key by the certificate")
    })?;
    let (mut session, mut iv) = (Zeroizing::new([0; 32]), [0; BLOCK]);
    random(&mut *session)?;
    random(&mut iv)?;
    let mut data = Vec::with_capacity(xml.len() + BLOCK);
    data.extend_from_slice(xml.as_bytes());
    KeySize::Aes256
        .encrypting(&*session)
        .and_then(|key| key.less_safe_encrypt(&mut data, EncryptionContext::Iv128(FixedLength::from(iv))))
        .map_err(|_| failed())?;
    let wrapped = BASE64_STANDARD.encode(certificate.wrap(&*session).ok_or_else(failed)?);
    let (der, value) = (BASE64_STANDARD.encode(der), BASE64_STANDARD.encode([&iv[..], &data].concat()));
    Ok(format!(
        "<EncryptedData Type=\"http://www.w3.org/2001/04/xmlenc#Element\" xmlns=\"http://www.w3.org/2001/04/xmlenc#\">\
         <EncryptionMethod Algorithm=\"{AES_256_CBC}\" />\
         <KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\
         <EncryptedKey xmlns=\"http://www.w3.org/2001/04/xmlenc#\">\
         <EncryptionMethod Algorithm=\"{RSA_OAEP}\" />\
         <KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">\
         <X509Data><X509Certificate>{der}</X509Certificate></X509Data></KeyInfo>\
         <CipherData><CipherValue>{wrapped}</CipherValue></CipherData></EncryptedKey></KeyInfo>\
         <CipherData><CipherValue>{value}</CipherValue></CipherData></EncryptedData>"
    ))
}

fn method<'a>(node: Node<'a, '_>) -> &'a str {
    child(node, "EncryptionMethod").and_then(|node| node.attribute("Algorithm")).unwrap_or_default()
}

fn cipher_value(node: Node<'_, '_>) -> Option<Vec<u8>> {
    let value = child(node, "CipherData").and_then(|data| child(data, "CipherValue"))?;
    BASE64_STANDARD.decode(base64_text(value).as_bytes()).ok()
}

/// The padding's last byte is its length and the others are arbitrary (ISO 10126), so it is not PKCS #7.
fn open(session: &[u8], value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (iv, ciphertext) = value.split_at_checked(BLOCK)?;
    let key = PaddedBlockDecryptingKey::cbc_iso10126(UnboundCipherKey::new(&AES_256, session).ok()?).ok()?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let context = DecryptionContext::Iv128(FixedLength::<BLOCK>::try_from(iv).ok()?);
    let length = key.decrypt(&mut plain, context).ok()?.len();
    plain.truncate(length);
    Some(plain)
}

/// Whose private key it takes.
fn whose(key: Node<'_, '_>) -> String {
    let certificate = child(key, "KeyInfo")
        .and_then(|info| child(info, "X509Data"))
        .and_then(|data| child(data, "X509Certificate"))
        .and_then(|node| BASE64_STANDARD.decode(base64_text(node).as_bytes()).ok());
    match certificate {
        Some(der) => format!(
            "Its secret is encrypted to the certificate with SHA-1 thumbprint {}, and no given private key opens it; give \
             that certificate's PFX or PEM file",
            thumbprint(&der)
        ),
        None => {
            "Its secret is encrypted to a certificate it does not name, and no given private key opens it".to_owned()
        }
    }
}
