//! `absentia keys create`

use std::time::{Duration, SystemTime};

use absentia::store::{Clock as _, SystemClock};
use absentia_config::Need;
use absentia_data_protection::NewKey;
use serde_json::json;

use crate::{
    commands::keys_list::dotnet_document,
    context::{Context, openers},
    failure::Failure,
    output::{BOLD, DIM, GOOD, clean, date, show, show_json, utc},
};

/// How long .NET takes to have read a new key everywhere.
const PROPAGATION: Duration = Duration::from_secs(2 * 24 * 3600);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long it protects, in days, from its activation on. It opens for ever.
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u16).range(7..))]
    days: u16,
    /// When it is activated: 2027-01-31 or 2027-01-31T12:00:00Z. By default when the present key expires, or at once if there is none.
    #[arg(long, value_name = "DATE", value_parser = date)]
    activate: Option<SystemTime>,
}

pub(crate) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let settings = context.settings(&[Need::Store])?;
    let Some(keys) = settings.dotnet_keys(&openers()).await? else {
        return Err(Failure::Usage(
            "Keys are created in the ring of ASP.NET Core, which protects nothing here: TokenCache:Layout is not dotnet, or \
             TokenCache:Encrypt is not true. A new key of our own ring is made by `absentia keys rotate`"
                .to_owned(),
        ));
    };
    let now = SystemClock.now();
    let lifetime = Duration::from_secs(u64::from(options.days) * 24 * 3600);
    let had_one = !keys.ring().keys().is_empty();
    let (id, keys) = keys.create(NewKey { lifetime, activates: options.activate, ..NewKey::default() }, now).await?;
    let key = keys.ring().keys().iter().find(|key| key.id().to_string() == id);
    if context.json {
        show_json(&json!({ "created": id, "data_protection": dotnet_document(&keys, now) }));
        return Ok(());
    }
    show(|out| {
        writeln!(out, "{GOOD}added{GOOD:#}      {BOLD}{id}{BOLD:#} to {}", clean(&keys.place()))?;
        let Some(key) = key else { return Ok(()) };
        writeln!(out, "activates  {}", utc(key.activates()).unwrap_or_default())?;
        writeln!(out, "expires    {}", utc(key.expires()).unwrap_or_default())?;
        if had_one && now.checked_add(PROPAGATION).is_none_or(|everywhere| key.activates() < everywhere) {
            writeln!(
                out,
                "{DIM}           .NET reads a ring once a day: start its applications anew, or some cannot open what this key \
                 protects until they have read it.{DIM:#}"
            )?;
        }
        Ok(())
    });
    Ok(())
}
