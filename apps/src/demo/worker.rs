//! The background worker as the demo runs it: its own process, one pass, its answer as JSON.

use std::process::Stdio;

use serde::Deserialize;
use tokio::process::Command;

use super::{
    Failure,
    child::note,
    world::{World, path},
};

/// What one pass of the worker reported.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pass {
    pub(crate) succeeded: Vec<Row>,
    pub(crate) failed: Vec<Row>,
    pub(crate) waiting: Vec<Row>,
}

/// One account of a pass.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Row {
    #[serde(rename = "username")]
    pub(crate) user: String,
    pub(crate) grant: Option<String>,
    pub(crate) token_source: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_in: Option<i64>,
    pub(crate) display_name: Option<String>,
    #[serde(rename = "state")]
    pub(crate) kind: Option<String>,
    pub(crate) reason: Option<String>,
}

impl Pass {
    /// The row of a user in one of the groups.
    pub(crate) fn find<'a>(rows: &'a [Row], upn: &str) -> Option<&'a Row> {
        rows.iter().find(|row| row.user.eq_ignore_ascii_case(upn))
    }
}

/// Runs one pass.
pub(crate) async fn pass(world: &World) -> Result<Pass, Failure> {
    let settings = world.settings("background-worker");
    let output = Command::new(world.program("background-worker"))
        .args(["--settings", path(&settings)?, "--once", "--idle", "0s", "--json"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    note("background-worker", &String::from_utf8_lossy(&output.stdout))?;
    note("background-worker", &String::from_utf8_lossy(&output.stderr))?;
    // 1 says that some accounts failed: that is part of the story.
    if !matches!(output.status.code(), Some(0 | 1)) {
        return Err(
            format!("the worker failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr)).into()
        );
    }
    serde_json::from_slice(&output.stdout).map_err(|error| {
        format!("the worker's answer cannot be read: {error}\n{}", String::from_utf8_lossy(&output.stdout)).into()
    })
}
