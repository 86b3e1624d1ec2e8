//! Looking for secrets in whatever was written: logs, panics, databases, the output of processes.

use std::{collections::HashMap, fmt};

use absentia_emulator::{IssuedSecret, SecretKind};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// The start of a needle that is looked up; what is shorter is compared at each place.
const START: usize = 12;
/// What is shorter than this is no secret anybody could tell from other text.
const SHORTEST: usize = 4;
/// A piece of a longer secret is as bad as all of it.
const PIECE: usize = 32;

/// A secret to look for. `Debug` does not show it.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Sought {
    /// What it is, for the message.
    pub kind: String,
    value: Vec<u8>,
}

/// A secret that was found. Says where, not what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// What it is.
    pub kind: String,
    /// How it was written.
    pub spelling: &'static str,
    /// Where, in bytes.
    pub at: usize,
}

impl Sought {
    /// A secret of this kind.
    pub fn new(kind: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        let (kind, value) = (kind.into(), value.into());
        assert!(value.len() >= SHORTEST, "a {kind} of {} bytes cannot be looked for", value.len());
        Self { kind, value }
    }

    /// The secret itself, for a control that shows it on purpose.
    pub fn reveal(&self) -> &[u8] {
        &self.value
    }
}

impl fmt::Debug for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.kind, self.value.len())
    }
}

/// Everything an emulator gave out, but for the passwords of its users: those are published, and typed by people.
pub fn issued(secrets: &[IssuedSecret]) -> Vec<Sought> {
    let kept = secrets.iter().filter(|secret| secret.kind != SecretKind::Password);
    kept.map(|secret| Sought::new(format!("{:?}", secret.kind), secret.value.as_bytes())).collect()
}

/// Where the secrets are in `haystack`: raw, percent-encoded, or in base64 at whatever offset, whole or a piece of 32 bytes
/// from the middle or the end.
pub fn find(secrets: &[Sought], haystack: impl AsRef<[u8]>) -> Vec<Found> {
    let haystack = haystack.as_ref();
    let mut needles: HashMap<Vec<u8>, (&str, &'static str)> = HashMap::new();
    for secret in secrets {
        for (spelling, needle) in spellings(&secret.value) {
            needles.entry(needle).or_insert((&secret.kind, spelling));
        }
    }
    let found = |needle: &[u8], at: usize| {
        let (kind, spelling) = needles[needle];
        Found { kind: kind.to_owned(), spelling, at }
    };
    let (long, short): (Vec<&[u8]>, Vec<&[u8]>) =
        needles.keys().map(Vec::as_slice).partition(|needle| needle.len() >= START);
    let mut by_start: HashMap<&[u8], Vec<&[u8]>> = HashMap::new();
    for needle in long {
        by_start.entry(&needle[..START]).or_default().push(needle);
    }
    let mut all = Vec::new();
    for (at, start) in haystack.windows(START).enumerate() {
        let candidates = by_start.get(start).into_iter().flatten();
        all.extend(candidates.filter(|needle| haystack[at..].starts_with(needle)).map(|needle| found(needle, at)));
    }
    for needle in short {
        let places = haystack.windows(needle.len()).enumerate().filter(|(_, there)| *there == needle);
        all.extend(places.map(|(at, _)| found(needle, at)));
    }
    all.sort_by_key(|found| found.at);
    all
}

/// The needles of one secret.
fn spellings(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut parts = vec![value];
    if value.len() >= 2 * PIECE {
        parts.extend([&value[value.len() / 2..][..PIECE], &value[value.len() - PIECE..]]);
    }
    let mut needles = Vec::new();
    for part in parts {
        needles.push(("raw", part.to_vec()));
        needles.push(("hexadecimal", part.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()));
        needles.push(("list", part.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes()));
        needles.push(("escaped", part.escape_ascii().to_string().into_bytes()));
        let encoded = percent_encode(part, NON_ALPHANUMERIC).to_string();
        needles.push(("percent-encoded", lowercase_escapes(&encoded)));
        needles.push(("percent-encoded", encoded.into_bytes()));
        // A form, or a URL's query, leaves more as it is.
        needles.push(("percent-encoded", url::form_urlencoded::byte_serialize(part).collect::<String>().into_bytes()));
        for skipped in 0..3 {
            // Whole groups of three bytes look the same whatever stands around them.
            let rest = part.get(skipped..).unwrap_or_default();
            let whole = &rest[..rest.len() / 3 * 3];
            if whole.len() >= 6 {
                needles.push(("base64", STANDARD.encode(whole).into_bytes()));
                needles.push(("base64url", URL_SAFE_NO_PAD.encode(whole).into_bytes()));
            }
        }
    }
    needles
}

/// `%2F` as `%2f`.
fn lowercase_escapes(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for at in 0..bytes.len() {
        if bytes[at] == b'%' {
            bytes[at + 1..].iter_mut().take(2).for_each(u8::make_ascii_lowercase);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "s3cret~with/strange+signs=and a blank, long enough to have pieces of its own: 0123456789abcdef";

    fn spelled(text: impl AsRef<[u8]>) -> Vec<&'static str> {
        find(&[Sought::new("x", SECRET)], text).into_iter().map(|found| found.spelling).collect()
    }

    #[test]
    fn every_spelling_is_found_in_the_midst_of_other_text() {
        let wrapped = |text: &str| format!("before {text} after");
        assert!(spelled("nothing of the kind").is_empty());
        assert!(spelled(wrapped(SECRET)).contains(&"raw"));
        assert!(spelled(wrapped(&format!("{:?}", format!("\"{SECRET}")))).contains(&"raw"));
        assert!(spelled(wrapped(&format!("{:?}", SECRET.as_bytes()))).contains(&"list"));
        let percent = percent_encode(SECRET.as_bytes(), NON_ALPHANUMERIC).to_string();
        assert!(spelled(wrapped(&percent)).contains(&"percent-encoded"));
        assert!(spelled(lowercase_escapes(&percent)).contains(&"percent-encoded"));
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("a", SECRET).finish();
        assert!(spelled(form).contains(&"percent-encoded"));
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{SECRET}:x");
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                // Where neither `+` nor `/` comes out, the two are one.
                assert!(spelled(wrapped(&encoded)).iter().any(|found| found.starts_with("base64")), "{before}");
            }
        }
        assert!(!spelled(&SECRET[SECRET.len() - PIECE..]).is_empty(), "a piece is as bad");
    }

    #[test]
    fn kind_and_place_are_told_and_the_secret_is_not() {
        let found = find(&[Sought::new("short", "abcd"), Sought::new("long", SECRET)], "..abcd");
        assert_eq!(found, [Found { kind: "short".into(), spelling: "raw", at: 2 }]);
        assert!(!format!("{:?}", Sought::new("x", SECRET)).contains("s3cret"));
    }
}
