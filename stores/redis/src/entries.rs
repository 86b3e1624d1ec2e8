use std::time::{Duration, SystemTime, UNIX_EPOCH};

use absentia_store::{Entry, Expiry, Key, Removal, Removed, Result, Store, Version, When, Written};
use async_trait::async_trait;
use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use redis::{Pipeline, Value, from_redis_value};

use crate::{RedisStore, connect::Connection, scripts, time::span};

/// How many entries are asked for at once.
const AT_ONCE: usize = 100;

/// .NET ticks: 100 ns each, since the year 1.
const TICKS_TO_1970: i128 = 621_355_968_000_000_000;

/// Stands for a version that no entry has; the empty text would stand for "none".
const NO_VERSION: &[u8] = b"-";

#[async_trait]
impl Store for RedisStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let mut found = self.read(std::slice::from_ref(key)).await?;
        Ok(found.pop().flatten())
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>> {
        let is_cluster = matches!(self.0.link.connect().await?, Connection::Cluster(_));
        let chunks: Vec<_> = keys.chunks(AT_ONCE).map(|some| self.chunk(some, is_cluster).boxed()).collect();
        // While one answer is taken apart, the next is on its way.
        stream::iter(chunks).buffered(2).try_concat().await
    }

    async fn put(&self, key: &Key, value: Bytes, when: When, expiry: Expiry) -> Result<Written> {
        let expected = match &when {
            When::Absent => &[][..],
            When::Unchanged(version) => expected(version),
        };
        let mut put = scripts::PUT.key(self.0.names.entry(key));
        put.arg(&self.0.names.channel).arg(key.as_str()).arg(expected).arg(self.write_id());
        put.arg(expiry.absolute.map_or(-1, to_ticks)).arg(expiry.sliding.map_or(-1, window)).arg(&value[..]);
        let written: Option<Bytes> = self.0.link.script("write an entry", &put).await?;
        Ok(written.map_or(Written::Conflict, |version| Written::Done(Version::new(version))))
    }

    async fn remove(&self, key: &Key, when: Removal) -> Result<Removed> {
        let expected = match &when {
            Removal::SignOut => &[][..],
            Removal::IfUnchanged(version) => expected(version),
        };
        let entry = self.0.names.entry(key);
        let mut remove = scripts::REMOVE.key(&entry);
        remove.arg(&self.0.names.channel).arg(key.as_str()).arg(expected);
        let removed: i64 = self.0.link.script("remove an entry", &remove).await?;
        if matches!(when, Removal::SignOut) {
            // Also when nothing was there: an earlier attempt may have removed it here and heard of no replica.
            self.wait_for_replica(&entry).await?;
        }
        Ok(match removed {
            0 => Removed::Absent,
            1 => Removed::Conflict,
            _ => Removed::Done,
        })
    }
}

impl RedisStore {
    async fn chunk(&self, keys: &[Key], is_cluster: bool) -> Result<Vec<Option<Entry>>> {
        if !is_cluster {
            return self.read(keys).await;
        }
        // A pipeline goes to one node; these go to theirs, side by side.
        let each = try_join_all(keys.iter().map(|key| self.read(std::slice::from_ref(key)))).await?;
        Ok(each.into_iter().map(|mut one| one.pop().flatten()).collect())
    }

    /// Reads entries with one pipeline, and re-arms those that slide.
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Entry>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(2 * keys.len());
        // What is stored under one key must not be an error of all.
        pipeline.ignore_errors();
        for key in keys {
            let entry = self.0.names.entry(key);
            pipeline.cmd("HMGET").arg(&entry).arg(&["absexp", "sldexp", "data", "version"][..]);
            pipeline.cmd("PTTL").arg(&entry);
        }
        let answers: Vec<Value> = self.0.link.pipeline("read an entry", &pipeline).await?;
        let now = self.0.clock.now();
        let mut found = Vec::with_capacity(keys.len());
        let mut answers = answers.into_iter();
        for key in keys {
            let (fields, left) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());
            let entry = entry(fields, now);
            let left = from_redis_value::<i64>(left).unwrap_or(-1);
            if let Some(Entry { expiry: Expiry { sliding: Some(window), absolute }, .. }) = &entry
                && is_worth_rearming(*window, *absolute, now, left)
            {
                // A server that takes no writes can still be read.
                let again = scripts::REARM.key(self.0.names.entry(key));
                if let Err(error) = self.0.link.script::<i64>("re-arm an entry", &again).await {
                    tracing::debug!(%error, "a sliding expiry was not moved on");
                }
            }
            found.push(entry);
        }
        Ok(found)
    }
}

/// Whether a read moves the end by a tenth of the window or more. `left` are milliseconds, negative for no end.
fn is_worth_rearming(window: Duration, absolute: Option<SystemTime>, now: SystemTime, left: i64) -> bool {
    let until_end = absolute.map_or(i64::MAX, |end| span(end.duration_since(now).unwrap_or_default()));
    let window = span(window);
    left.saturating_add(window / 10) < window.min(until_end)
}

/// Absent when there is no `data`, when it is over, and when another program keeps something else there.
fn entry(fields: Value, now: SystemTime) -> Option<Entry> {
    let [absolute, sliding, data, id]: [Value; 4] = match fields {
        Value::Array(fields) => fields.try_into().ok()?,
        _ => return None,
    };
    let Value::BulkString(data) = data else { return None };
    let ticks = |value: Value| -> Option<i64> {
        from_redis_value::<Option<String>>(value).ok().flatten()?.parse().ok().filter(|ticks| *ticks > 0)
    };
    let (absolute, sliding) = (ticks(absolute).map(of_ticks), ticks(sliding));
    if sliding.is_some() && absolute.is_some_and(|end| end <= now) {
        return None;
    }
    let mut version = match id {
        Value::BulkString(id) => id,
        _ => Vec::new(),
    };
    version.push(b':');
    for byte in digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &data).as_ref() {
        version.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    let sliding = sliding.map(|ticks| Duration::from_nanos(ticks.unsigned_abs().saturating_mul(100)));
    Some(Entry { value: data.into(), version: Version::new(version), expiry: Expiry { sliding, absolute } })
}

fn expected(version: &Version) -> &[u8] {
    if version.as_bytes().is_empty() { NO_VERSION } else { version.as_bytes() }
}

/// Never less than one: 0 and -1 stand for "none".
fn to_ticks(time: SystemTime) -> i64 {
    let since_1970 = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos() / 100).unwrap_or(i128::MAX / 2),
        Err(before) => -i128::try_from(before.duration().as_nanos() / 100).unwrap_or(i128::MAX / 2),
    };
    i64::try_from((TICKS_TO_1970 + since_1970).max(1)).unwrap_or(i64::MAX)
}

fn of_ticks(ticks: i64) -> SystemTime {
    let since_1970 = i128::from(ticks) - TICKS_TO_1970;
    let ticks = u64::try_from(since_1970.unsigned_abs()).unwrap_or(u64::MAX);
    let distance = Duration::new(ticks / 10_000_000, u32::try_from(ticks % 10_000_000).unwrap_or(0) * 100);
    let time = if since_1970 < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

fn window(window: Duration) -> i64 {
    i64::try_from(window.as_nanos() / 100).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_dotnets() {
        // 2024-01-01T01:00:00Z, as ASP.NET Core writes it.
        let time = UNIX_EPOCH + Duration::from_secs(1_704_070_800);
        assert_eq!((to_ticks(time), of_ticks(638_396_676_000_000_000)), (638_396_676_000_000_000, time));
        assert_eq!(window(Duration::from_secs(600)), 6_000_000_000);
        for time in [UNIX_EPOCH, UNIX_EPOCH - Duration::from_millis(1), UNIX_EPOCH + Duration::from_nanos(123_400)] {
            assert_eq!(of_ticks(to_ticks(time)), time);
        }
        assert_eq!(to_ticks(UNIX_EPOCH + Duration::from_secs(u64::MAX / 4)), i64::MAX);
    }

    #[test]
    fn whatever_is_stored_is_an_entry_or_none() {
        let text = |text: &str| Value::BulkString(text.into());
        let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let read = |absexp: Value, sldexp: Value| entry(Value::Array(vec![absexp, sldexp, text("x"), Value::Nil]), now);
        let plain = read(Value::Nil, Value::Nil).unwrap();
        assert_eq!(plain.expiry, Expiry::default());
        assert_eq!(plain.version.as_bytes(), b":11f6ad8ec52a2984abaafd7c3b516503785c2072");
        for none in ["", "-1", "0", "later", "99999999999999999999", "\u{1}"] {
            assert_eq!(read(text(none), text(none)).unwrap().expiry, Expiry::default(), "{none:?}");
        }
        assert!(read(text("638396676000000000"), Value::Nil).is_some(), "the server ends what only has an end");
        assert!(read(text("638396676000000000"), text("6000000000")).is_none(), "over, though .NET reads it once more");
        for odd in [Value::Nil, Value::Array(Vec::new()), Value::Array(vec![Value::Nil; 4]), Value::Int(1)] {
            assert!(entry(odd, now).is_none());
        }
    }

    #[test]
    fn a_read_is_a_write_once_per_tenth() {
        let (second, now) = (Duration::from_secs(1), UNIX_EPOCH);
        for (window, end, left, is_worth) in [
            (100, None, 91_000, false),
            (100, None, 89_000, true),
            (100, Some(50), 49_500, false),
            (100, Some(50), 30_000, true),
            (100, Some(500), 95_000, false),
            // Another program left no end: it gets one.
            (100, None, -1, true),
        ] {
            let end = end.map(|end| now + end * second);
            assert_eq!(is_worth_rearming(window * second, end, now, left), is_worth, "{window} {end:?} {left}");
        }
    }
}
