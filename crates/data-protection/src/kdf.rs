//! The derivation of all keys: NIST SP 800-108 in counter mode over HMAC-SHA512.

use aws_lc_rs::hmac::{Context, Key};

/// Fills `out` with `K(1) ‖ K(2) ‖ …`, `K(i) = HMAC(key, i ‖ label ‖ 00 ‖ context ‖ bits of out)`.
///
/// `aws_lc_rs::kdf` has the same function, but not for the empty key that the context header asks for.
pub(crate) fn derive(key: &Key, label: &[u8], context: &[&[u8]], out: &mut [u8]) {
    let bits = u32::try_from(out.len() * 8).unwrap_or(u32::MAX).to_be_bytes();
    for (chunk, counter) in out.chunks_mut(64).zip(1_u32..) {
        let mut mac = Context::with_key(key);
        mac.update(&counter.to_be_bytes());
        mac.update(label);
        mac.update(&[0]);
        for part in context {
            mac.update(part);
        }
        mac.update(&bits);
        chunk.copy_from_slice(&mac.sign().as_ref()[..chunk.len()]);
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac::HMAC_SHA512;
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    use super::*;

    fn derived(key: &[u8], label: &str, context: &[&[u8]], length: usize) -> String {
        let mut out = vec![0; length];
        derive(&Key::new(HMAC_SHA512, key), label.as_bytes(), context, &mut out);
        BASE64_STANDARD.encode(out)
    }

    /// dotnet/aspnetcore, SP800_108Tests.cs.
    #[test]
    fn microsofts_vectors_are_reproduced() {
        let long: Vec<u8> = (0..50_000_u32).map(|i| i as u8).collect();
        let context: &[&[u8]] = &[b"contextHeader", b"context"];
        for (key, length, expected) in [
            (&b"kdk"[..], 63, "V47WmHzPSkdC2vkLAomIjCzZlDOAetll3yJLcSvon7LJFjJpEN+KnSNp+gIpeydKMsENkflbrIZ/3s6GkEaH"),
            (b"kdk", 64, "mVaFM4deXLl610CmnCteNzxgbM/VkmKznAlPauHcDBn0le06uOjAKLHx0LfoU2/Ttq9nd78Y6Nk6wArmdwJgJg=="),
            (b"kdk", 65, "GaHPeqdUxriFpjRtkYQYWr5/iqneD/+hPhVJQt4rXblxSpB1UUqGqL00DMU/FJkX0iMCfqUjQXtXyfks+p++Ev4="),
            (&long, 63, "rt2hM6kkQ8hAXmkHx0TU4o3Q+S7fie6b3S1LAq107k++P9v8uSYA2G+WX3pJf9ZkpYrTKD7WUIoLkgA1R9lk"),
            (&long, 64, "RKiXmHSrWq5gkiRSyNZWNJrMR0jDyYHJMt9odOayRAE5wLSX2caINpQmfzTH7voJQi3tbn5MmD//dcspghfBiw=="),
            (&long, 65, "KedXO0zAIZ3AfnPqY1NnXxpC3HDHIxefG4bwD3g6nWYEc5+q7pjbam71Yqj0zgHMNC9Z7BX3wS1/tajFocRWZUk="),
        ] {
            assert_eq!(derived(key, "label", context, length), expected);
        }
        let empty = "fHGMWaDLmoncLsEKuKbZo8T+73paNohDeb5O7BSxbC8Gus8d/mUpa/9w2ss65OHlmFw1VZhIXzr5swMYVRndRw==";
        assert_eq!(derived(b"", "", &[], 64), empty);
    }
}
