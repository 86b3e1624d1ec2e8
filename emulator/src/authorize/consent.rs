//! What a user still has to allow, and writing down that it was allowed.

use std::collections::BTreeSet;

use super::Asked;
use crate::aadsts::Refusal;
use crate::consents::Parties;
use crate::directory::{AccessKind, Application, ConsentKind, GRAPH, Tenant, User};
use crate::entra::Entra;
use crate::scopes::{Scopes, is_oidc};

/// Permissions of one API that one app asks for.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) client: &'a Application,
    pub(crate) resource: &'a Application,
    /// Delegated permissions.
    pub(crate) names: BTreeSet<String>,
    /// Application permissions.
    pub(crate) roles: BTreeSet<String>,
}

/// A permission as the page shows it.
pub(crate) struct Line<'p> {
    /// What it allows.
    pub(crate) text: &'p str,
    pub(crate) name: &'p str,
    /// Whether only an administrator may allow it.
    pub(crate) admin: bool,
    /// Whether the app uses it as itself, without a user.
    pub(crate) as_itself: bool,
}

impl Part<'_> {
    /// Each permission.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let delegated = self.names.iter().map(move |name| {
            let known = self.resource.permission(name);
            let text = named_or(known.map(|p| &p.user_consent_display_name), name);
            Line { text, name, admin: known.is_some_and(|p| p.kind == ConsentKind::Admin), as_itself: false }
        });
        let roles = self.roles.iter().map(move |name| {
            let text = named_or(self.resource.role(name).map(|r| &r.display_name), name);
            Line { text, name, admin: true, as_itself: true }
        });
        delegated.chain(roles)
    }

    /// Delegated permissions as an answer names them: with the API's identifier, OpenID Connect's as they are.
    pub(super) fn spelled(&self) -> impl Iterator<Item = String> {
        let api = self.resource.identifier_uris.first().unwrap_or(&self.resource.app_id);
        self.names.iter().map(move |name| if is_oidc(name) { name.clone() } else { format!("{api}/{name}") })
    }
}

fn named_or<'p>(text: Option<&'p String>, name: &'p str) -> &'p str {
    text.filter(|text| !text.is_empty()).map_or(name, String::as_str)
}

/// What is still to be allowed for this request; everything it asks for, if `prompt=consent`.
pub(super) fn missing<'a>(
    entra: &'a Entra,
    asked: &Asked<'a>,
    scopes: &Scopes<'a>,
    tenant: &Tenant,
    user: &User,
) -> Result<Vec<Part<'a>>, Refusal> {
    let client = asked.client;
    let again = asked.prompts("consent");
    let granted = |resource: &Application| {
        entra.consents.granted(Parties { tenant: &tenant.id, user: Some(&user.id), client, resource })
    };
    let mut parts: Vec<Part<'a>> = Vec::new();
    if let Some(graph) = entra.directory.app(GRAPH) {
        let before = granted(graph);
        // An app that an administrator let in may sign users in, whatever it was let in for.
        let known = entra.consents.is_known_to_admins(&tenant.id, &client.app_id);
        let words = scopes.oidc.words().map(str::to_owned).filter(|w| again || !(known || before.contains(w)));
        add(&mut parts, client, graph, words);
    }
    for ask in &scopes.asks {
        if !entra.has_resource(tenant, ask.resource) {
            return Err(Refusal::resource_not_found(&ask.named, &tenant.display_name));
        }
        let before = granted(ask.resource);
        if !ask.default {
            let names = ask.names.iter().filter(|n| again || !before.contains(*n)).cloned();
            add(&mut parts, client, ask.resource, names);
        } else if again || before.iter().all(|name| is_oidc(name)) {
            add_default(entra, &mut parts, client, ask.resource, false)?;
        }
    }
    Ok(parts)
}

/// What an administrator is asked to allow for everybody: what the scopes name, or without scopes all that the app's
/// registration lists. What is allowed already is asked again.
pub(super) fn for_everybody<'a>(
    entra: &'a Entra,
    client: &'a Application,
    scopes: Option<&Scopes<'a>>,
    tenant: &Tenant,
) -> Result<Vec<Part<'a>>, Refusal> {
    let mut parts = Vec::new();
    let Some(scopes) = scopes else {
        add_static(entra, &mut parts, client, true);
        let known = |p: &Part<'a>| p.resource.api.known_client_applications.contains(&client.app_id);
        let apis: Vec<_> = parts.iter().filter(|p| known(p)).map(|p| p.resource).collect();
        apis.into_iter().for_each(|api| add_static(entra, &mut parts, api, true));
        return Ok(parts);
    };
    if let Some(graph) = entra.directory.app(GRAPH) {
        add(&mut parts, client, graph, scopes.oidc.words().map(str::to_owned));
    }
    for ask in &scopes.asks {
        if !entra.has_resource(tenant, ask.resource) {
            return Err(Refusal::resource_not_found(&ask.named, &tenant.display_name));
        }
        if ask.default {
            add_default(entra, &mut parts, client, ask.resource, true)?;
        } else {
            add(&mut parts, client, ask.resource, ask.names.iter().cloned());
        }
    }
    Ok(parts)
}

/// What `.default` of an API asks for: everything the client lists, and what the API lists if it knows the client.
fn add_default<'a>(
    entra: &'a Entra,
    parts: &mut Vec<Part<'a>>,
    client: &'a Application,
    resource: &'a Application,
    roles: bool,
) -> Result<(), Refusal> {
    add_static(entra, parts, client, roles);
    let own = client.app_id == resource.app_id;
    if !own && !parts.iter().any(|p| p.resource.app_id == resource.app_id) {
        return Err(Refusal::resource_not_listed(&client.app_id, &resource.app_id));
    }
    if resource.api.known_client_applications.contains(&client.app_id) {
        add_static(entra, parts, resource, roles);
    }
    Ok(())
}

/// The static permissions of an app: those its registration lists. Only an administrator is asked for `roles` too.
fn add_static<'a>(entra: &'a Entra, parts: &mut Vec<Part<'a>>, client: &'a Application, roles: bool) {
    for required in &client.required_resource_access {
        let Some(resource) = entra.directory.app(&required.resource_app_id) else { continue };
        let of = |kind| required.resource_access.iter().filter(move |a| a.kind == kind);
        let names = of(AccessKind::Scope).filter_map(|a| resource.permission(&a.id)).map(|p| p.value.clone());
        add(parts, client, resource, names);
        let listed = of(AccessKind::Role).filter_map(|a| resource.role(&a.id)).map(|r| r.value.clone());
        let listed: BTreeSet<String> = listed.filter(|_| roles).collect();
        if !listed.is_empty() {
            part(parts, client, resource).roles.extend(listed);
        }
    }
}

fn add<'a>(
    parts: &mut Vec<Part<'a>>,
    client: &'a Application,
    resource: &'a Application,
    names: impl Iterator<Item = String>,
) {
    let names: BTreeSet<String> = names.collect();
    if !names.is_empty() {
        part(parts, client, resource).names.extend(names);
    }
}

/// The part of a client and an API, a new one if there is none yet.
fn part<'p, 'a>(parts: &'p mut Vec<Part<'a>>, client: &'a Application, resource: &'a Application) -> &'p mut Part<'a> {
    let same = |p: &Part<'_>| p.client.app_id == client.app_id && p.resource.app_id == resource.app_id;
    let at = parts.iter().position(same).unwrap_or_else(|| {
        parts.push(Part { client, resource, names: BTreeSet::new(), roles: BTreeSet::new() });
        parts.len() - 1
    });
    &mut parts[at]
}

/// Writes down that the user allowed it; without a user, that an administrator did for everybody.
pub(super) fn record(entra: &Entra, tenant: &str, user: Option<&str>, parts: &[Part<'_>]) {
    for part in parts {
        let parties = Parties { tenant, user, client: part.client, resource: part.resource };
        entra.consents.grant(parties, part.names.iter().cloned());
        if !part.roles.is_empty() {
            entra.consents.grant_roles(parties, part.roles.iter().cloned());
        }
    }
}
