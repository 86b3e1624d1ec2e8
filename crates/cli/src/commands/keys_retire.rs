//! `absentia keys retire`

use absentia::{Kept, KeyId};
use absentia_config::Need;
use serde_json::json;

use crate::{
    commands::keys_rotate::ours,
    context::{Context, openers},
    failure::Failure,
    output::{BOLD, DIM, GOOD, WAITS, clean, show, show_json, utc},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The key, as `absentia keys list` shows it. Not the active one: rotate first.
    #[arg(value_name = "KEYID")]
    key: String,
}

pub(crate) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let settings = context.settings(&[Need::Store])?;
    let (file, _) = ours(&settings)?;
    let Some(id) = KeyId::parse(&options.key) else {
        let shown = clean(&options.key);
        return Err(Failure::Usage(match shown.len() {
            36 => format!(
                "{shown} looks like a key of .NET's ring, which is never rewritten: what it protected would be lost. One that \
                 became known to others is revoked in .NET (IKeyManager.RevokeKey)"
            ),
            _ => format!("{shown} is no key id: `absentia keys list` shows them, 16 hexadecimal digits"),
        }));
    };
    let retired = settings.token_cache(&openers()).await?.retire_key(id).await?;
    if let Some(kept) = retired.kept {
        let resealed = match retired.resealed {
            0 => String::new(),
            resealed => format!(" ({resealed} entries were sealed anew)"),
        };
        return Err(Failure::NotDone(format!("Key {id} stays{resealed}: {}", why(kept))));
    }
    if context.json {
        show_json(&json!({
            "key_ring": file.display().to_string(),
            "retired": id.to_string(),
            "resealed_entries": retired.resealed,
            "unreadable_entries": retired.unreadable,
        }));
        return Ok(());
    }
    show(|out| {
        writeln!(out, "{GOOD}retired{GOOD:#}  {BOLD}{id}{BOLD:#}; it is no longer in {}", file.display())?;
        writeln!(out, "{} entries were sealed anew", retired.resealed)?;
        if retired.unreadable > 0 {
            let count = retired.unreadable;
            writeln!(out, "{WAITS}{count} entries that did not open under it are left as they are{WAITS:#}")?;
        }
        writeln!(out, "{DIM}Within two minutes programs forget it, and sessions sealed under it end.{DIM:#}")
    });
    Ok(())
}

fn why(kept: Kept) -> String {
    match kept {
        Kept::Unknown => "the ring has no such key; `absentia keys list` shows them".to_owned(),
        Kept::Seals => "it is the one that seals; `absentia keys rotate` adds the next".to_owned(),
        Kept::Next => "it is about to be the one that seals".to_owned(),
        Kept::Until(time) => format!(
            "programs whose clocks are behind may still seal under it; try again at {}",
            utc(time).unwrap_or_default()
        ),
        Kept::StillSeals => {
            "something keeps sealing under it: a program whose clock is wrong, or that cannot read the ring \
                             any more. Look at their logs, then try again"
                .to_owned()
        }
    }
}
