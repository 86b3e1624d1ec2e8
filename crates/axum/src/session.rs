//! The browser session: one sealed cookie that holds a handle, never a token.

use std::time::{Duration, UNIX_EPOCH};

use absentia::{AccountId, Error, KeyRing, TokenCache};
use absentia_core::encoding::{base64url, from_base64url};

use crate::at_entra::AtEntra;

/// What the cookie is sealed for: nothing else opens as a session.
const PURPOSE: &str = "absentia session";
/// The longest payload. A longer account id gets no session.
const LONGEST: usize = 240;
/// How long a session lasts, whatever happens.
pub(crate) const LIFE: Duration = Duration::from_secs(14 * 24 * 3600);
/// How far ahead another node's clock may be, seconds.
pub(crate) const SKEW: u64 = 300;
/// The form of the payload.
const FORM: u8 = 2;

/// Who is signed in, since when, and under which generation of the account: a sign-out raises it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Session {
    pub(crate) account: AccountId,
    pub(crate) generation: u64,
    pub(crate) issued_at: u64,
    /// Her session at Entra, if Entra named it: this session ends with that one.
    pub(crate) at_entra: Option<AtEntra>,
}

impl Session {
    /// The sealed text of the cookie.
    pub(crate) fn seal(&self, ring: &KeyRing, cache: &TokenCache) -> Result<String, Error> {
        let payload = self.payload().ok_or_else(|| Error::config("The account id is too long for a session cookie"))?;
        Ok(base64url(&ring.seal(PURPOSE, &payload, cache.clock().now(), &**cache.random())?))
    }

    /// The session of a cookie, unless it is not ours or has ended by itself.
    pub(crate) fn open(ring: &KeyRing, cookie: &str, now: u64) -> Option<Self> {
        if cookie.len() > 4 * LONGEST {
            return None;
        }
        let session =
            Self::read(&ring.open(PURPOSE, &from_base64url(cookie)?, UNIX_EPOCH + Duration::from_secs(now))?)?;
        let age = (now + SKEW).checked_sub(session.issued_at)?;
        (age < LIFE.as_secs() + SKEW).then_some(session)
    }

    /// Form, generation, time, length of what names the session at Entra, that name, account id.
    fn payload(&self) -> Option<Vec<u8>> {
        let id = self.account.as_str().as_bytes();
        let numbers = [self.generation.to_be_bytes(), self.issued_at.to_be_bytes()].concat();
        let at_entra = self.at_entra.as_ref().map_or("", AtEntra::as_str).as_bytes();
        let payload = [&[FORM], numbers.as_slice(), &[u8::try_from(at_entra.len()).ok()?], at_entra, id].concat();
        (payload.len() <= LONGEST).then_some(payload)
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let rest = payload.strip_prefix(&[FORM])?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (issued_at, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first()?;
        let (at_entra, id) = rest.split_at_checked(usize::from(*length))?;
        let at_entra = std::str::from_utf8(at_entra).ok().filter(|text| !text.is_empty());
        Some(Self {
            at_entra: at_entra.map(AtEntra::from_stored),
            account: AccountId::parse(std::str::from_utf8(id).ok()?)?,
            generation: u64::from_be_bytes(*generation),
            issued_at: u64::from_be_bytes(*issued_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use absentia::store::{Backend, ManualClock, MemoryStore};

    use super::*;

    const ADA: &str = "11111111-aaaa-4bbb-8ccc-000000000001.22222222-dddd-4eee-8fff-000000000002";
    const NOW: u64 = 1_790_000_000;

    fn cache() -> TokenCache {
        let clock = Arc::new(ManualClock::at(std::time::UNIX_EPOCH + Duration::from_secs(NOW)));
        let backend = Backend::of("memory", &Arc::new(MemoryStore::new(clock.clone())));
        TokenCache::plain(backend).clock(clock).build()
    }

    fn session(id: &str) -> Session {
        let at_entra = AtEntra::of("99999999-aaaa-4bbb-8ccc-000000000009");
        Session { account: AccountId::parse(id).unwrap(), generation: 3, issued_at: NOW, at_entra }
    }

    #[test]
    fn the_payload_is_a_handle_of_at_most_240_bytes() {
        let payload = session(ADA).payload().unwrap();
        assert_eq!(payload.len(), 134);
        let longest = format!("{}.t", "o".repeat(177));
        assert_eq!(session(&longest).payload().unwrap().len(), 240);
        assert!(session(&format!("o{longest}")).payload().is_none());
        let unnamed = Session { at_entra: None, ..session(ADA) };
        let payload = unnamed.payload().unwrap();
        assert_eq!((payload.len(), Session::read(&payload)), (91, Some(unnamed)));
        for cut in 0..payload.len() {
            assert!(Session::read(&payload[..cut]).is_none_or(|read| read != session(ADA)), "{cut}");
        }
    }

    #[test]
    fn a_cookie_opens_under_its_ring_for_its_purpose_until_its_end() {
        let cache = cache();
        let ring = KeyRing::ephemeral(&**cache.random()).unwrap();
        let sealed = session(ADA).seal(&ring, &cache).unwrap();
        let open = |cookie: &str, now| Session::open(&ring, cookie, now);
        assert_eq!(open(&sealed, NOW), Some(session(ADA)));
        assert!(open(&sealed, NOW - 300).is_some());
        assert!(open(&sealed, NOW - 301).is_none());
        assert!(open(&sealed, NOW + LIFE.as_secs() - 1).is_some());
        assert!(open(&sealed, NOW + LIFE.as_secs()).is_none());
        let other = KeyRing::ephemeral(&**cache.random()).unwrap();
        assert!(Session::open(&other, &sealed, NOW).is_none());
        let payload = session(ADA).payload().unwrap();
        let elsewhere = ring.seal("absentia sign-in state", &payload, cache.clock().now(), &**cache.random()).unwrap();
        assert!(open(&base64url(&elsewhere), NOW).is_none());
        let mut bytes = from_base64url(&sealed).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert!(open(&base64url(&bytes), NOW).is_none(), "byte {at}");
            bytes[at] ^= 1;
        }
        for nonsense in ["", "x", &"A".repeat(5000)] {
            assert!(open(nonsense, NOW).is_none());
        }
    }
}
