//! The elements of a ring: `key` and `revocation` (`key-storage-format.md`).

use std::time::SystemTime;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use roxmltree::Node;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    algorithm::Algorithm,
    certificate::Certificate,
    dates,
    document::{NAMESPACE, base64_text, child, parse, shown},
    encrypted_xml,
    encryptor::Encryptor,
    key::{Key, Protection},
};

/// What a `revocation` element takes away.
pub(crate) enum Revocation {
    /// One key.
    Key(Uuid),
    /// All that were made before this date.
    Before(SystemTime),
}

/// Reads a `key` element. What is wrong follows "has".
pub(crate) fn key(node: Node<'_, '_>, source: &str, certificates: &[Certificate]) -> Result<Key, &'static str> {
    if node.attribute("version") != Some("1") {
        return Err("another version than 1");
    }
    let id = node.attribute("id").and_then(|id| Uuid::parse_str(id).ok()).ok_or("no GUID as its id")?;
    let date = |name| child(node, name).and_then(|node| node.text()).and_then(dates::parse);
    let (protection, secret) = secret(node, certificates);
    Ok(Key {
        id,
        created: date("creationDate").ok_or("no creationDate with a time zone")?,
        activates: date("activationDate").ok_or("no activationDate with a time zone")?,
        expires: date("expirationDate").ok_or("no expirationDate with a time zone")?,
        revoked: false,
        source: source.to_owned(),
        protection,
        secret,
    })
}

/// Reads a `revocation` element. What is wrong follows "has".
pub(crate) fn revocation(node: Node<'_, '_>) -> Result<Revocation, &'static str> {
    if node.attribute("version") != Some("1") {
        return Err("another version than 1");
    }
    match child(node, "key").and_then(|key| key.attribute("id")) {
        Some("*") => child(node, "revocationDate")
            .and_then(|date| date.text())
            .and_then(dates::parse)
            .map(Revocation::Before)
            .ok_or("no revocationDate with a time zone"),
        Some(id) => Uuid::parse_str(id).map(Revocation::Key).map_err(|_| "no GUID as the id of its key"),
        None => Err("no key"),
    }
}

fn secret(key: Node<'_, '_>, certificates: &[Certificate]) -> (Protection, Result<Encryptor, String>) {
    let Some(outer) = child(key, "descriptor") else {
        return (Protection::Other, Err("It has no descriptor".to_owned()));
    };
    let class = class(outer.attribute("deserializerType"));
    if class != "AuthenticatedEncryptorDescriptorDeserializer" {
        let other =
            format!("Its descriptor is of another kind ({class}); only UseCryptographicAlgorithms is supported");
        return (Protection::Other, Err(other));
    }
    let Some(inner) = child(outer, "descriptor") else {
        return (Protection::Other, Err("Its descriptor is empty".to_owned()));
    };
    let (protection, master) = master_key(inner, certificates);
    let secret = algorithm(inner).and_then(|algorithm| {
        Encryptor::new(algorithm, &master?).ok_or_else(|| format!("The crypto library does not have {algorithm}"))
    });
    (protection, secret)
}

fn algorithm(descriptor: Node<'_, '_>) -> Result<Algorithm, String> {
    let named = |name| child(descriptor, name).and_then(|node| node.attribute("algorithm"));
    let encryption = named("encryption").unwrap_or_default();
    let validation = named("validation");
    Algorithm::named(encryption, validation).ok_or_else(|| {
        let (encryption, validation) = (shown(encryption), shown(validation.unwrap_or("nothing")));
        format!("Its algorithms {encryption} and {validation} are not supported; AES_*_CBC with HMACSHA256 or HMACSHA512, and AES_*_GCM are")
    })
}

type Master = Result<Zeroizing<Vec<u8>>, String>;

fn master_key(descriptor: Node<'_, '_>, certificates: &[Certificate]) -> (Protection, Master) {
    if let Some(master) = child(descriptor, "masterKey") {
        return (Protection::None, decoded(master));
    }
    let Some(secret) =
        child(descriptor, "encryptedSecret").filter(|node| node.tag_name().namespace() == Some(NAMESPACE))
    else {
        return (Protection::Other, Err("It has no masterKey".to_owned()));
    };
    match class(secret.attribute("decryptorType")).as_str() {
        "EncryptedXmlDecryptor" => (Protection::Certificate, decrypted(secret, certificates)),
        "NullXmlDecryptor" => {
            let master = child(secret, "unencryptedKey").and_then(|node| child(node, "masterKey"));
            (Protection::None, master.ok_or_else(|| "It has no masterKey".to_owned()).and_then(decoded))
        }
        "DpapiXmlDecryptor" | "DpapiNGXmlDecryptor" => (
            Protection::Other,
            Err("Its secret is encrypted with DPAPI, which works only inside Windows; let the \
                .NET application use ProtectKeysWithCertificate"
                .to_owned()),
        ),
        "AzureKeyVaultXmlDecryptor" => (
            Protection::Other,
            Err("Its secret is encrypted with a key in Azure Key Vault, which is not supported; let \
                the .NET application use ProtectKeysWithCertificate"
                .to_owned()),
        ),
        other => (Protection::Other, Err(format!("Its secret is encrypted in a way that is not supported ({other})"))),
    }
}

fn decrypted(secret: Node<'_, '_>, certificates: &[Certificate]) -> Master {
    let data = child(secret, "EncryptedData").ok_or_else(|| "It has no EncryptedData".to_owned())?;
    let bytes = encrypted_xml::decrypt(data, certificates)?;
    // Nothing of what was decrypted may be in the error.
    let text = std::str::from_utf8(&bytes).map_err(|_| "Its secret is not XML".to_owned())?;
    let document = parse(text).map_err(|_| "Its secret is not XML".to_owned())?;
    let master = document.root_element();
    if master.tag_name().name() == "masterKey" { decoded(master) } else { Err("It has no masterKey".to_owned()) }
}

fn decoded(master: Node<'_, '_>) -> Master {
    match BASE64_STANDARD.decode(base64_text(master).as_bytes()).map(Zeroizing::new) {
        Ok(key) if !key.is_empty() => Ok(key),
        _ => Err("Its masterKey is not Base64".to_owned()),
    }
}

/// The class of an assembly-qualified type name: assemblies and versions change, and .NET forwards old ones.
fn class(name: Option<&str>) -> String {
    let name = name.unwrap_or("none").split(',').next().unwrap_or_default();
    shown(name.rsplit('.').next().unwrap_or_default().trim())
}
