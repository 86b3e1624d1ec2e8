//! `absentia keys rotate`

use std::path::PathBuf;

use absentia::{
    KeyRing, Layout, OsRandom, Rotated,
    store::{Clock as _, SystemClock},
};
use absentia_config::{Need, Settings};
use serde_json::json;

use crate::{
    context::Context,
    failure::Failure,
    output::{BOLD, DIM, GOOD, show, show_json, utc},
};

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let settings = context.settings(&[Need::Store])?;
    let (file, ring) = ours(&settings)?;
    let key = match ring.rotate(SystemClock.now(), &OsRandom)? {
        Rotated::Added(key) => key,
        Rotated::Waits(key) => {
            let from = utc(key.active_from).unwrap_or_default();
            return Err(Failure::NotDone(format!("Key {} waits already and seals from {from} on", key.id)));
        }
    };
    let from = utc(key.active_from).unwrap_or_default();
    if context.json {
        let file = file.display().to_string();
        show_json(&json!({ "key_ring": file, "added": key.id.to_string(), "active_from": from }));
        return Ok(());
    }
    show(|out| {
        writeln!(out, "{GOOD}added{GOOD:#}       {BOLD}{}{BOLD:#} to {}", key.id, file.display())?;
        writeln!(out, "seals from  {from}")?;
        if settings.token_cache.layout == Layout::DotNet {
            writeln!(
                out,
                "{DIM}            It seals sessions of the web app. Entries are under .NET's ring, which stays as it is.{DIM:#}"
            )?;
        }
        writeln!(
            out,
            "{DIM}            Keep a copy of the ring apart from the store. Ten minutes after that time the key before can \
             be retired.{DIM:#}"
        )
    });
    Ok(())
}

/// Our ring and its file: the one whose keys come and go.
pub(crate) fn ours(settings: &Settings) -> Result<(PathBuf, KeyRing), Failure> {
    settings.key_ring()?.ok_or_else(|| {
        Failure::Usage(
            "Entries are under the ring of ASP.NET Core, and there is no other. It is never rewritten: `absentia keys create` \
             adds a key to it, keys end by themselves, and one that became known to others is revoked in .NET \
             (IKeyManager.RevokeKey)"
                .to_owned(),
        )
    })
}
