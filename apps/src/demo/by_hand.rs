//! The scenario of single-page app, web API and worker, for a person with a browser.

use std::{
    pin::{Pin, pin},
    process::ExitCode,
};

use super::{
    Failure,
    child::{Program, interrupted},
    node, say,
    store::Kind,
    world::{Places, World, path},
};

/// The ports the app's own settings and the registration name.
const SPA: u16 = 3000;
const API: u16 = 44351;
const ENTRA: u16 = 8400;
/// How long a user must have been idle, and how often the worker acts for her: short enough to watch.
const IDLE: &str = "10s";
const EVERY: &str = "30s";

/// What runs.
struct Scenario {
    world: World,
    entra: Program,
    api: Program,
    app: Program,
    worker: Program,
}

/// Starts it all, and stops it all when somebody wants it to end.
pub(crate) async fn play(free_ports: bool, store: Kind, connection: Option<&str>) -> ExitCode {
    let mut interrupted = pin!(interrupted());
    // Dropping what was started kills it.
    let started = tokio::select! {
        started = start(free_ports, store, connection) => started,
        () = &mut interrupted => Err("interrupted".into()),
    };
    let ended = match started {
        Ok(scenario) => watch(scenario, interrupted).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

async fn start(free_ports: bool, store: Kind, connection: Option<&str>) -> Result<Scenario, Failure> {
    node::check().await?;
    let (spa, api, entra) = if free_ports { (node::free_port()?, 0, 0) } else { (SPA, API, ENTRA) };
    for (port, who) in [(SPA, "the single-page app"), (API, "the web API"), (ENTRA, "Entra")] {
        if !free_ports && !node::is_free(port) {
            let what = "is taken, perhaps by another demo: end what has it, or add --free-ports";
            return Err(format!("port {port}, which {who} is to have, {what}").into());
        }
    }
    say::chapter(1, "The set: a local Entra over https, a web API, a single-page app, a worker");
    let origin = format!("http://localhost:{spa}");
    let (world, entra) =
        World::build(&Places { entra, https: true, api, spa: origin.clone() }, store, connection).await?;
    say::step(format_args!("Entra           {}", world.entra_url));
    let (api, api_url) = world.start_app("web-api").await?;
    say::step(format_args!("web API         {api_url}api/profile"));
    let built = node::build(&world, &api_url).await?;
    let app = node::serve(&built, spa).await?;
    say::step(format_args!("single-page app {origin}"));
    let settings = world.settings("background-worker");
    let arguments = ["--settings", path(&settings)?, "--idle", IDLE, "--interval", EVERY];
    let worker = Program::start_aloud("worker", &world.program("background-worker"), &arguments)?;
    instructions(&world, &origin);
    Ok(Scenario { world, entra, api, app, worker })
}

fn instructions(world: &World, origin: &str) {
    say::chapter(2, "Once: let your browser trust Entra's certificate");
    say::step(format_args!("open {} and accept the warning, or trust", world.entra_url));
    say::step(world.ca_file.as_deref().unwrap_or_default());
    say::aside("`cargo run -p absentia-cli -- emulator trust` says how");
    say::chapter(3, "Sign in, and call the web API");
    say::step(format_args!("open {origin}, sign in as one or more of these, and press \"Call Web API\""));
    for person in &world.people {
        say::step(format_args!("  {:<24} {}", person.upn, person.password));
    }
    say::chapter(4, "Go away");
    say::step(format_args!(
        "After {IDLE} without you the worker acts for whoever called, again every {EVERY}, and says so here."
    ));
    say::step(format_args!(
        "Revoke somebody's sessions at {}: the worker reports her, and she must sign in",
        world.entra_url
    ));
    say::step("again. What Entra was asked is on that page too.");
    anstream::println!("\nCtrl-C stops all of it.\n");
}

/// Until somebody wants it to end, or one of the programs does.
async fn watch(mut scenario: Scenario, interrupted: Pin<&mut impl Future<Output = ()>>) -> Result<(), Failure> {
    let Scenario { entra, api, app, worker, .. } = &mut scenario;
    tokio::select! {
        () = interrupted => {}
        failure = entra.ended() => return Err(failure),
        failure = api.ended() => return Err(failure),
        failure = app.ended() => return Err(failure),
        failure = worker.ended() => return Err(failure),
    }
    let Scenario { world, entra, api, app, worker } = scenario;
    drop(app); // it serves files, and has nothing to finish
    worker.stop().await?;
    api.stop().await?;
    entra.stop().await?;
    drop(world);
    say::step("all of it is stopped");
    Ok(())
}
