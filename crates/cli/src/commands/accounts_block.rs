//! `absentia accounts block` and `absentia accounts unblock`

use absentia::{
    TokenCache,
    store::{Account, Clock as _, SystemClock},
};
use absentia_config::Need;
use serde_json::json;

use crate::{
    context::{Context, accounts, openers},
    failure::Failure,
    find::find,
    output::{BOLD, ago, name, show, show_json, utc},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A user name, or a home account id (`{object id}.{tenant id}`).
    user: String,
}

pub(crate) async fn block(context: &Context, options: &Options) -> Result<(), Failure> {
    let (cache, client_id, before) = meant(context, options).await?;
    let now = SystemClock.now();
    let done = accounts(&cache)?.block(&client_id, &before.account_id, now).await;
    done.map_err(|error| cache.store_error(error))?;
    let (who, since) = (name(&before), before.blocked_at);
    if context.json {
        show_json(&json!({
            "account_id": before.account_id,
            "username": before.username,
            "blocked_at": utc(since.unwrap_or(now)),
            "changed": since.is_none(),
        }));
        return Ok(());
    }
    show(|out| {
        if let Some(since) = since {
            return writeln!(out, "{BOLD}{who}{BOLD:#} has been blocked for {} already.", ago(since, now));
        }
        writeln!(
            out,
            "{BOLD}{who}{BOLD:#} is blocked: no worker acts for this user any more, whoever signs in or out."
        )?;
        writeln!(out, "Where the user is present, apps serve as before; `absentia accounts sign-out` ends that too.")?;
        writeln!(
            out,
            "Access tokens that were handed out live until they expire. `absentia accounts unblock` lifts it."
        )
    });
    Ok(())
}

pub(crate) async fn unblock(context: &Context, options: &Options) -> Result<(), Failure> {
    let (cache, client_id, before) = meant(context, options).await?;
    let now = SystemClock.now();
    let store = accounts(&cache)?;
    store.unblock(&client_id, &before.account_id, now).await.map_err(|error| cache.store_error(error))?;
    let after = Account { blocked_at: None, ..before.clone() };
    if context.json {
        show_json(&json!({
            "account_id": before.account_id,
            "username": before.username,
            "state": after.state().as_str(),
            "changed": before.blocked_at.is_some(),
        }));
        return Ok(());
    }
    let (who, state) = (name(&before), after.state().as_str());
    show(|out| match before.blocked_at {
        Some(since) => writeln!(
            out,
            "{BOLD}{who}{BOLD:#} is not blocked any more, after {}. The account is {state}.",
            ago(since, now)
        ),
        None => writeln!(out, "{BOLD}{who}{BOLD:#} was not blocked. The account is {state}."),
    });
    Ok(())
}

async fn meant(context: &Context, options: &Options) -> Result<(TokenCache, String, Account), Failure> {
    let settings = context.settings(&[Need::ClientId, Need::Store])?;
    let cache = settings.token_cache(&openers()).await?;
    let client_id = settings.azure_ad.client_id.unwrap_or_default();
    let account = find(&cache, &client_id, &options.user).await?;
    Ok((cache, client_id, account))
}
