//! The story, chapter by chapter.

use std::{
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use absentia::store::Removal;
use url::Url;

use super::{
    Failure,
    browser::Browser,
    child::{OUTPUT, interrupted, note},
    say, spa,
    store::Kind,
    table,
    verdict::{self, Verdict, account, count, graph, refresh, token, waits_for},
    worker::{self, Pass},
    world::{Person, Places, World},
};

/// Leaves a step out, to show that the verdict notices.
const SABOTAGE: &str = "ABSENTIA_DEMO_SABOTAGE";
/// Life of an access token that is past its use at once: the worker must refresh. Seconds.
const SHORT: u64 = 120;
/// Life of one that is served from the cache. Seconds.
const LONG: u64 = 3600;

/// Plays it, and stops everything it started, also on Ctrl-C.
pub(crate) async fn play(keep: bool, store: Kind, connection: Option<&str>) -> ExitCode {
    let told = AtomicBool::new(false);
    // Dropping the story drops its programs, which kills them.
    let played = tokio::select! {
        played = story(keep, store, connection, &told) => played,
        () = interrupted() => match told.load(Ordering::Relaxed) {
            true => return ExitCode::SUCCESS, // the story was over, the apps were kept running
            false => Err("interrupted".into()),
        },
    };
    match played {
        Ok(verdict) if verdict.holds() => {
            anstream::println!("\nEverything holds.");
            ExitCode::SUCCESS
        }
        Ok(verdict) => {
            anstream::println!("\n{} of the checks failed.", verdict.failed());
            ExitCode::FAILURE
        }
        Err(error) => {
            anstream::eprintln!("\nThe demo could not go on: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn story(keep: bool, store: Kind, connection: Option<&str>, told: &AtomicBool) -> Result<Verdict, Failure> {
    let mut verdict = Verdict::default();
    let sabotage = std::env::var(SABOTAGE).unwrap_or_default();

    say::chapter(1, "The set: a local Entra, a token store, a web app and a web API");
    let places = Places { entra: 0, https: false, api: 0, spa: "http://localhost:3000".to_owned() };
    let (world, entra) = World::build(&places, store, connection).await?;
    say::step(format_args!("tokens in {}", world.store));
    say::step(format_args!("Entra at {}", world.entra_url));
    let (web_app, web_url) = world.start_app("web-app").await?;
    say::step(format_args!("web app at {web_url}"));
    let (web_api, api_url) = world.start_app("web-api").await?;
    say::step(format_args!("web API at {api_url}"));
    let (ada, grace) = (world.person("ada")?, world.person("grace")?);
    let (alan, edsger) = (world.person("alan")?, world.person("edsger")?);
    for (person, life) in [(ada, LONG), (grace, SHORT), (alan, LONG), (edsger, SHORT)] {
        world.admin.set_token_lifetime(&person.upn, life).await?;
    }

    say::chapter(2, "Four users sign in: two to the web app, two call the web API");
    for person in [ada, grace] {
        sign_in(&world, &web_url, person).await?;
        say::step(format_args!("{} signed in to the web app", person.upn));
    }
    for person in [alan, edsger] {
        let access_token = spa::sign_in(&world, person).await?;
        let profile = spa::call_api(&world, &api_url, &access_token).await?;
        let field = |name: &str| profile[name].as_str().unwrap_or("nobody knows").to_owned();
        say::step(format_args!("{} called the web API: {} in {}", person.upn, field("displayName"), field("city")));
    }

    say::chapter(3, "The apps go away; one session is revoked");
    web_app.stop().await?;
    web_api.stop().await?;
    say::step("both apps stopped");
    if sabotage == "skip-revoke" {
        say::step(format_args!("{SABOTAGE}={sabotage}: grace's session is not revoked"));
    } else {
        world.admin.revoke_sessions(&grace.upn).await?;
        say::step(format_args!("{}'s sessions revoked at Entra", grace.upn));
    }

    say::chapter(4, "A worker, its own process, acts for the absent users");
    let before = world.admin.now().await?;
    let first = worker::pass(&world).await?;
    table::print(&first);
    let journal = world.admin.journal(before).await?;
    let backend = verdict::stores(&world).await?;
    for person in [ada, alan] {
        let (served, asked) = (count(&journal, &person.upn, graph), count(&journal, &person.upn, token));
        verdict.that(
            served == 1 && asked == 0,
            format_args!("{}: served by Graph once, with a token from the cache", person.name),
        );
    }
    let (served, refreshed) = (count(&journal, &edsger.upn, graph), count(&journal, &edsger.upn, refresh));
    verdict.that(served == 1 && refreshed == 1, "edsger: served by Graph once, after one refresh");
    let refused = count(&journal, &grace.upn, |entry| refresh(entry) && entry.aadsts == Some(50_173));
    let asked = count(&journal, &grace.upn, token);
    verdict.that(refused == 1 && asked == 1, "grace: one refresh, refused with AADSTS50173, and no second try");
    verdict.that(count(&journal, &grace.upn, graph) == 0, "grace: nothing was done in her name");
    let state = waits_for(&account(&backend, &world, &grace.upn).await?);
    verdict.that(state.as_deref() == Some("AADSTS50173"), "grace: the store says that she must sign in, and why");
    let foreign =
        journal.iter().filter(|entry| token(entry) && entry.client_id.as_deref() != Some(&world.app_id)).count();
    let apps_own = journal.iter().filter(|entry| entry.redeems("client_credentials")).count();
    verdict.that(foreign == 0 && apps_own == 0, "the worker used the apps' client id, and delegated permissions alone");

    say::chapter(5, "It runs again; meanwhile somebody deleted an entry by hand");
    let doomed = account(&backend, &world, &alan.upn).await?;
    for grant in &doomed.grants {
        backend.entries.remove(&grant.key, Removal::SignOut).await?;
    }
    say::step(format_args!("{}'s entry deleted from the store", alan.upn));
    let before = world.admin.now().await?;
    let second = worker::pass(&world).await?;
    table::print(&second);
    let journal = world.admin.journal(before).await?;
    verdict.that(
        count(&journal, &grace.upn, |_| true) == 0 && Pass::find(&second.waiting, &grace.upn).is_some(),
        "grace: reported as waiting, and left alone",
    );
    let state = waits_for(&account(&backend, &world, &alan.upn).await?);
    verdict.that(
        state.as_deref() == Some("entry_missing") && count(&journal, &alan.upn, |_| true) == 0,
        "alan: reported as such, and Entra was not asked",
    );
    verdict.that(
        count(&journal, &ada.upn, graph) == 1 && count(&journal, &edsger.upn, graph) == 1,
        "ada and edsger: served as before; one bad account stops no other",
    );

    say::chapter(6, "Grace returns");
    let (web_app, web_url) = world.start_app("web-app").await?;
    sign_in(&world, &web_url, grace).await?;
    say::step(format_args!("{} signed in again", grace.upn));
    let state = waits_for(&account(&backend, &world, &grace.upn).await?);
    verdict.that(state.is_none(), "grace: the store says that she is healthy");
    let before = world.admin.now().await?;
    let third = worker::pass(&world).await?;
    table::print(&third);
    let journal = world.admin.journal(before).await?;
    verdict.that(count(&journal, &grace.upn, graph) == 1, "grace: served by Graph again");

    if keep && verdict.holds() {
        let (_web_api, api_url) = world.start_app("web-api").await?;
        anstream::println!("\nEverything holds. Kept running; Ctrl-C ends it.");
        kept(&world, &web_url, &api_url);
        told.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
    }
    web_app.stop().await?;
    if std::env::var_os(OUTPUT).is_some() {
        note("issued", &world.admin.issued().await?)?;
    }
    entra.stop().await?;
    if let Some(left) = world.store.left() {
        say::aside(left);
    }
    Ok(verdict)
}

/// Through the web app's own pages.
async fn sign_in(world: &World, web_app: &Url, person: &Person) -> Result<(), Failure> {
    let mut browser = Browser::new(world.http.clone(), &world.entra_url)?;
    let begin = web_app.join("sign-in")?;
    let page = browser.sign_in(begin, &person.upn, &person.password, |_| false).await?;
    let first_name = person.name;
    let greeted = page.html.to_ascii_lowercase().contains(first_name);
    if page.status != 200 || page.url.origin() != web_app.origin() || !greeted {
        return Err(
            format!("{} did not come to the profile page: {} at {}", person.upn, page.status, page.url.path()).into()
        );
    }
    Ok(())
}

/// Where and as whom to go on by hand.
fn kept(world: &World, web_url: &Url, api_url: &Url) {
    say::step(format_args!("web app   {web_url}"));
    say::step(format_args!("web API   {api_url}api/profile"));
    say::step(format_args!("Entra     {}", world.entra_url));
    for person in &world.people {
        say::step(format_args!("sign in as {} with {}", person.upn, person.password));
    }
    say::aside(format_args!("worker: background-worker --settings {}", world.settings("background-worker").display()));
}
