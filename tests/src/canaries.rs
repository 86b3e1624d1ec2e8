//! Tokens that can be told wherever they lie: 10,000 of them, however they were spelled.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use absentia_core::encoding::sha256_base64url;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// How many tokens are written, two to an entry.
pub const TOKENS: usize = 10_000;
/// What each begins with: long enough that whatever spelling it is in, eight bytes of it are always the same.
const MARK: &str = "canary.of.absentia.";
/// How long a token's number is.
const NUMBER: usize = 5;

/// One token. What tells it is there twice: where a page of a database ends in the midst of one, the other is whole.
pub fn token(number: usize) -> String {
    let own = format!("{MARK}{number:0NUMBER$}{}", sha256_base64url(&number.to_string()));
    format!("{own}.{own}")
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The numbers of the tokens that lie there as they are.
    pub raw: BTreeSet<usize>,
    /// The files where a token lies in a spelling of this name.
    pub spelled: BTreeMap<&'static str, BTreeSet<String>>,
    /// The files that were read, with their length.
    pub files: BTreeMap<String, usize>,
}

impl Found {
    /// Adds what was found elsewhere, or later, in files of names of their own.
    pub fn add(&mut self, other: Self) {
        self.raw.extend(other.raw);
        self.files.extend(other.files);
        for (spelling, files) in other.spelled {
            self.spelled.entry(spelling).or_default().extend(files);
        }
    }
}

/// Reads every file below a folder.
pub fn scan(folder: &Path) -> Found {
    let mut found = Found::default();
    walk(folder, folder, &marks(), &mut found);
    found
}

fn walk(root: &Path, folder: &Path, marks: &[(&'static str, [u8; 8])], found: &mut Found) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, marks, found);
        } else {
            let bytes = fs::read(&path).unwrap();
            let name = path.strip_prefix(root.parent().unwrap()).unwrap().display().to_string();
            look(&bytes, &name, marks, found);
            found.files.insert(name, bytes.len());
        }
    }
}

fn look(bytes: &[u8], file: &str, marks: &[(&'static str, [u8; 8])], found: &mut Found) {
    let mut begins = [false; 256];
    marks.iter().for_each(|(_, mark)| begins[usize::from(mark[0])] = true);
    for (at, byte) in bytes.iter().enumerate() {
        // Most bytes begin no mark.
        if !begins[usize::from(*byte)] {
            continue;
        }
        for (spelling, _) in marks.iter().filter(|(_, mark)| bytes[at..].starts_with(mark)) {
            found.spelled.entry(spelling).or_default().insert(file.to_owned());
            let number = bytes[at..].strip_prefix(MARK.as_bytes()).and_then(|rest| rest.get(..NUMBER));
            found.raw.extend(number.and_then(|number| std::str::from_utf8(number).ok()?.parse::<usize>().ok()));
        }
    }
}

/// The first eight bytes of what a token looks like in each spelling, whatever stands before it.
fn marks() -> Vec<(&'static str, [u8; 8])> {
    let eight = |spelled: &[u8]| <[u8; 8]>::try_from(&spelled[..8]).unwrap();
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let little: Vec<u8> = MARK.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = MARK.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut marks = vec![
        ("raw", eight(MARK.as_bytes())),
        ("hexadecimal", eight(hex.as_bytes())),
        ("hexadecimal", eight(hex.to_uppercase().as_bytes())),
        ("UTF-16", eight(&little)),
        ("UTF-16", eight(&big)),
    ];
    // Whole groups of three bytes look the same wherever the text begins; of the mark, in either alphabet.
    for skipped in 0..3 {
        let encoded = STANDARD.encode(&MARK.as_bytes()[skipped..skipped + 6]);
        assert!(!encoded.contains(['+', '/']), "the mark would be spelled in two ways");
        marks.push(("base64", eight(encoded.as_bytes())));
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let text = |at: usize| format!("{}{{\"secret\":\"{}\"}}", &"xyz"[..at], token(42));
        let spellings: [(&str, &str, Vec<u8>); 7] = [
            ("raw", "raw", text(0).into_bytes()),
            ("base64 0", "base64", STANDARD.encode(text(0)).into_bytes()),
            ("base64 1", "base64", STANDARD.encode(text(1)).into_bytes()),
            ("base64 2", "base64", STANDARD.encode(text(2)).into_bytes()),
            ("hex", "hexadecimal", text(0).bytes().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect()),
            ("le", "UTF-16", text(0).encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ("be", "UTF-16", text(0).encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ];
        for (file, spelling, bytes) in spellings {
            let own = folder.path().join(file);
            fs::create_dir(&own).unwrap();
            fs::write(own.join("f"), bytes).unwrap();
            let found = scan(&own);
            assert_eq!(found.spelled.keys().copied().collect::<Vec<_>>(), [spelling], "{file}");
            assert_eq!(found.raw.contains(&42), spelling == "raw", "{file}");
        }
        let none = folder.path().join("none");
        fs::create_dir(&none).unwrap();
        fs::write(none.join("f"), "a canary that is none, and others".repeat(100)).unwrap();
        assert!(scan(&none).spelled.is_empty());
    }
}
