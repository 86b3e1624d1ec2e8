//! DER, as far as a PFX file needs it: definite lengths, one-byte tags.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
pub(crate) const TAG_0: u8 = 0xa0;
/// `[0]`, primitive: an implicitly tagged octet string.
pub(crate) const TAG_0_PRIMITIVE: u8 = 0x80;

/// A walk over the elements of one level. Every step gives `None` for what is not there or not whole.
#[derive(Clone, Copy)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

impl<'a> Der<'a> {
    /// The next element: its tag and contents.
    pub(crate) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, short], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = if short < 0x80 {
            (usize::from(short), rest)
        } else {
            // 0x80, the indefinite length of BER, is a length of no bytes here and refused.
            let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            if !(1..=4).contains(&bytes.len()) {
                return None;
            }
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// The contents of the next element, which must have `tag`.
    pub(crate) fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, contents) = self.any()?;
        (found == tag).then_some(contents)
    }

    /// A walk inside the next element, which must have `tag`.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.next(tag).map(Self)
    }

    /// A small non-negative integer.
    pub(crate) fn integer(&mut self) -> Option<u32> {
        let bytes = self.next(INTEGER)?;
        let bytes = if let [0, rest @ ..] = bytes { rest } else { bytes };
        (bytes.len() <= 4).then(|| bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lie_are_refused() {
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x81],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0],
        ] {
            assert!(Der(bad).any().is_none(), "{bad:x?}");
        }
        let mut der = Der(&[2, 1, 5, 4, 0x81, 1, 9]);
        assert_eq!(der.integer(), Some(5));
        assert_eq!(der.next(OCTETS), Some(&[9][..]));
        assert!(der.is_empty());
    }
}
