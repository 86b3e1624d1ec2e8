//! Dates of a key ring: `xs:dateTime` with a time zone, in units of 100 ns.

use std::time::{Duration, SystemTime};

use jiff::{
    Timestamp,
    civil::DateTime,
    fmt::temporal::{Pieces, PiecesOffset},
};

/// The instant `text` names. .NET writes UTC; a date without a zone is the local time of the machine that wrote it, which
/// nobody else knows, so it is `None`. Reaches to the end of the year 9999, which is how .NET says "never".
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let pieces = Pieces::parse(text.trim()).ok()?;
    let offset = match pieces.offset()? {
        PiecesOffset::Numeric(offset) => i64::from(offset.offset().seconds()),
        _ => 0,
    };
    let civil = DateTime::from_parts(pieces.date(), pieces.time()?);
    let since = civil.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let since = since.checked_sub(jiff::SignedDuration::from_secs(offset))?;
    let length = since.unsigned_abs();
    if since.is_negative() {
        SystemTime::UNIX_EPOCH.checked_sub(length)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(length)
    }
}

/// `at` in UTC, with as many digits of a second as it takes, seven at most.
pub(crate) fn format(at: SystemTime) -> Option<String> {
    Some(Timestamp::try_from(to_ticks(at)?).ok()?.to_string())
}

/// `at` without what is below .NET's unit of time.
pub(crate) fn to_ticks(at: SystemTime) -> Option<SystemTime> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let whole = Duration::new(since.as_secs(), since.subsec_nanos() / 100 * 100);
    SystemTime::UNIX_EPOCH.checked_add(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_dotnet_are_read_and_written() {
        for text in ["2026-11-25T12:32:26.824421Z", "2026-01-01T00:00:00Z", "2017-12-13T09:51:56.8629737Z"] {
            assert_eq!(format(parse(text).unwrap()).as_deref(), Some(text));
        }
        let pacific = parse("2015-03-01T19:13:19.7573854-08:00").unwrap();
        assert_eq!(format(pacific).as_deref(), Some("2015-03-02T03:13:19.7573854Z"));
        let precise = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_999_999_999);
        assert_eq!(format(precise).as_deref(), Some("1970-01-01T00:00:01.9999999Z"));
        assert!(parse("9999-12-31T23:59:59.9999999Z").unwrap() > parse("9999-12-31T23:59:59Z").unwrap());
        assert!(parse("1960-01-01T00:00:00Z").unwrap() < SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "Z", "１"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
