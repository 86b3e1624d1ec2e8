//! A new key for a ring, in .NET's format. Keys that are there are never touched.

use std::{
    fmt, fs, io,
    io::Write as _,
    path::Path,
    time::{Duration, SystemTime},
};

use absentia_core::Error;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use uuid::{Builder, Uuid};
use zeroize::Zeroizing;

use crate::{
    Random, algorithm::Algorithm, certificate::Certificate, dates, document::NAMESPACE, encrypted_xml, key::Protection,
    ring::KeyRing,
};

/// .NET's shortest lifetime of a key.
const SHORTEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a new key is to be. The default is .NET's.
#[derive(Clone, Copy, Debug)]
pub struct NewKey {
    /// AES-256-CBC with HMAC-SHA256 by default.
    pub algorithm: Algorithm,
    /// From activation to expiry: 90 days by default, 7 at least.
    pub lifetime: Duration,
    /// When it becomes active. By default at once if the ring has no default key, else when that one expires. Other processes
    /// read a ring once a day: with less than two days ahead, some meet payloads under a key they do not have yet.
    pub activates: Option<SystemTime>,
}

impl Default for NewKey {
    fn default() -> Self {
        Self { algorithm: Algorithm::default(), lifetime: Duration::from_secs(90 * 24 * 3600), activates: None }
    }
}

/// A key as an XML document, to be added to a ring: a file, or `RPUSH` to the list in Redis. Holds the secret.
pub struct KeyDocument {
    id: Uuid,
    xml: Zeroizing<String>,
}

impl KeyDocument {
    /// Makes a key for `ring`.
    ///
    /// # Errors
    /// `Config` when the ring's keys are under a certificate and none is given, or under something that is not supported
    /// here: a key in the clear beside them would undo the protection; when the lifetime is too short. What `random` says.
    pub fn new(
        ring: &KeyRing,
        new: NewKey,
        certificate: Option<&Certificate>,
        now: SystemTime,
        random: Random<'_>,
    ) -> Result<Self, Error> {
        may_add(ring, certificate)?;
        let activates = new.activates.or_else(|| Some(ring.default_key(now)?.expires())).unwrap_or(now);
        let expires = activates.checked_add(new.lifetime).filter(|_| new.lifetime >= SHORTEST).ok_or_else(|| {
            Error::config("The lifetime of a key must be 7 days or more").advise("90 days is what .NET uses")
        })?;
        let mut id = [0; 16];
        random(&mut id)?;
        let id = Builder::from_random_bytes(id).into_uuid();
        let mut master = Zeroizing::new([0; 64]);
        random(&mut *master)?;
        let dates = [now, activates, expires].map(dates::format);
        let [Some(created), Some(activates), Some(expires)] = dates else {
            return Err(Error::config("The dates of the new key are not between 1970 and 9999"));
        };
        let secret = secret(&*master, certificate, random)?;
        let xml = document(id, [&created, &activates, &expires], new.algorithm, &secret);
        Ok(Self { id, xml })
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The document. Holds the secret in the clear, unless a certificate was given.
    pub fn xml(&self) -> &str {
        &self.xml
    }

    /// Writes it as `key-ID.xml` into `folder`, readable by its owner alone, whole or not at all.
    ///
    /// # Errors
    /// `Config` when the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(format!("key-{}.xml", self.id));
        let failed = |error: io::Error| {
            Error::config(format!("The key {} could not be written", path.display()))
                .caused_by(error)
                .advise("The folder must exist and this process may write to it")
        };
        // .NET reads *.xml only.
        let temporary = folder.join(format!(".key-{}.tmp", self.id));
        let written = write_private(&temporary, self.xml.as_bytes()).and_then(|()| fs::hard_link(&temporary, &path));
        let _ = fs::remove_file(&temporary); // it never had another name, and failing to remove it harms nobody
        written.map_err(failed)?;
        // Makes the new name durable. Where folders cannot be synced the file is still whole.
        if let Ok(folder) = fs::File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Adds a key to the ring in `folder` and gives its id. .NET processes find it within a day, or when they start.
///
/// # Errors
/// Those of [`KeyRing::from_folder`], [`KeyDocument::new`] and [`KeyDocument::write`].
pub fn create_key(
    folder: &Path,
    new: NewKey,
    certificate: Option<&Certificate>,
    now: SystemTime,
    random: Random<'_>,
) -> Result<Uuid, Error> {
    let ring = KeyRing::from_folder(folder, certificate.map(std::slice::from_ref).unwrap_or_default())?;
    let key = KeyDocument::new(&ring, new, certificate, now, random)?;
    key.write(folder)?;
    Ok(key.id())
}

fn may_add(ring: &KeyRing, certificate: Option<&Certificate>) -> Result<(), Error> {
    let protected = |by| ring.keys().iter().find(|key| key.protection() == by);
    if let Some(key) = protected(Protection::Other) {
        let why = key.unusable().unwrap_or_default();
        return Err(Error::config(format!("A key cannot be added beside {}: {why}", key.source()))
            .advise("Let the .NET application make its keys"));
    }
    match protected(Protection::Certificate) {
        Some(key) if certificate.is_none() => {
            Err(Error::config(format!("The ring's keys are encrypted to a certificate ({})", key.source()))
                .advise("Give that certificate's PFX or PEM file: a key in the clear would undo the protection"))
        }
        _ => Ok(()),
    }
}

/// The element `masterKey`, or what stands for it.
fn secret(master: &[u8], certificate: Option<&Certificate>, random: Random<'_>) -> Result<Zeroizing<String>, Error> {
    let mut value = Zeroizing::new(String::with_capacity(512));
    value.push_str(&format!("<masterKey p4:requiresEncryption=\"true\" xmlns:p4=\"{NAMESPACE}\"><value>"));
    BASE64_STANDARD.encode_string(master, &mut value);
    value.push_str("</value></masterKey>");
    let Some(certificate) = certificate else { return Ok(value) };
    let encrypted = encrypted_xml::encrypt(&value, certificate, random)?;
    Ok(Zeroizing::new(format!(
        "<encryptedSecret decryptorType=\"{}\" xmlns=\"{NAMESPACE}\">{encrypted}</encryptedSecret>",
        type_name("XmlEncryption.EncryptedXmlDecryptor")
    )))
}

fn document(
    id: Uuid,
    [created, activates, expires]: [&str; 3],
    algorithm: Algorithm,
    secret: &str,
) -> Zeroizing<String> {
    let (encryption, validation) = algorithm.names();
    let validation = validation.map(|name| format!("\n      <validation algorithm=\"{name}\" />")).unwrap_or_default();
    let deserializer =
        type_name("AuthenticatedEncryption.ConfigurationModel.AuthenticatedEncryptorDescriptorDeserializer");
    let head = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<key id=\"{id}\" version=\"1\">\n  \
         <creationDate>{created}</creationDate>\n  <activationDate>{activates}</activationDate>\n  \
         <expirationDate>{expires}</expirationDate>\n  <descriptor deserializerType=\"{deserializer}\">\n    \
         <descriptor>\n      <encryption algorithm=\"{encryption}\" />{validation}\n      "
    );
    let tail = "\n    </descriptor>\n  </descriptor>\n</key>";
    let mut xml = Zeroizing::new(String::with_capacity(head.len() + secret.len() + tail.len()));
    for part in [&head, secret, tail] {
        xml.push_str(part);
    }
    xml
}

/// .NET looks a type up by class and assembly; the version in a name is dropped by its readers.
fn type_name(class: &str) -> String {
    format!(
        "Microsoft.AspNetCore.DataProtection.{class}, Microsoft.AspNetCore.DataProtection, Version=8.0.0.0, \
         Culture=neutral, PublicKeyToken=adb9793829ddae60"
    )
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl fmt::Debug for KeyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyDocument").field("id", &self.id).finish_non_exhaustive()
    }
}
