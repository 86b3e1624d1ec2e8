//! How things are shown. Colours go only to terminals, and not with `NO_COLOR`.

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use absentia::store::{Account, AccountState, GrantKind, GrantState};
use anstyle::{AnsiColor, Style};
use jiff::{Span, SpanRelativeTo, Timestamp};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WAITS: Style = AnsiColor::Yellow.on_default();
pub(crate) const STOPPED: Style = AnsiColor::Red.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// Writes to standard output. When nobody reads any more there is nobody to tell.
pub(crate) fn show(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
    let mut out = anstream::stdout().lock();
    let _ = write(&mut out).and_then(|()| out.flush());
}

/// One JSON document on one line.
pub(crate) fn show_json(document: &serde_json::Value) {
    show(|out| writeln!(out, "{document}"));
}

pub(crate) fn style_of(state: AccountState) -> Style {
    match state {
        AccountState::Healthy => GOOD,
        AccountState::NeedsSignIn => WAITS,
        AccountState::Revoked => DIM,
        AccountState::Blocked => STOPPED,
    }
}

/// Text from outside: what would steer a terminal is shown as a blank.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

pub(crate) fn name(account: &Account) -> String {
    clean(if account.username.is_empty() { "(no name)" } else { &account.username })
}

/// Why an account waits, and since when: by its own sign-in's grant, else the first of the others.
pub(crate) fn waits(account: &Account) -> Option<(&str, SystemTime)> {
    let waiting = |kind: Option<GrantKind>| {
        account.acting_grants().filter(move |grant| kind.is_none_or(|kind| grant.kind == kind)).find_map(|grant| {
            match &grant.state {
                GrantState::NeedsSignIn { reason, since, .. } => Some((reason.as_str(), *since)),
                GrantState::Healthy => None,
            }
        })
    };
    waiting(Some(GrantKind::Account)).or_else(|| waiting(None))
}

/// `3 min`.
pub(crate) fn about(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

pub(crate) fn ago(time: SystemTime, now: SystemTime) -> String {
    about(now.duration_since(time).unwrap_or_default())
}

/// RFC 3339, to the second.
pub(crate) fn utc(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).ok()?;
    Some(Timestamp::from_second(time.as_second()).ok()?.to_string())
}

/// A span of time as people write it.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse().map_err(|_| "a time looks like 30s, 5m, 1h or 1d".to_owned())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|error| error.to_string())?;
    Duration::try_from(duration).map_err(|_| "a time cannot be negative".to_owned())
}

/// A day, or an instant.
pub(crate) fn date(text: &str) -> Result<SystemTime, String> {
    let written = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let instant = written.parse::<Timestamp>().ok().and_then(|instant| u64::try_from(instant.as_second()).ok());
    instant
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .ok_or_else(|| "a date looks like 2027-01-31 or 2027-01-31T12:00:00Z".to_owned())
}
