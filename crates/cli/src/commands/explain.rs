//! `absentia explain`

use std::time::SystemTime;

use absentia::{
    AccountId, Answer, Explanation, Reason,
    store::{Clock as _, GrantKind, SystemClock},
};
use absentia_config::Need;
use anstyle::Style;
use serde_json::{Value, json};

use crate::{
    context::{Context, openers},
    failure::Failure,
    find::look_up,
    output::{BOLD, DIM, GOOD, STOPPED, WAITS, clean, show, show_json},
    reasons::{next, says},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A user name, or a home account id (`{object id}.{tenant id}`).
    user: String,
    /// What a token is asked for, as the app asks for it: "User.Read Mail.Read".
    #[arg(long, value_name = "SCOPES")]
    scope: String,
}

pub(crate) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    if options.scope.split_ascii_whitespace().next().is_none() {
        return Err(Failure::Usage("--scope must name what the token is asked for, as in User.Read".to_owned()));
    }
    let settings = context.settings(&[Need::TenantId, Need::ClientId, Need::Store])?;
    let authority = settings.authority()?;
    let client_id = settings.azure_ad.client_id.clone().unwrap_or_default();
    let cache = settings.token_cache(&openers()).await?;
    let account = look_up(&cache, &client_id, &options.user).await?;
    // Who has no row may have an entry all the same, when she is named by her id: no name of a user.
    let id = match &account {
        Some(account) => AccountId::parse(&account.account_id),
        None => AccountId::parse(&options.user).filter(|id| !id.as_str().contains('@')),
    };
    let id = id.ok_or_else(|| {
        let shown = clean(&options.user);
        Failure::NotDone(format!("No account of {shown} is stored: `absentia accounts list` shows who is"))
    })?;
    let username = account.map(|account| account.username).unwrap_or_default();
    let explained = cache.explain(&client_id, &authority, &id, &*options.scope).await?;
    let now = SystemClock.now();
    if context.json {
        show_json(&json!({
            "account_id": id.as_str(),
            "username": username,
            "scope": options.scope,
            "grants": explained.iter().map(|explained| document(explained, now)).collect::<Vec<_>>(),
        }));
    } else {
        print(if username.is_empty() { id.as_str() } else { &username }, &options.scope, &explained, now);
    }
    Ok(())
}

fn print(who: &str, scope: &str, explained: &[Explanation], now: SystemTime) {
    show(|out| {
        writeln!(out, "{BOLD}{}{BOLD:#} {DIM}for{DIM:#} {}", clean(who), clean(scope))?;
        for one in explained {
            let (style, answer) = (style_of(one.answer), one.answer.as_str());
            writeln!(out, "\n{}: {style}{answer}{style:#}", grant(one.kind))?;
            for reason in &one.why {
                writeln!(out, "  {:<8}{}", "why", says(reason, now))?;
            }
            match &one.absence {
                None => writeln!(out, "  {:<8}{GOOD}act{GOOD:#} for this user in the user's absence", "workers")?,
                Some(reason) => {
                    writeln!(out, "  {:<8}{STOPPED}do not act{STOPPED:#}: {}", "workers", says(reason, now))?
                }
            }
            for step in steps(one) {
                writeln!(out, "  {:<8}{step}", "next")?;
            }
        }
        Ok(())
    });
}

/// What to do: about what decides the answer, and about what keeps workers away, each once.
fn steps(one: &Explanation) -> Vec<&'static str> {
    let mut steps: Vec<&'static str> = one.why.last().into_iter().chain(&one.absence).filter_map(next).collect();
    steps.dedup();
    steps
}

fn grant(kind: GrantKind) -> &'static str {
    match kind {
        GrantKind::Account | GrantKind::Assertion => "own sign-in",
        GrantKind::LongRunning => "long-running on-behalf-of",
    }
}

fn style_of(answer: Answer) -> Style {
    match answer {
        Answer::Hit => GOOD,
        Answer::Refresh => WAITS,
        Answer::Miss => STOPPED,
    }
}

fn document(one: &Explanation, now: SystemTime) -> Value {
    let reason = |reason: &Reason| json!({ "reason": reason.as_str(), "says": says(reason, now) });
    json!({
        "kind": one.kind.as_str(),
        "answer": one.answer.as_str(),
        "why": one.why.iter().map(reason).collect::<Vec<_>>(),
        "workers_act": one.absence.is_none(),
        "absence": one.absence.as_ref().map(reason),
        "next": steps(one),
    })
}
