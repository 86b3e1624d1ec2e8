//! What things are called in Redis.

use absentia_store::Key;

use crate::RedisConfig;

/// Before every key and channel that is not an entry, so that they lie outside the entries' prefix.
pub(crate) const OWN: &str = "_absentia:";

pub(crate) struct Names {
    instance: String,
    /// Where writes and removals are announced. Channels are not of one database, so it names it.
    pub(crate) channel: String,
    /// The SET of client ids that have accounts.
    pub(crate) clients: String,
}

impl Names {
    pub(crate) fn new(config: &RedisConfig) -> Self {
        let RedisConfig { instance_name, channel_prefix, database, .. } = config;
        Self {
            instance: instance_name.clone(),
            channel: format!("{channel_prefix}{OWN}changes:{database}:{instance_name}"),
            clients: format!("{OWN}clients:{instance_name}"),
        }
    }

    /// The prefix of entries: what .NET calls `InstanceName`.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    /// The HASH of an entry, as ASP.NET Core's cache names it.
    pub(crate) fn entry(&self, key: &Key) -> String {
        format!("{}{key}", self.instance)
    }

    /// The key of the entry whose HASH has this name; none for what is not an entry's.
    pub(crate) fn key_of(&self, name: &str) -> Option<Key> {
        name.strip_prefix(&self.instance).filter(|_| !name.starts_with(OWN)).map(Key::new)
    }

    /// The HASH of a lease.
    pub(crate) fn lease(&self, key: &Key) -> String {
        format!("{OWN}lease:{}:{key}", self.instance)
    }

    /// What the keys of a client's accounts begin with. The braces put them all into one slot of a Cluster; they come
    /// first, so that none in the instance name counts.
    pub(crate) fn client(&self, folded: &str) -> String {
        format!("{OWN}{{client:{folded}}}:{}:", self.instance)
    }
}
