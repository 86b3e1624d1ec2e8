//! `absentia keys list`

use std::{collections::BTreeMap, io::Write, path::Path, time::SystemTime};

use absentia::{
    KeyId, KeyInfo, KeyState,
    store::{Clock as _, SystemClock},
};
use absentia_config::{DotNetKeys, Need};
use absentia_data_protection::{Key, Protection};
use anstyle::Style;
use serde_json::{Value, json};

use crate::{
    context::{Context, openers},
    failure::Failure,
    output::{BOLD, DIM, GOOD, WAITS, clean, show, show_json, utc},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Count the entries under each key of our ring. Reads the whole store, so that what expires when it is not read lives on.
    #[arg(long)]
    count: bool,
}

type Counts = Option<BTreeMap<KeyId, usize>>;

pub(crate) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let settings = context.settings(&[Need::Store])?;
    let ours = settings.key_ring()?;
    let dotnet = settings.dotnet_keys(&openers()).await?;
    let counts: Counts = match &ours {
        Some(_) if options.count => Some(settings.token_cache(&openers()).await?.entries_by_key().await?),
        _ => None,
    };
    let now = SystemClock.now();
    let ours = match &ours {
        Some((file, ring)) => Some((file.as_path(), ring.keys(now)?)),
        None => None,
    };
    if context.json {
        show_json(&json!({
            "key_ring": ours.as_ref().map(|(file, keys)| our_document(file, keys, &counts)),
            "data_protection": dotnet.as_ref().map(|keys| dotnet_document(keys, now)),
        }));
        return Ok(());
    }
    show(|out| {
        if let Some(keys) = &dotnet {
            print_dotnet(out, keys, now)?;
        }
        if let Some((file, keys)) = &ours {
            if dotnet.is_some() {
                writeln!(out)?;
            }
            print_ours(out, file, keys, &counts)?;
        }
        if dotnet.is_none() && ours.is_none() {
            writeln!(out, "No keys: entries are plain, as .NET keeps them without TokenCache:Encrypt.")?;
        }
        Ok(())
    });
    Ok(())
}

fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Next => "next",
        KeyState::Active => "active",
        KeyState::Old => "old",
    }
}

/// Ids in the store that the ring does not have: how many entries.
fn foreign(keys: &[KeyInfo], counts: &BTreeMap<KeyId, usize>) -> usize {
    counts.iter().filter(|(id, _)| !keys.iter().any(|key| key.id == **id)).map(|(_, count)| count).sum()
}

fn our_document(file: &Path, keys: &[KeyInfo], counts: &Counts) -> Value {
    let key = |key: &KeyInfo| {
        json!({
            "id": key.id.to_string(),
            "state": state(key.state),
            "created": key.created.and_then(utc),
            "active_from": utc(key.active_from),
            "entries": counts.as_ref().map(|counts| counts.get(&key.id).copied().unwrap_or(0)),
        })
    };
    json!({
        "file": file.display().to_string(),
        "keys": keys.iter().map(key).collect::<Vec<_>>(),
        "entries_under_unknown_keys": counts.as_ref().map(|counts| foreign(keys, counts)),
    })
}

fn print_ours(out: &mut dyn Write, file: &Path, keys: &[KeyInfo], counts: &Counts) -> std::io::Result<()> {
    writeln!(out, "our ring  {BOLD}{}{BOLD:#}", file.display())?;
    let entries = if counts.is_some() { "ENTRIES" } else { "" };
    writeln!(out, "{BOLD}{:<16}  {:<6}  {:<20}  {:<20}  {entries}{BOLD:#}", "KEY", "STATE", "CREATED", "SEALS FROM")?;
    for key in keys {
        let style = style_of(state(key.state));
        let date = |time: Option<SystemTime>| time.filter(|time| *time > SystemTime::UNIX_EPOCH).and_then(utc);
        let (created, from) = (date(key.created), date(Some(key.active_from)));
        let [created, from] = [created, from].map(|date| date.unwrap_or_else(|| "-".to_owned()));
        let count = counts.as_ref().map(|counts| counts.get(&key.id).copied().unwrap_or(0).to_string());
        let line = format!(
            "{}  {style}{:<6}{style:#}  {created:<20}  {from:<20}  {}",
            key.id,
            state(key.state),
            count.unwrap_or_default()
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    match counts.as_ref().map(|counts| foreign(keys, counts)) {
        None | Some(0) => Ok(()),
        Some(foreign) => writeln!(
            out,
            "{WAITS}{foreign} entries are under keys this ring does not have:{WAITS:#} restore the right ring, or their \
             users sign in again"
        ),
    }
}

/// What a key of .NET's ring is used for.
fn dotnet_state(key: &Key, keys: &DotNetKeys, now: SystemTime) -> &'static str {
    let protects = keys.ring().protecting_key(now).is_some_and(|active| active.id() == key.id());
    match key {
        key if key.is_revoked() => "revoked",
        key if key.unusable().is_some() => "unusable",
        _ if protects => "active",
        key if key.activates() > now => "next",
        key if key.expires() <= now => "expired",
        _ => "old",
    }
}

fn style_of(state: &str) -> Style {
    match state {
        "active" => GOOD,
        "unusable" | "revoked" => WAITS,
        _ => DIM,
    }
}

fn by_activation(keys: &DotNetKeys) -> Vec<&Key> {
    let mut sorted: Vec<&Key> = keys.ring().keys().iter().collect();
    sorted.sort_by_key(|key| (key.activates(), key.id()));
    sorted
}

pub(crate) fn dotnet_document(keys: &DotNetKeys, now: SystemTime) -> Value {
    let key = |key: &&Key| {
        json!({
            "id": key.id().to_string(),
            "state": dotnet_state(key, keys, now),
            "created": utc(key.created()),
            "activates": utc(key.activates()),
            "expires": utc(key.expires()),
            "algorithm": key.algorithm().map(|algorithm| algorithm.to_string()),
            "secret": match key.protection() {
                Protection::None => "plain",
                Protection::Certificate => "certificate",
                Protection::Other => "other",
            },
            "source": key.source(),
            "problem": key.unusable(),
        })
    };
    let problem =
        |problem: &absentia_data_protection::Problem| json!({ "source": problem.source, "problem": problem.reason });
    json!({
        "place": keys.place(),
        "has_default_key": keys.ring().default_key(now).is_some(),
        "keys": by_activation(keys).iter().map(key).collect::<Vec<_>>(),
        "skipped": keys.ring().problems().iter().map(problem).collect::<Vec<_>>(),
    })
}

fn print_dotnet(out: &mut dyn Write, keys: &DotNetKeys, now: SystemTime) -> std::io::Result<()> {
    writeln!(out, ".NET's ring  {BOLD}{}{BOLD:#}", clean(&keys.place()))?;
    writeln!(out, "{BOLD}{:<36}  {:<8}  {:<20}  EXPIRES{BOLD:#}", "KEY", "STATE", "ACTIVATES")?;
    for key in by_activation(keys) {
        let state = dotnet_state(key, keys, now);
        let style = style_of(state);
        let [activates, expires] = [key.activates(), key.expires()].map(|date| utc(date).unwrap_or_default());
        writeln!(out, "{}  {style}{state:<8}{style:#}  {activates:<20}  {expires}", key.id())?;
        if let Some(why) = key.unusable() {
            writeln!(out, "  {WAITS}{}{WAITS:#}", clean(why))?;
        }
    }
    for problem in keys.ring().problems() {
        writeln!(out, "{WAITS}skipped{WAITS:#}  {} {}", clean(&problem.source), clean(&problem.reason))?;
    }
    if keys.ring().default_key(now).is_none() {
        writeln!(
            out,
            "{WAITS}No key is in its time.{WAITS:#} A .NET application makes one when it starts; `absentia keys create` \
             adds one now."
        )?;
    }
    Ok(())
}
