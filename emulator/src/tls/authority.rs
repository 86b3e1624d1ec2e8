//! The authority: a key, and a certificate that vouches for loopback names alone.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::clock::UnixSeconds;
use crate::random::sha256_of;

const DAY: i64 = 24 * 3600;
/// How long an authority is good for.
const AUTHORITY_LIFE: i64 = 3650 * DAY;
/// How long a server certificate is good for.
const SERVER_LIFE: i64 = 90 * DAY;
/// Clocks of virtual machines differ: certificates begin before they are made.
const EARLIER: i64 = 2 * DAY;
/// What the server certificates are for. Nothing else can be: the authority is constrained to these.
pub(crate) const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file or folder cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// `read`, `create` or `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The files of the authority are there and cannot be used.
    #[error(
        "{}: {what}. Remove ca.pem and ca-key.pem there: a new authority is made at the next start, and has to be \
         trusted anew", folder.display()
    )]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// This system has no folder for a user's data.
    #[error("there is no folder for the certificate authority: set XDG_DATA_HOME or HOME, or give --data FOLDER")]
    NoFolder,
    /// An emulator that speaks plain HTTP has no authority.
    #[error("this emulator has no certificate authority: start it with `https(true)`")]
    NoAuthority,
    /// The authority cannot vouch for a host that is not on this machine.
    #[error(
        "{0}: the emulator's authority vouches for loopback names alone: localhost, names that end with .localhost, \
         127.0.0.0/8 and ::1. Take a certificate for other hosts from an authority of your organisation"
    )]
    NotLoopback(String),
    /// Keys or certificates could not be made.
    #[error("no certificate could be made")]
    Cryptography,
}

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A server certificate with its key and chain.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) key: Arc<CertifiedKey>,
    /// When it ends.
    pub(crate) until: UnixSeconds,
}

impl Authority {
    /// A new authority that is kept nowhere.
    pub(crate) fn in_memory(now: UnixSeconds) -> Result<Authority, TlsError> {
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = Authority::certify(&key, now)?;
        let pem = certificate.pem();
        Authority::new(key, certificate.der().clone(), pem)
    }

    /// The authority of a key and the certificate that was made for it.
    pub(super) fn new(key: KeyPair, certificate: CertificateDer<'static>, pem: String) -> Result<Authority, TlsError> {
        Ok(Authority { issuer: Issuer::new(named(&key), key), certificate, pem })
    }

    /// The certificate of an authority with this key. Two made for one key name the same authority.
    pub(super) fn certify(key: &KeyPair, now: UnixSeconds) -> Result<rcgen::Certificate, TlsError> {
        let mut params = lasting(named(key), now, AUTHORITY_LIFE)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let loopback = CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8);
        let loopback_v6 = CidrSubnet::from_addr_prefix(IpAddr::V6(Ipv6Addr::LOCALHOST), 128);
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![
                GeneralSubtree::DnsName("localhost".to_owned()),
                GeneralSubtree::IpAddress(loopback),
                GeneralSubtree::IpAddress(loopback_v6),
            ],
            excluded_subtrees: Vec::new(),
        });
        params.self_signed(key).map_err(failed)
    }

    /// The authority's certificate in PEM: what clients are to trust.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A new server certificate.
    pub(crate) fn issue(&self, provider: &CryptoProvider, now: UnixSeconds) -> Result<Issued, TlsError> {
        let (certificate, key) = self.server(&NAMES, now)?;
        let secret = PrivateKeyDer::try_from(key.serialize_der()).map_err(|_| TlsError::Cryptography)?;
        // The authority is in the chain too: Chromium can then be told to accept it by its key.
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        let key = CertifiedKey::from_der(chain, secret, provider).map_err(|_| TlsError::Cryptography)?;
        Ok(Issued { key: Arc::new(key), until: now + SERVER_LIFE })
    }

    /// A new server certificate for other programs: certificate and chain, and the key, in PEM.
    pub(crate) fn issue_pem(&self, hosts: &[&str], now: UnixSeconds) -> Result<(String, String), TlsError> {
        if let Some(host) = hosts.iter().find(|host| !is_loopback(host)) {
            return Err(TlsError::NotLoopback((*host).to_owned()));
        }
        let (certificate, key) = self.server(hosts, now)?;
        Ok((certificate.pem() + &self.pem, key.serialize_pem()))
    }

    fn server(&self, hosts: &[&str], now: UnixSeconds) -> Result<(rcgen::Certificate, KeyPair), TlsError> {
        let key = KeyPair::generate().map_err(failed)?;
        let names: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = lasting(CertificateParams::new(names).map_err(failed)?, now, SERVER_LIFE)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, *hosts.first().unwrap_or(&"localhost"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok((certificate, key))
    }
}

/// Whether the constraints of the authority let it vouch for that host.
fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => {
            let host = host.to_ascii_lowercase();
            let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
            plain && (host == "localhost" || host.ends_with(".localhost"))
        }
    }
}

/// The name has a piece of the key in it: no two authorities are called the same, which browsers would refuse.
fn named(key: &KeyPair) -> CertificateParams {
    let digest = sha256_of(&["authority", &hex(&key.subject_public_key_info())]);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "absentia");
    let piece = hex(digest.get(..4).unwrap_or_default());
    params.distinguished_name.push(DnType::CommonName, format!("Entra emulator on this machine {piece}"));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn lasting(mut params: CertificateParams, now: UnixSeconds, life: i64) -> Result<CertificateParams, TlsError> {
    let day = |at: UnixSeconds| {
        let date = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(at).ok()?).date();
        let [month, day] = [date.month(), date.day()].map(|n| u8::try_from(n).unwrap_or(1));
        Some(rcgen::date_time_ymd(date.year().into(), month, day))
    };
    params.not_before = day(now - EARLIER).ok_or(TlsError::Cryptography)?;
    params.not_after = day(now + life).ok_or(TlsError::Cryptography)?;
    Ok(params)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(_: rcgen::Error) -> TlsError {
    TlsError::Cryptography
}
