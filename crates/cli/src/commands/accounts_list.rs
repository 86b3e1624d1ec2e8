//! `absentia accounts list`

use std::time::{Duration, SystemTime};

use absentia::store::{Account, AccountQuery, AccountState, Clock as _, GrantKind, GrantState, SystemClock};
use absentia_config::Need;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use crate::{
    context::{Context, accounts, openers},
    failure::Failure,
    output::{BOLD, DIM, ago, clean, name, show, show_json, style_of, time, utc, waits},
};

/// How many accounts are read at a time.
const PAGE: usize = 1_000;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only users who were not active for so long: 30s, 5m, 1h, 1d.
    #[arg(long, value_name = "TIME", value_parser = time)]
    idle: Option<Duration>,
    /// Only accounts in this state.
    #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(["healthy", "needs-sign-in", "revoked", "blocked"]))]
    state: Option<String>,
}

pub(crate) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let settings = context.settings(&[Need::ClientId, Need::Store])?;
    let cache = settings.token_cache(&openers()).await?;
    let store = accounts(&cache)?;
    let now = SystemClock.now();
    let mut query = AccountQuery {
        client_id: settings.azure_ad.client_id.clone(),
        idle_since: options.idle.and_then(|idle| now.checked_sub(idle)),
        state: options.state.as_deref().and_then(AccountState::parse),
        limit: PAGE,
        ..AccountQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let page = store.accounts(&query).await.map_err(|error| cache.store_error(error))?;
        let is_last = page.len() < PAGE;
        query.after = page.last().map(|last| (last.client_id.clone(), last.account_id.clone()));
        found.extend(page);
        if is_last {
            break;
        }
    }
    if context.json {
        show_json(&found.iter().map(|account| document(account, now)).collect());
    } else {
        print(&found, now);
    }
    Ok(())
}

fn print(accounts: &[Account], now: SystemTime) {
    let rows: Vec<[String; 5]> = accounts
        .iter()
        .map(|account| {
            [
                name(account),
                account.state().as_str().to_owned(),
                grants(account),
                ago(account.last_activity, now),
                why(account, now),
            ]
        })
        .collect();
    const HEAD: [&str; 5] = ["USER", "STATE", "GRANTS", "IDLE", "WHY"];
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let [w0, w1, w2, w3, _] = widths;
    show(|out| {
        if rows.is_empty() {
            return writeln!(out, "No accounts.");
        }
        let [h0, h1, h2, h3, h4] = HEAD;
        writeln!(out, "{BOLD}{h0:<w0$}  {h1:<w1$}  {h2:<w2$}  {h3:<w3$}  {h4}{BOLD:#}")?;
        for ([user, state, grants, idle, why], account) in rows.iter().zip(accounts) {
            let style = style_of(account.state());
            let line = format!("{user:<w0$}  {style}{state:<w1$}{style:#}  {grants:<w2$}  {idle:<w3$}  {why}");
            writeln!(out, "{}", line.trim_end())?;
            writeln!(out, "{DIM}  {}{DIM:#}", clean(&account.account_id))?;
        }
        Ok(())
    });
}

/// `account, 2 long-running`
fn grants(account: &Account) -> String {
    let count = |kind| account.grants.iter().filter(|grant| grant.kind == kind).count();
    let mut words = Vec::new();
    if count(GrantKind::Account) > 0 {
        words.push("account".to_owned());
    }
    match count(GrantKind::LongRunning) {
        0 => {}
        1 => words.push("long-running".to_owned()),
        more => words.push(format!("{more} long-running")),
    }
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn why(account: &Account, now: SystemTime) -> String {
    if let Some(at) = account.blocked_at {
        return format!("blocked {} ago", ago(at, now));
    }
    match (account.revoked_at, waits(account)) {
        (Some(at), _) => format!("signed out {} ago", ago(at, now)),
        (None, Some((reason, since))) if account.state() == AccountState::NeedsSignIn => {
            format!("{} {} ago", clean(reason), ago(since, now))
        }
        // Another of her grants serves on.
        (None, Some((reason, _))) => format!("one grant: {}", clean(reason)),
        (None, None) => String::new(),
    }
}

fn document(account: &Account, now: SystemTime) -> Value {
    let grants: Vec<Value> = account
        .grants
        .iter()
        .map(|grant| {
            let (state, reason, since) = match &grant.state {
                GrantState::Healthy => ("healthy", None, None),
                GrantState::NeedsSignIn { reason, since, .. } => ("needs-sign-in", Some(reason), utc(*since)),
            };
            json!({
                "kind": grant.kind.as_str(),
                "state": state,
                "reason": reason,
                "since": since,
                "last_activity": utc(grant.last_activity),
                "expires_at": grant.expires_at.and_then(utc),
            })
        })
        .collect();
    let waiting = waits(account).filter(|_| account.state() == AccountState::NeedsSignIn);
    json!({
        "account_id": account.account_id,
        "username": account.username,
        "tenant": account.tenant,
        "state": account.state().as_str(),
        "reason": waiting.map(|(reason, _)| reason),
        "since": waiting.and_then(|(_, since)| utc(since)),
        "last_activity": utc(account.last_activity),
        "idle_seconds": now.duration_since(account.last_activity).unwrap_or_default().as_secs(),
        "due_at": utc(account.due_at),
        "signed_out_at": account.revoked_at.and_then(utc),
        "blocked_at": account.blocked_at.and_then(utc),
        "grants": grants,
    })
}
