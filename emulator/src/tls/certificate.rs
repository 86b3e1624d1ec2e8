//! The two things that have to be read out of a certificate (RFC 5280 4.1): when it ends, and its key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::clock::UnixSeconds;

/// What was read.
#[derive(Debug)]
pub(super) struct Facts<'c> {
    pub(super) ends: UnixSeconds,
    /// The `SubjectPublicKeyInfo`, tag and length included.
    pub(super) public_key: &'c [u8],
}

/// Reads a certificate, if it is one.
pub(super) fn read(der: &[u8]) -> Option<Facts<'_>> {
    let (certificate, _) = take(der, 0x30)?;
    let (tbs, _) = take(certificate.content, 0x30)?;
    let mut rest = tbs.content;
    // Version, serial number, signature algorithm, issuer.
    for tag in [0xa0, 0x02, 0x30, 0x30] {
        (_, rest) = take(rest, tag)?;
    }
    let (validity, rest) = take(rest, 0x30)?;
    let (_, rest) = take(rest, 0x30)?;
    let (public_key, _) = take(rest, 0x30)?;
    let (_, after) = take_any(validity.content)?;
    let (ends, _) = take_any(after)?;
    Some(Facts { ends: moment(ends)?, public_key: public_key.whole })
}

/// Base64 of the SHA-256 of the key in a PEM certificate: how Chromium names one.
pub(crate) fn public_key_hash(pem: &str) -> Option<String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let facts = read(&der)?;
    Some(STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, facts.public_key)))
}

#[derive(Clone, Copy)]
struct Element<'d> {
    tag: u8,
    content: &'d [u8],
    whole: &'d [u8],
}

fn take(data: &[u8], tag: u8) -> Option<(Element<'_>, &[u8])> {
    take_any(data).filter(|(element, _)| element.tag == tag)
}

fn take_any(data: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&[tag, short], rest) = data.split_first_chunk::<2>()?;
    let (length, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        let length = digits.iter().try_fold(0_usize, |sum, &d| sum.checked_mul(256)?.checked_add(d.into()))?;
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = data.get(..data.len() - rest.len())?;
    Some((Element { tag, content, whole }, rest))
}

/// `UTCTime` until 2049, `GeneralizedTime` after.
fn moment(element: Element<'_>) -> Option<UnixSeconds> {
    let text = std::str::from_utf8(element.content).ok()?;
    let text = match element.tag {
        0x17 => format!("{}{text}", if text < "5" { "20" } else { "19" }),
        0x18 => text.to_owned(),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text.strip_suffix('Z')?).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(time).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Authority;

    #[test]
    fn end_and_key_of_a_certificate_are_read() {
        let authority = Authority::in_memory(1_795_291_882).unwrap();
        let der = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
        let facts = read(&der).unwrap();
        assert!((3649..=3650).contains(&((facts.ends - 1_795_291_882) / 86400)), "{facts:?}");
        assert_eq!(facts.public_key.len(), 91, "P-256");
        assert_eq!(public_key_hash(authority.pem()).unwrap().len(), 44);
        for cut in 0..der.len() {
            assert!(read(&der[..cut]).is_none());
        }
    }
}
