//! `absentia accounts sign-out`

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use absentia::{
    AccountId,
    store::{Account, Clock as _, GrantKind, SystemClock},
};
use absentia_config::Need;
use serde_json::json;

use crate::{
    context::{Context, openers},
    failure::Failure,
    find::find,
    output::{BOLD, ago, clean, name, show, show_json},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A user name, or a home account id (`{object id}.{tenant id}`).
    user: String,
    /// Do not ask first. Needed where nobody can be asked.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let settings = context.settings(&[Need::TenantId, Need::ClientId, Need::ClientSecret, Need::Store])?;
    let cache = settings.token_cache(&openers()).await?;
    let client = settings.confidential_client()?.cache(&cache).background().build()?;
    let account = find(&cache, client.client_id(), &options.user).await?;
    let id = AccountId::parse(&account.account_id)
        .ok_or_else(|| Failure::NotDone(format!("The stored account id {} is none", clean(&account.account_id))))?;
    if !options.yes {
        ask(&account)?;
    }
    let signed_out = client.sign_out(&id).await?;
    let count = |kind| account.grants.iter().filter(|grant| grant.kind == kind).count();
    let [own, long_running, assertions] = [GrantKind::Account, GrantKind::LongRunning, GrantKind::Assertion].map(count);
    if context.json {
        show_json(&json!({
            "account_id": account.account_id,
            "username": account.username,
            "removed_entries": signed_out.entries,
            "grants": { "account": own, "long-running": long_running, "assertion": assertions },
        }));
        return Ok(());
    }
    show(|out| {
        writeln!(out, "{BOLD}{}{BOLD:#} is signed out.", name(&account))?;
        let entries = signed_out.entries;
        writeln!(out, "Removed {entries} {}:", if entries == 1 { "entry" } else { "entries" })?;
        for (count, what) in
            [(own, "sign-in"), (long_running, "long-running on-behalf-of"), (assertions, "single on-behalf-of")]
        {
            if count > 0 {
                writeln!(out, "  {count:>3} {what}")?;
            }
        }
        writeln!(out, "Access tokens that were handed out live until they expire; the session at Entra is not touched.")
    });
    Ok(())
}

fn ask(account: &Account) -> Result<(), Failure> {
    let mut input = std::io::stdin().lock();
    if !input.is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::Usage("Nobody can be asked here: give --yes to sign out without asking".to_owned()));
    }
    let now = SystemClock.now();
    let mut out = anstream::stderr().lock();
    let question = write!(
        out,
        "{BOLD}{}{BOLD:#} ({}), active {} ago, {} grants.\nEnd everything that is kept for this user? [y/N] ",
        name(account),
        clean(&account.account_id),
        ago(account.last_activity, now),
        account.grants.len(),
    )
    .and_then(|()| out.flush());
    let mut answer = String::new();
    let read = question.and_then(|()| input.read_line(&mut answer));
    match read {
        Ok(_) if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") => Ok(()),
        _ => Err(Failure::NotDone("Nothing was changed".to_owned())),
    }
}
