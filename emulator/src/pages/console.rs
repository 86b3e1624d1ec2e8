//! The page for people who look after the emulator.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::layout::{frame, page};
use crate::clock::{UnixSeconds, rfc3339};
use crate::directory::{Tenant, User};
use crate::entra::Entra;
use crate::journal::Entry;

/// So many requests are shown.
const SHOWN: usize = 100;

/// What exists, and the switches.
pub(crate) fn console(entra: &Entra) -> Markup {
    page(
        "Entra emulator",
        &html! {
            div.wide {
                h1 { "Running" }
                p.quiet { "at " code { (entra.base) } }
                (states(entra))
                @for tenant in &entra.directory.tenants { (of_tenant(entra, tenant)) }
                iframe.live src="/_emulator/live" title="What happens: sessions and journal" {}
            }
        },
    )
}

fn states(entra: &Entra) -> Markup {
    let ahead = entra.clock.ahead().as_secs();
    html! {
        div.states {
            section aria-labelledby="clock" {
                h2 #clock { "Clock" }
                p { (minutes(entra.clock.now())) " UTC" @if ahead > 0 { ", " strong { (span(ahead)) " ahead" } } }
                form.row method="post" action="/_emulator" {
                    input type="hidden" name="switch" value="clock";
                    @for (seconds, name) in [("3600", "+1 hour"), ("86400", "+1 day"), ("7776000", "+90 days")] {
                        button.small type="submit" name="seconds" value=(seconds) { (name) }
                    }
                }
            }
            section aria-labelledby="service" {
                h2 #service { "Service" }
                @match entra.faults().outage {
                    Some(outage) => {
                        p.wrong { "Answers " (outage.status) " to everything but Graph" }
                        (switch("no-outage", &[], "End the outage", "End the outage"))
                    }
                    None => {
                        p { "Answers as it should" }
                        (switch("outage", &[], "Begin an outage", "Begin an outage"))
                    }
                }
            }
        }
    }
}

fn of_tenant(entra: &Entra, tenant: &Tenant) -> Markup {
    html! {
        h2 { (tenant.display_name) }
        dl {
            dt { "Authority" } dd { code { (entra.base) "/" (tenant.id) } }
            dt { "Domains" } dd { (tenant.domains.join(", ")) }
        }
        h3 { "Users" }
        ul.people { @for user in &tenant.users { (of_user(entra, user)) } }
        h3 { "Applications" }
        ul.people {
            @for app in &tenant.applications {
                li { div { strong { (app.display_name) } p.quiet.small { (app.names.join(", ")) } } code { (app.app_id) } }
            }
        }
        (by_admins(entra, tenant))
    }
}

/// What administrators allowed, if anything.
fn by_admins(entra: &Entra, tenant: &Tenant) -> Markup {
    let (for_everybody, as_itself) = entra.consents.of_admins(&tenant.id);
    let clients: BTreeSet<&String> = for_everybody.keys().chain(as_itself.keys()).collect();
    let kinds = [(&for_everybody, " for everybody"), (&as_itself, " as itself")];
    html! {
        @if !clients.is_empty() {
            h3 { "Allowed by administrators" }
            ul.people {
                @for client in clients {
                    li {
                        div {
                            strong { (title(entra, client)) }
                            @for (kind, how) in kinds {
                                @for (resource, names) in kind.get(client).into_iter().flatten() {
                                    p.small { (permissions(entra, resource, names)) span.quiet { (how) } }
                                }
                            }
                        }
                        (switch(
                            "revoke-admin-consent",
                            &[("client", client)],
                            "Take back",
                            &format!("Take back what administrators allowed {}", title(entra, client)),
                        ))
                    }
                }
            }
        }
    }
}

/// "API: permissions".
fn permissions(entra: &Entra, resource: &str, names: &BTreeSet<String>) -> Markup {
    html! { (title(entra, resource)) ": " code { (names.iter().map(String::as_str).collect::<Vec<_>>().join(" ")) } }
}

fn title<'a>(entra: &'a Entra, client: &'a str) -> &'a str {
    entra.directory.app(client).map_or(client, |app| app.display_name.as_str())
}

fn of_user(entra: &Entra, user: &User) -> Markup {
    let named = [("user", user.id.as_str())];
    let deleted = entra.accounts.deleted(&user.id);
    let enabled = entra.accounts.enabled(&user.id).unwrap_or(user.account_enabled);
    let revoked = entra.accounts.valid_from_millis(&user.id);
    html! {
        li {
            div {
                strong { (user.display_name) }
                @if user.is_admin { " " span.tag { "administrator" } }
                @if deleted { " " span.tag.bad { "deleted" } } @else if !enabled { " " span.tag.bad { "disabled" } }
                p.quiet.small {
                    (user.user_principal_name)
                    @if revoked > 0 { " · sessions revoked " (minutes(revoked.div_euclid(1000))) }
                }
            }
            @if !deleted {
                div.row {
                    (switch("revoke-sessions", &named, "Revoke sessions", &format!("Revoke sessions of {}", user.display_name)))
                    @if enabled {
                        (switch("disable", &named, "Disable", &format!("Disable {}", user.display_name)))
                    } @else {
                        (switch("enable", &named, "Enable", &format!("Enable {}", user.display_name)))
                    }
                }
            }
            @for (client, apis) in entra.consents.of_user(&user.id) {
                div.consent {
                    div.small {
                        p { span.quiet { "allowed " } (title(entra, &client)) }
                        @for (resource, names) in &apis { p { (permissions(entra, resource, names)) } }
                    }
                    (switch(
                        "revoke-consent",
                        &[("user", &user.id), ("client", &client)],
                        "Take back",
                        &format!("Take back what {} allowed {}", user.display_name, title(entra, &client)),
                    ))
                }
            }
        }
    }
}

/// A button that does one thing.
fn switch(what: &str, with: &[(&str, &str)], name: &str, label: &str) -> Markup {
    html! {
        form method="post" action="/_emulator" {
            input type="hidden" name="switch" value=(what);
            @for (name, value) in with { input type="hidden" name=(name) value=(value); }
            button.small type="submit" aria-label=(label) { (name) }
        }
    }
}

/// Sessions and journal: a frame of the console, which loads itself anew.
pub(crate) fn live(entra: &Entra, paused: bool) -> Markup {
    let sessions = entra.sessions.latest(20);
    let journal: Vec<Entry> = entra.journal.requests().into_iter().collect();
    let name = |user: &str| {
        let user = entra.directory.user(user).map(|(_, user)| user.display_name.clone());
        user.unwrap_or_else(|| "somebody".to_owned())
    };
    let app = |id: &str| title(entra, id).to_owned();
    frame(
        "What happens",
        (!paused).then_some(2),
        &html! {
            header.row {
                h1 { "What happens" }
                @if paused { a href="/_emulator/live" { "Go on" } } @else { a href="/_emulator/live?paused" { "Pause" } }
            }
            h2 { "Signed in" }
            @if sessions.is_empty() { p.quiet { "Nobody." } } @else {
                ul.people {
                    @for session in &sessions {
                        li { div {
                            @for account in &session.accounts {
                                p.small {
                                    strong { (name(&account.home_id)) }
                                    span.quiet { " since " (seconds(account.at_millis.div_euclid(1000))) }
                                    @if entra.accounts.valid_from_millis(&account.home_id) >= account.at_millis {
                                        " " span.tag.bad { "revoked" }
                                    }
                                    @for client in account.apps.keys() { " " span.tag { (app(client)) } }
                                }
                            }
                        } }
                    }
                }
            }
            h2 { "Journal" }
            @if journal.is_empty() { p.quiet { "Nothing was asked yet." } } @else {
                table {
                    thead { tr { th { "Time" } th { "Request" } th { "Who" } th { "Answer" } } }
                    tbody { @for entry in journal.iter().rev().take(SHOWN) { (row(entry, &name, &app)) } }
                }
            }
        },
    )
}

fn row(entry: &Entry, name: &dyn Fn(&str) -> String, app: &dyn Fn(&str) -> String) -> Markup {
    let path =
        entry.tenant.as_ref().and_then(|t| entry.path.split_once(t.as_str())).map_or(entry.path.as_str(), |(_, p)| p);
    let bad = entry.status.is_some_and(|s| s >= 400) || entry.aadsts.is_some();
    html! {
        tr {
            td { (seconds(entry.at)) }
            td {
                (entry.method) " " code { (path) }
                @if let Some(grant) = &entry.grant_type {
                    br; span.quiet { (grant.rsplit(':').next().unwrap_or(grant)) }
                }
            }
            td {
                @if let Some(user) = &entry.user { (name(&user.oid)) br; }
                @if let Some(client) = &entry.client_id { span.quiet { (app(client)) } }
            }
            td.bad[bad] {
                @if let Some(status) = entry.status { (status) } @else { "…" }
                @if let Some(code) = entry.aadsts { br; "AADSTS" (code) }
                @else if let Some(error) = &entry.error { br; (error) }
            }
        }
    }
}

/// `12:34:56`
fn seconds(at: UnixSeconds) -> String {
    rfc3339(at).get(11..19).unwrap_or_default().to_owned()
}

/// `2026-11-25 12:34`
fn minutes(at: UnixSeconds) -> String {
    rfc3339(at).get(..16).unwrap_or_default().replace('T', " ")
}

/// `3 days 2 h`
fn span(seconds: u64) -> String {
    match (seconds / 86400, seconds % 86400 / 3600, seconds % 3600 / 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
