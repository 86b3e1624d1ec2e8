//! What comes next in an authorization request.

use super::Asked;
use super::consent::{self, Part};
use crate::aadsts::Refusal;
use crate::contexts;
use crate::directory::{GRAPH, Realm, Tenant, User};
use crate::entra::Entra;
use crate::sessions::{Session, SignedIn};
use crate::token::answer::client_info;
use crate::token::grants::{Code, Granted, once};

/// What the person did last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice<'c> {
    /// Nothing yet: the request just came.
    None,
    /// Signed in or chose this account (object id at home).
    Account(&'c str),
    /// Wants to sign in with an account that is not in the session.
    Another,
    /// Allowed what was asked, as this account.
    Allowed(&'c str),
}

/// What comes next.
pub(crate) enum Step<'a> {
    /// Ask for name and password.
    Login,
    /// Let the person choose among the session's accounts.
    Pick(Vec<&'a User>),
    /// Ask to allow these permissions.
    Consent { tenant: &'a Tenant, user: &'a User, home_id: String, parts: Vec<Part<'a>> },
    /// Back to the app with a code.
    Code { code: String, client_info: String, session_state: String, user: &'a User },
    /// Back to the app with an error.
    Refuse(Refusal),
    /// An error that only the person can do something about.
    Page(Refusal),
}

/// Decides the next step.
pub(crate) fn next<'a>(entra: &'a Entra, asked: &Asked<'a>, session: Option<&Session>, choice: Choice<'_>) -> Step<'a> {
    decide(entra, asked, session, choice).unwrap_or_else(Step::Refuse)
}

fn decide<'a>(
    entra: &'a Entra,
    asked: &Asked<'a>,
    session: Option<&Session>,
    choice: Choice<'_>,
) -> Result<Step<'a>, Refusal> {
    let details = asked.details(entra)?;
    let silent = asked.prompts("none");
    let alive: Vec<&SignedIn> = session
        .map(|s| s.accounts.iter().filter(|a| entra.accounts.valid_from_millis(&a.home_id) < a.at_millis).collect())
        .unwrap_or_default();
    let account = match choice {
        Choice::Another => None,
        Choice::Account(id) | Choice::Allowed(id) => alive.iter().find(|a| a.home_id == id).copied(),
        Choice::None if asked.prompts("login") => None,
        Choice::None if asked.prompts("select_account") && !alive.is_empty() => return Ok(pick(entra, &alive)),
        Choice::None => match candidates(entra, asked, &alive).as_slice() {
            [] => None,
            [one] => Some(*one),
            _ if silent => return Err(Refusal::several_sessions()),
            _ => return Ok(pick(entra, &alive)),
        },
    };
    let Some(account) = account else {
        return if silent { Err(Refusal::no_session()) } else { Ok(Step::Login) };
    };
    // A context is satisfied by a password given for it.
    if let Some(context) = contexts::asked(asked.params.get("claims")).difference(&account.contexts).next() {
        let refusal = Refusal::context_required(GRAPH, contexts::claims_for(context));
        return if silent { Err(refusal.named("interaction_required")) } else { Ok(Step::Login) };
    }

    let tenant = match asked.realm {
        Realm::Tenant(tenant) => tenant,
        _ => entra.directory.tenant(&account.home_tenant).ok_or_else(Refusal::internal)?,
    };
    let user = match entra.user_in(tenant, &account.home_tenant, &account.home_id, &asked.client.app_id) {
        Ok(user) => user,
        Err(refusal) if silent => return Err(refusal.named("interaction_required")),
        Err(refusal) => return Ok(Step::Page(refusal)),
    };

    let parts = consent::missing(entra, asked, &details.scopes, tenant, user)?;
    if !parts.is_empty() {
        if silent {
            let refusal = Refusal::consent_required(&asked.client.app_id, &asked.client.display_name);
            return Err(refusal.named("consent_required"));
        }
        if !user.is_admin && parts.iter().any(|p| p.lines().any(|(_, _, admin)| admin)) {
            return Ok(Step::Page(Refusal::admin_consent_required(&asked.client.display_name)));
        }
        if !matches!(choice, Choice::Allowed(_)) {
            return Ok(Step::Consent { tenant, user, home_id: account.home_id.clone(), parts });
        }
        consent::record(entra, &tenant.id, &user.id, &parts);
    }

    let now = entra.tick();
    let code = Code {
        id: once()?,
        granted: Granted {
            client_id: asked.client.app_id.clone(),
            platform: asked.platform,
            home_tenant: account.home_tenant.clone(),
            home_id: account.home_id.clone(),
            scope: asked.params.get("scope").unwrap_or_default().to_owned(),
            sid: Some(account.sid.clone()),
            authenticated_millis: account.at_millis,
            issued_millis: now,
            first_issued: now.div_euclid(1000),
            cp1: crate::grant::declares_cp1(asked.params.get("claims")),
            contexts: account.contexts.clone(),
            login_hint: crate::grant::asks_login_hint(asked.params.get("claims")),
        },
        tenant: tenant.id.clone(),
        redirect_uri: asked.redirect_uri.clone(),
        nonce: asked.params.get("nonce").map(str::to_owned),
        challenge: details.challenge,
    };
    entra.sessions.used(&account.sid, &asked.client.app_id, &tenant.id);
    Ok(Step::Code {
        code: entra.issue_code(&code)?,
        client_info: client_info(tenant, user),
        session_state: account.sid.clone(),
        user,
    })
}

/// The session's accounts that the request can mean: all, unless it names one by a hint or by its `sid`.
fn candidates<'s>(entra: &Entra, asked: &Asked<'_>, alive: &[&'s SignedIn]) -> Vec<&'s SignedIn> {
    let named = |name| asked.params.get(name).filter(|value| !value.is_empty());
    let (hint, sid) = (named("login_hint"), named("sid"));
    let hinted = hint.map(|hint| entra.hinted(hint).map(|(_, user)| user.id.as_str()));
    let meant = |a: &&SignedIn| {
        hinted.is_none_or(|user| user == Some(a.home_id.as_str())) && sid.is_none_or(|sid| a.sid == sid)
    };
    alive.iter().copied().filter(meant).collect()
}

fn pick<'a>(entra: &'a Entra, alive: &[&SignedIn]) -> Step<'a> {
    let known = alive.iter().filter_map(|a| entra.directory.tenant(&a.home_tenant).and_then(|t| t.user(&a.home_id)));
    Step::Pick(known.collect())
}
