//! Rings made for the tests: key files with dates around `now`, and what .NET 10.0.12 chose from them.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use absentia_data_protection::Certificate;
use jiff::Timestamp;

pub(crate) const HOUR: i64 = 60;
pub(crate) const DAY: i64 = 24 * HOUR;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Good,
    Revoked,
    /// Its algorithm does not exist.
    Unusable,
}

/// A key: number, and minutes from now to its creation, activation and expiry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made(pub(crate) u32, pub(crate) i64, pub(crate) i64, pub(crate) i64, pub(crate) State);

use State::{Good, Revoked, Unusable};

/// A ring, and the number of the key that .NET protects with when it makes none; `None`: it refuses.
pub(crate) const CASES: &[(&str, &[Made], Option<u32>)] = &[
    ("nothing", &[], None),
    (
        "the last activated",
        &[Made(1, -50 * DAY, -50 * DAY, 40 * DAY, Good), Made(2, -10 * DAY, -8 * DAY, 80 * DAY, Good)],
        Some(2),
    ),
    (
        "also if it is an hour old",
        &[Made(1, -50 * DAY, -50 * DAY, 40 * DAY, Good), Made(2, -HOUR, -HOUR, 80 * DAY, Good)],
        Some(2),
    ),
    (
        "the last of two new ones",
        &[Made(1, -5 * HOUR, -5 * HOUR, 40 * DAY, Good), Made(2, -HOUR, -HOUR, 80 * DAY, Good)],
        Some(2),
    ),
    (
        "within the skew",
        &[Made(1, -50 * DAY, -50 * DAY, 40 * DAY, Good), Made(2, -10 * DAY, 4, 80 * DAY, Good)],
        Some(2),
    ),
    (
        "beyond the skew",
        &[Made(1, -50 * DAY, -50 * DAY, 40 * DAY, Good), Made(2, -10 * DAY, 6, 80 * DAY, Good)],
        Some(1),
    ),
    (
        "a tie goes to the smaller id",
        &[Made(2, -50 * DAY, -50 * DAY, 40 * DAY, Good), Made(1, -10 * DAY, -50 * DAY, 80 * DAY, Good)],
        Some(1),
    ),
    (
        "the last one expired",
        &[Made(1, -50 * DAY, -50 * DAY, 40 * DAY, Good), Made(2, -10 * DAY, -8 * DAY, -DAY, Good)],
        Some(1),
    ),
    (
        "expiry has no skew",
        &[Made(1, -89 * DAY, -89 * DAY, -3, Good), Made(2, -80 * DAY, -100 * DAY, 3 * DAY, Good)],
        Some(2),
    ),
    (
        "the last one revoked",
        &[Made(1, -50 * DAY, -50 * DAY, 40 * DAY, Good), Made(2, -10 * DAY, -8 * DAY, 80 * DAY, Revoked)],
        Some(1),
    ),
    (
        "the last one unusable",
        &[Made(1, -50 * DAY, -50 * DAY, 40 * DAY, Good), Made(2, -10 * DAY, -8 * DAY, 80 * DAY, Unusable)],
        Some(1),
    ),
    (
        "all expired, the rejected one is not reconsidered",
        &[
            Made(1, -500 * DAY, -500 * DAY, -400 * DAY, Good),
            Made(2, -300 * DAY, -300 * DAY, -200 * DAY, Good),
            Made(3, -100 * DAY, -100 * DAY, -8 * DAY, Good),
        ],
        Some(2),
    ),
    (
        "the fallback is by creation",
        &[
            Made(1, -80 * DAY, -80 * DAY, 10 * DAY, Good),
            Made(2, -90 * DAY, -50 * DAY, 40 * DAY, Good),
            Made(3, -10 * DAY, -10 * DAY, -8 * DAY, Good),
        ],
        Some(1),
    ),
    ("one expired", &[Made(1, -500 * DAY, -500 * DAY, -400 * DAY, Good)], None),
    ("one revoked", &[Made(1, -50 * DAY, -50 * DAY, 40 * DAY, Revoked)], None),
    ("one expired that is young", &[Made(1, -5 * HOUR, -5 * HOUR, -HOUR, Good)], Some(1)),
    (
        "the oldest of the young",
        &[
            Made(1, -5 * HOUR, -5 * HOUR, -HOUR, Good),
            Made(2, -4 * HOUR, -4 * HOUR, -HOUR, Good),
            Made(3, -3 * HOUR, -3 * HOUR, -HOUR, Good),
        ],
        Some(1),
    ),
    (
        "an old one before a young one",
        &[Made(1, -50 * DAY, -50 * DAY, -10 * DAY, Good), Made(2, -HOUR, -HOUR, -30, Good)],
        Some(1),
    ),
    (
        "only future ones",
        &[Made(1, -50 * DAY, 10 * DAY, 40 * DAY, Good), Made(2, -10 * DAY, 8 * DAY, 80 * DAY, Good)],
        Some(2),
    ),
    (
        "only future ones that are young",
        &[Made(1, -5 * HOUR, 10 * DAY, 40 * DAY, Good), Made(2, -HOUR, 8 * DAY, 80 * DAY, Good)],
        Some(1),
    ),
];

pub(crate) fn id(number: u32) -> uuid::Uuid {
    format!("{number:08x}-0000-4000-8000-000000000000").parse().unwrap()
}

pub(crate) fn date(at: SystemTime) -> String {
    Timestamp::try_from(at).unwrap().round(jiff::Unit::Microsecond).unwrap().to_string()
}

fn after(now: SystemTime, minutes: i64) -> String {
    let away = Duration::from_secs(60 * minutes.unsigned_abs());
    date(if minutes < 0 { now - away } else { now + away })
}

/// Writes the ring into `folder`, with the type names that .NET looks up.
pub(crate) fn write_ring(folder: &Path, keys: &[Made], now: SystemTime) {
    for Made(number, created, activates, expires, state) in keys {
        let id = id(*number);
        let algorithm = if *state == Unusable { "AES_999_CBC" } else { "AES_256_CBC" };
        let value = "A".repeat(85) + &format!("{}==", ["A", "Q", "g", "w"][*number as usize % 4]);
        let [created, activates, expires] = [created, activates, expires].map(|minutes| after(now, *minutes));
        let xml = format!(
            "<key id=\"{id}\" version=\"1\"><creationDate>{created}</creationDate><activationDate>{activates}</activationDate>\
             <expirationDate>{expires}</expirationDate><descriptor deserializerType=\"Microsoft.AspNetCore.DataProtection.\
             AuthenticatedEncryption.ConfigurationModel.AuthenticatedEncryptorDescriptorDeserializer, \
             Microsoft.AspNetCore.DataProtection\"><descriptor><encryption algorithm=\"{algorithm}\" /><validation \
             algorithm=\"HMACSHA256\" /><masterKey p4:requiresEncryption=\"true\" \
             xmlns:p4=\"http://schemas.asp.net/2015/03/dataProtection\"><value>{value}</value></masterKey></descriptor>\
             </descriptor></key>"
        );
        fs::write(folder.join(format!("key-{id}.xml")), xml).unwrap();
        if *state == Revoked {
            let xml = format!(
                "<revocation version=\"1\"><revocationDate>{}</revocationDate><key id=\"{id}\" /><reason /></revocation>",
                date(now)
            );
            fs::write(folder.join(format!("revocation-{id}.xml")), xml).unwrap();
        }
    }
}

/// The certificate of the fixture `ring-x509`.
pub(crate) fn pfx() -> Certificate {
    let path = fixtures().join("ring-x509.pfx");
    Certificate::from_pfx(&fs::read(path).unwrap(), &absentia_core::Secret::new("fixture")).unwrap()
}

pub(crate) fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat/data-protection")
}

pub(crate) fn random(bytes: &mut [u8]) -> Result<(), absentia_core::Error> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| absentia_core::Error::unavailable("No random bytes"))
}
