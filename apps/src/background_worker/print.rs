//! What a pass did, for people.

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use absentia_worker::{Acted, Report};
use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::arguments::Arguments;
use crate::graph::Me;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const WAITS: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// Says that the worker goes on, and how it ends: on standard error, which is no answer.
pub(super) fn begun(arguments: &Arguments) {
    let (interval, idle) = (about(arguments.interval), about(arguments.idle));
    anstream::eprintln!("{DIM}Acting each {interval} for users who were not active for {idle}. Ctrl-C ends it.{DIM:#}");
}

/// The time, between two passes.
pub(super) fn time(now: SystemTime) {
    anstream::println!("{DIM}{}{DIM:#}", utc(now));
}

/// Prints one line per account, then the summary. Colours only on a terminal, and not with `NO_COLOR`.
pub(super) fn print(report: &Report<Me>, now: SystemTime) {
    let mut out = anstream::stdout().lock();
    // Nobody reads any more: there is nobody to tell.
    let _ = write(&mut out, report, now).and_then(|()| out.flush());
}

fn write(out: &mut impl Write, report: &Report<Me>, now: SystemTime) -> std::io::Result<()> {
    lines(out, report, now)?;
    let counts = &report.counts;
    writeln!(out, "{GOOD}{:>3}{GOOD:#} {BOLD}succeeded{BOLD:#}", counts.done)?;

    let style = if counts.failed == 0 { DIM } else { BAD };
    writeln!(out, "{style}{:>3}{style:#} {BOLD}failed now{BOLD:#}", counts.failed)?;
    for (acted, failure) in report.failed() {
        writeln!(out, "      {}: {}", name(&acted.username, &acted.account_id), failure.message)?;
        if let Some(at) = failure.retry_at {
            writeln!(out, "      {DIM}tried again in {}{DIM:#}", about(at.duration_since(now).unwrap_or_default()))?;
        }
    }

    let style = if counts.waiting == 0 { DIM } else { WAITS };
    writeln!(out, "{style}{:>3}{style:#} {BOLD}waiting for a sign-in{BOLD:#}, not tried", counts.waiting)?;
    for waiting in &report.waiting {
        let name = name(&waiting.account.username, &waiting.account.account_id);
        let ago = about(now.duration_since(waiting.since).unwrap_or_default());
        writeln!(out, "      {name}: {} since {} {DIM}({ago} ago){DIM:#}", waiting.reason, utc(waiting.since))?;
    }
    for (count, what) in [
        (counts.foreign, "of other client ids, skipped"),
        (counts.superseded, "taken over by another worker or signed out meanwhile; their outcome was discarded"),
        (counts.unwritten, "whose outcome the store could not take; they are tried again"),
        (counts.released, "let go before they were begun"),
    ] {
        if count > 0 {
            writeln!(out, "{DIM}{count:>3} {what}{DIM:#}")?;
        }
    }
    Ok(())
}

/// One line per account, in columns.
fn lines(out: &mut impl Write, report: &Report<Me>, now: SystemTime) -> std::io::Result<()> {
    let rows: Vec<[String; 5]> = report.acted.iter().map(|acted| columns(acted, now)).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (row, acted) in rows.iter().zip(&report.acted) {
        let [name, grant, source, scopes, expires] = row;
        let [w0, w1, w2, w3, w4] = widths;
        match &acted.result {
            Ok(_) => write!(out, "{GOOD}ok    {GOOD:#}")?,
            Err(_) => write!(out, "{BAD}failed{BAD:#}")?,
        }
        write!(out, "  {name:<w0$}  {grant:<w1$}  {source:<w2$}  {scopes:<w3$}  {DIM}{expires:<w4$}{DIM:#}  ")?;
        match &acted.result {
            Ok(me) => writeln!(out, "{}", clean(me.display_name().unwrap_or("(no display name)")))?,
            Err(failure) if failure.kind.as_str() == failure.reason => writeln!(out, "{BAD}{}{BAD:#}", failure.reason)?,
            Err(failure) => writeln!(out, "{BAD}{}, {}{BAD:#}", failure.kind.as_str(), failure.reason)?,
        }
    }
    if !rows.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

fn columns(acted: &Acted<Me>, now: SystemTime) -> [String; 5] {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        name(&acted.username, &acted.account_id),
        or_dash(acted.grant.map(|kind| kind.as_str())),
        or_dash(acted.token_source.map(|source| source.as_str())),
        if acted.scopes.is_empty() { "-".to_owned() } else { acted.scopes.join(" ") },
        match acted.expires_on {
            Some(at) => format!("expires in {}", about(at.duration_since(now).unwrap_or_default())),
            None => String::new(),
        },
    ]
}

fn name(username: &str, account_id: &str) -> String {
    clean(if username.is_empty() { account_id } else { username })
}

/// Names come from outside: what would steer a terminal is shown as a blank.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn about(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn utc(time: SystemTime) -> String {
    Timestamp::try_from(time).map(|at| at.strftime("%F %H:%M UTC").to_string()).unwrap_or_default()
}
