//! What comes next in a request.

use super::consent::{self, Part};
use super::session::Alive;
use super::{Asked, Purpose, admin};
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
    /// Back to the app: an administrator allowed it. What was allowed of delegated permissions is named in `scope`.
    Allowed { tenant: &'a Tenant, user: &'a User, scope: String },
    /// Back to the app with an error.
    Refuse(Refusal),
    /// An error that only the person can do something about.
    Page(Refusal),
}

impl From<Refusal> for Step<'_> {
    fn from(refusal: Refusal) -> Self {
        Step::Refuse(refusal)
    }
}

/// Decides the next step.
pub(crate) fn next<'a>(entra: &'a Entra, asked: &Asked<'a>, session: Option<&Session>, choice: Choice<'_>) -> Step<'a> {
    decide(entra, asked, session, choice).unwrap_or_else(|step| step)
}

fn decide<'a>(
    entra: &'a Entra,
    asked: &Asked<'a>,
    session: Option<&Session>,
    choice: Choice<'_>,
) -> Result<Step<'a>, Step<'a>> {
    let alive = Alive::of(entra, session);
    match asked.purpose {
        Purpose::SignIn => sign_in(entra, asked, &alive, choice),
        Purpose::AdminConsent { v2 } => admin::consent(entra, asked, &alive, choice, v2),
    }
}

fn sign_in<'a>(
    entra: &'a Entra,
    asked: &Asked<'a>,
    alive: &Alive<'_>,
    choice: Choice<'_>,
) -> Result<Step<'a>, Step<'a>> {
    let details = asked.details(entra)?;
    let silent = asked.prompts("none");
    let account = alive.account(entra, asked, choice)?;
    // A context is satisfied by a password given for it.
    if let Some(context) = contexts::asked(asked.params.get("claims")).difference(&account.contexts).next() {
        let refusal = Refusal::context_required(GRAPH, contexts::claims_for(context));
        return if silent { Err(refusal.named("interaction_required").into()) } else { Ok(Step::Login) };
    }
    let (tenant, user) = placed(entra, asked, account)?;
    let parts = consent::missing(entra, asked, &details.scopes, tenant, user)?;
    if !parts.is_empty() {
        if silent {
            let refusal = Refusal::consent_required(&asked.client.app_id, &asked.client.display_name);
            return Err(refusal.named("consent_required").into());
        }
        if !user.is_admin && parts.iter().any(|p| p.lines().any(|line| line.admin)) {
            return Ok(Step::Page(Refusal::admin_consent_required(&asked.client.display_name)));
        }
        if !matches!(choice, Choice::Allowed(_)) {
            return Ok(Step::Consent { tenant, user, home_id: account.home_id.clone(), parts });
        }
        consent::record(entra, &tenant.id, Some(&user.id), &parts);
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

/// The tenant of the request, and the account as that tenant sees it.
pub(super) fn placed<'a>(
    entra: &'a Entra,
    asked: &Asked<'a>,
    account: &SignedIn,
) -> Result<(&'a Tenant, &'a User), Step<'a>> {
    let tenant = match asked.realm {
        Realm::Tenant(tenant) => tenant,
        _ => entra.directory.tenant(&account.home_tenant).ok_or_else(Refusal::internal)?,
    };
    match entra.user_in(tenant, &account.home_tenant, &account.home_id, &asked.client.app_id) {
        Ok(user) => Ok((tenant, user)),
        Err(refusal) if asked.prompts("none") => Err(refusal.named("interaction_required").into()),
        Err(refusal) => Err(Step::Page(refusal)),
    }
}
