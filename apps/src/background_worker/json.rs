//! What a pass did, for programs.

use std::{io::Write as _, time::SystemTime};

use absentia_worker::{Report, Stop};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::graph::Me;

/// Prints one document on one line.
pub(super) fn print(report: &Report<Me>, now: SystemTime) {
    let mut out = std::io::stdout().lock();
    // Nobody reads any more: there is nobody to tell.
    let _ = writeln!(out, "{}", document(report, now)).and_then(|()| out.flush());
}

fn document(report: &Report<Me>, now: SystemTime) -> Value {
    let succeeded: Vec<Value> = report
        .succeeded()
        .map(|(acted, me)| {
            json!({
                "account_id": acted.account_id,
                "username": acted.username,
                "grant": acted.grant.map(|kind| kind.as_str()),
                "token_source": acted.token_source.map(|source| source.as_str()),
                "scopes": acted.scopes,
                "expires_on": acted.expires_on.and_then(utc),
                "expires_in": acted.expires_on.map(|at| at.duration_since(now).unwrap_or_default().as_secs()),
                "display_name": me.display_name(),
                "written": acted.written,
            })
        })
        .collect();
    let failed: Vec<Value> = report
        .failed()
        .map(|(acted, failure)| {
            json!({
                "account_id": acted.account_id,
                "username": acted.username,
                "grant": acted.grant.map(|kind| kind.as_str()),
                "state": failure.kind.as_str(),
                "reason": failure.reason,
                "message": failure.message,
                "retry_at": failure.retry_at.and_then(utc),
                "written": acted.written,
            })
        })
        .collect();
    let waiting: Vec<Value> = report
        .waiting
        .iter()
        .map(|waiting| {
            json!({
                "account_id": waiting.account.account_id,
                "username": waiting.account.username,
                "reason": waiting.reason,
                "since": utc(waiting.since),
                "claims": waiting.claims,
            })
        })
        .collect();
    let counts = &report.counts;
    json!({
        "at": utc(now),
        "succeeded": succeeded,
        "failed": failed,
        "waiting": waiting,
        "counts": {
            "claimed": counts.claimed,
            "succeeded": counts.done,
            "failed": counts.failed,
            "waiting": counts.waiting,
            "foreign": counts.foreign,
            "superseded": counts.superseded,
            "unwritten": counts.unwritten,
            "released": counts.released,
        },
        "stopped": report.stop.as_ref().map(|stop| json!({
            "kind": match stop {
                Stop::Failed(error) => format!("{:?}", error.kind()).to_lowercase(),
                _ => "safety".to_owned(),
            },
            "message": stop.to_string(),
        })),
    })
}

/// RFC 3339, to the second.
fn utc(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).ok()?;
    Some(Timestamp::from_second(time.as_second()).ok()?.to_string())
}
