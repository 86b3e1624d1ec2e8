//! Choosing requests of the journal.

use super::{Endpoint, Entry};

/// Requests of the journal, as they were when asked for; each method narrows them.
#[derive(Clone, Debug)]
#[must_use]
pub struct Requests {
    entries: Vec<Entry>,
}

impl Requests {
    pub(super) fn new(entries: Vec<Entry>) -> Requests {
        Requests { entries }
    }

    /// Those for a user: an object id or a principal name, or a handle of [`Emulator::user`](crate::Emulator::user).
    pub fn of(self, user: impl AsRef<str>) -> Requests {
        let user = user.as_ref();
        self.keep(|e| e.user.as_ref().is_some_and(|u| u.oid == user || u.upn.eq_ignore_ascii_case(user)))
    }

    /// Those with this `grant_type`; `on_behalf_of` and `device_code` may stand for their URNs.
    pub fn grant(self, grant_type: &str) -> Requests {
        let grant_type = match grant_type {
            "on_behalf_of" => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "device_code" => "urn:ietf:params:oauth:grant-type:device_code",
            other => other,
        };
        self.keep(|e| e.grant_type.as_deref() == Some(grant_type))
    }

    /// Those of a client, by client id or handle.
    pub fn client(self, client_id: impl AsRef<str>) -> Requests {
        self.keep(|e| e.client_id.as_deref() == Some(client_id.as_ref()))
    }

    /// Those to one kind of endpoint.
    pub fn to(self, endpoint: Endpoint) -> Requests {
        self.keep(|e| e.endpoint == endpoint)
    }

    /// Those that came after the entry with this number.
    pub fn after(self, seq: u64) -> Requests {
        self.keep(|e| e.seq > seq)
    }

    /// Those answered with a status below 400.
    pub fn succeeded(self) -> Requests {
        self.keep(|e| e.status.is_some_and(|s| s < 400))
    }

    /// Those refused with this AADSTS number.
    pub fn refused_with(self, aadsts: u32) -> Requests {
        self.keep(|e| e.aadsts == Some(aadsts))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// They themselves, oldest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The latest.
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    fn keep(mut self, which: impl Fn(&Entry) -> bool) -> Requests {
        self.entries.retain(which);
        self
    }
}

impl IntoIterator for Requests {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Requests {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
