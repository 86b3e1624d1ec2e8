//! What a user still has to allow, and writing down that it was allowed.

use std::collections::BTreeSet;

use super::Asked;
use crate::aadsts::Refusal;
use crate::consents::Parties;
use crate::directory::{AccessKind, Application, ConsentKind, GRAPH, Tenant, User};
use crate::entra::Entra;
use crate::scopes::Scopes;

/// Permissions of one API that one app asks for.
#[derive(Clone, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) client: &'a Application,
    pub(crate) resource: &'a Application,
    pub(crate) names: BTreeSet<String>,
}

impl Part<'_> {
    /// What the page says each permission allows, and whether only an administrator may allow it.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.names.iter().map(|name| match self.resource.permission(name) {
            Some(p) if !p.user_consent_display_name.is_empty() => {
                (p.user_consent_display_name.as_str(), name.as_str(), p.kind == ConsentKind::Admin)
            }
            other => (name.as_str(), name.as_str(), other.is_some_and(|p| p.kind == ConsentKind::Admin)),
        })
    }
}

/// What is still to be allowed for this request; everything it asks for, if `prompt=consent`.
pub(crate) fn missing<'a>(
    entra: &'a Entra,
    asked: &Asked<'a>,
    scopes: &Scopes<'a>,
    tenant: &Tenant,
    user: &User,
) -> Result<Vec<Part<'a>>, Refusal> {
    let client = asked.client;
    let again = asked.prompts("consent");
    let granted = |resource: &Application| {
        entra.consents.granted(Parties { tenant: &tenant.id, user: &user.id, client, resource })
    };
    let mut parts: Vec<Part<'a>> = Vec::new();
    if let Some(graph) = entra.directory.app(GRAPH) {
        let before = granted(graph);
        let words = scopes.oidc.words().map(str::to_owned).filter(|w| again || !before.contains(w));
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
        } else if again || before.iter().all(|name| crate::scopes::is_oidc(name)) {
            add_static(entra, &mut parts, client);
            let own = client.app_id == ask.resource.app_id;
            if !own && !parts.iter().any(|p| p.resource.app_id == ask.resource.app_id) {
                return Err(Refusal::resource_not_listed(&client.app_id, &ask.resource.app_id));
            }
            if ask.resource.api.known_client_applications.contains(&client.app_id) {
                add_static(entra, &mut parts, ask.resource);
            }
        }
    }
    Ok(parts)
}

/// The static permissions of an app: those its registration lists.
fn add_static<'a>(entra: &'a Entra, parts: &mut Vec<Part<'a>>, client: &'a Application) {
    for required in &client.required_resource_access {
        let Some(resource) = entra.directory.app(&required.resource_app_id) else { continue };
        let scopes = required.resource_access.iter().filter(|a| a.kind == AccessKind::Scope);
        let names = scopes.filter_map(|a| resource.permission(&a.id)).map(|p| p.value.clone());
        add(parts, client, resource, names);
    }
}

fn add<'a>(
    parts: &mut Vec<Part<'a>>,
    client: &'a Application,
    resource: &'a Application,
    names: impl Iterator<Item = String>,
) {
    let names: BTreeSet<String> = names.collect();
    if names.is_empty() {
        return;
    }
    match parts.iter_mut().find(|p| p.client.app_id == client.app_id && p.resource.app_id == resource.app_id) {
        Some(part) => part.names.extend(names),
        None => parts.push(Part { client, resource, names }),
    }
}

/// Writes down that the user allowed it.
pub(crate) fn record(entra: &Entra, tenant: &str, user: &str, parts: &[Part<'_>]) {
    for part in parts {
        let parties = Parties { tenant, user, client: part.client, resource: part.resource };
        entra.consents.grant(parties, part.names.iter().cloned());
    }
}
