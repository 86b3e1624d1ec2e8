//! The certificate whose private key opens the secrets of a ring.

use std::{fmt, sync::Arc};

use absentia_core::{Error, Secret};
use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, digest},
    encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{
        KeyPair, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey,
        PrivateDecryptingKey,
    },
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

use crate::pfx;

/// An RSA private key and, if the file had it, its certificate. Cheap to clone; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    key: PrivateDecryptingKey,
    der: Option<Vec<u8>>,
}

/// How XML Encryption carries a session key.
#[derive(Clone, Copy)]
pub(crate) enum Transport {
    /// RSAES-PKCS1-v1_5, which is what .NET writes.
    Pkcs1,
    /// RSAES-OAEP with SHA-1, which .NET reads too.
    Oaep,
}

impl Certificate {
    /// From PEM text: `PRIVATE KEY` or `RSA PRIVATE KEY`, and `CERTIFICATE`, in any order.
    ///
    /// # Errors
    /// `Config` when there is no such key, or it is no RSA key of 2048 to 8192 bits. An encrypted private key is not read.
    pub fn from_pem(pem: &Secret) -> Result<Self, Error> {
        let pem = pem.expose().as_bytes();
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
            Error::config("The PEM text has no private key that can be read").advise(
                "It must have a section PRIVATE KEY or RSA PRIVATE KEY, not encrypted; use a PFX for a password",
            )
        })?;
        let pkcs8 = match &key {
            PrivateKeyDer::Pkcs8(key) => Zeroizing::new(key.secret_pkcs8_der().to_vec()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der())
                .ok()
                .and_then(|pair| pair.as_der().ok())
                .map(|der: Pkcs8V1Der<'_>| Zeroizing::new(der.as_ref().to_vec()))
                .ok_or_else(not_rsa)?,
            _ => return Err(not_rsa()),
        };
        let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).map(|der| der.to_vec()).collect();
        Self::new(&pkcs8, certificates)
    }

    /// From a PFX (PKCS #12) file, as `X509Certificate2` reads it.
    ///
    /// # Errors
    /// `Config` when the password is wrong, the file is damaged, its encryption is one from before AES (the error says how
    /// to convert it), or it holds no RSA key of 2048 to 8192 bits.
    pub fn from_pfx(pfx: &[u8], password: &Secret) -> Result<Self, Error> {
        let contents = pfx::open(pfx, password.expose())?;
        Self::new(&contents.key, contents.certificates)
    }

    fn new(pkcs8: &[u8], certificates: Vec<Vec<u8>>) -> Result<Self, Error> {
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| not_rsa())?;
        let public: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| not_rsa())?;
        // Files hold the chain too. The key's own certificate is the one with its public key inside.
        let public = public.as_ref();
        let der = certificates.into_iter().find(|der| der.windows(public.len()).any(|window| window == public));
        Ok(Self(Arc::new(Inner { key, der })))
    }

    /// The SHA-1 thumbprint in upper-case hexadecimal, as Windows and .NET show it. `None` without a certificate.
    pub fn thumbprint(&self) -> Option<String> {
        self.der().map(thumbprint)
    }

    pub(crate) fn der(&self) -> Option<&[u8]> {
        self.0.der.as_deref()
    }

    /// The session key in `wrapped`. `None`, without a reason, when it is not for this key.
    pub(crate) fn unwrap(&self, transport: Transport, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = self.0.key.clone();
        let mut plain = Zeroizing::new(vec![0; key.key_size_bytes()]);
        let length = match transport {
            Transport::Pkcs1 => Pkcs1PrivateDecryptingKey::new(key).ok()?.decrypt(wrapped, &mut plain).ok()?.len(),
            Transport::Oaep => OaepPrivateDecryptingKey::new(key)
                .ok()?
                .decrypt(&OAEP_SHA1_MGF1SHA1, wrapped, &mut plain, None)
                .ok()?
                .len(),
        };
        plain.truncate(length);
        Some(plain)
    }

    /// `session` under the public key, by OAEP. Draws on the crypto library's own generator.
    pub(crate) fn wrap(&self, session: &[u8]) -> Option<Vec<u8>> {
        let key = OaepPublicEncryptingKey::new(self.0.key.public_key()).ok()?;
        let mut wrapped = vec![0; key.ciphertext_size()];
        let length = key.encrypt(&OAEP_SHA1_MGF1SHA1, session, &mut wrapped, None).ok()?.len();
        wrapped.truncate(length);
        Some(wrapped)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("thumbprint", &self.thumbprint()).finish_non_exhaustive()
    }
}

/// The SHA-1 thumbprint of a certificate. A name, not a proof of anything.
pub(crate) fn thumbprint(der: &[u8]) -> String {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

fn not_rsa() -> Error {
    Error::config("The private key is no RSA key of 2048 to 8192 bits")
        .advise("Data Protection encrypts key rings to RSA certificates only")
}
