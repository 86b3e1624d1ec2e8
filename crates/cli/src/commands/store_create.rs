//! `absentia store create`

use absentia_config::Need;
use serde_json::json;

use crate::{
    context::{Context, openers},
    failure::Failure,
    output::{BOLD, DIM, GOOD, show, show_json},
};

pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let created = context.settings(&[Need::Store])?.create_store(&openers()).await?;
    let ring = created.key_ring.as_ref().map(|ring| ring.display().to_string());
    if context.json {
        show_json(&json!({
            "store": created.store,
            "key_ring": ring,
            "new_key_ring": created.new_key_ring,
        }));
        return Ok(());
    }
    show(|out| {
        writeln!(out, "{GOOD}ready{GOOD:#}     {BOLD}{}{BOLD:#}", created.store)?;
        match ring {
            Some(ring) if created.new_key_ring => {
                writeln!(out, "key ring  {ring}, made now")?;
                writeln!(
                    out,
                    "{DIM}          Keep a copy apart from the store: without it nobody can be acted for.{DIM:#}"
                )
            }
            Some(ring) => writeln!(out, "key ring  {ring}, kept as it was"),
            None => writeln!(out, "key ring  none: entries are as .NET keeps them"),
        }
    });
    Ok(())
}
