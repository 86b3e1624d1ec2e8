//! The single-page app as Node builds and serves it.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;
use url::Url;

use super::{
    Failure,
    child::Program,
    say,
    world::{World, path},
};

/// The least version that builds the app (see its `package.json`).
const LEAST: (u32, u32) = (20, 19);
const WITHOUT: &str = "`cargo demo` without --spa plays its story with neither Node nor a browser";

/// The app's sources.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spa")
}

fn vite() -> PathBuf {
    sources().join("node_modules/vite/bin/vite.js")
}

/// Whether there is a Node that will do; if not, what to do about it.
pub(crate) async fn check() -> Result<(), Failure> {
    let output = Command::new("node").arg("--version").stdin(Stdio::null()).output().await;
    let Some(text) = output.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok()) else {
        return Err(format!(
            "--spa needs Node {}.{} or later, and `node` is not there. Install it with npm (https://nodejs.org, or the \
             packages `nodejs` and `npm`); {WITHOUT}",
            LEAST.0, LEAST.1
        )
        .into());
    };
    match version(&text) {
        Some(found) if found < LEAST => {
            Err(format!("--spa needs Node {}.{} or later, and this is {}; {WITHOUT}", LEAST.0, LEAST.1, text.trim())
                .into())
        }
        _ => Ok(()),
    }
}

/// Of `v20.19.1`. What cannot be read may be anything, and is tried.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().trim_start_matches('v').split('.').map(|part| part.parse::<u32>().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Builds the app for this set into its folder. Its packages come by npm the first time.
pub(crate) async fn build(world: &World, api: &Url) -> Result<PathBuf, Failure> {
    if !vite().exists() {
        say::aside("installing the app's packages (npm ci); only this time");
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        run(Command::new(npm).arg("ci").current_dir(sources()), "npm ci in apps/spa").await?;
    }
    let folder = world.folder().join("spa");
    let mut vite = Command::new("node");
    vite.arg(self::vite()).args(["build", "--emptyOutDir", "--outDir"]).arg(&folder).current_dir(sources());
    vite.env("VITE_AUTHORITY", format!("{}/{}", world.entra_url, world.tenant_id))
        .env("VITE_CLIENT_ID", &world.spa_id)
        .env("VITE_API_URL", api.as_str().trim_end_matches('/'))
        .env("VITE_API_SCOPE", format!("api://{}/.default", world.app_id));
    run(&mut vite, "building apps/spa").await?;
    Ok(folder)
}

/// Serves the built app at `http://localhost:{port}`.
pub(crate) async fn serve(folder: &Path, port: u16) -> Result<Program, Failure> {
    let (vite, sources, port) = (vite(), sources(), port.to_string());
    let arguments =
        [path(&vite)?, "preview", path(&sources)?, "--outDir", path(folder)?, "--port", &port, "--strictPort"];
    let url = |line: &str| line.contains(&format!("http://localhost:{port}")).then_some(());
    Ok(Program::start("the single-page app", Path::new("node"), &arguments, url).await?.0)
}

async fn run(command: &mut Command, what: &str) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| format!("{what} did not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{what} failed ({}):\n{out}{err}", output.status).into())
}

/// Whether nobody listens at a port of `127.0.0.1`.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port nobody has at the moment.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("v20.19.1\n"), Some((20, 19)));
        assert_eq!(version("v9.1.0"), Some((9, 1)));
        assert!(version("v18.20.4").unwrap() < LEAST && version("v22.1.0").unwrap() > LEAST);
        assert_eq!(version("nightly"), None);
    }
}
