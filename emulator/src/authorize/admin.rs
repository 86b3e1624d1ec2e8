//! Admin consent: an administrator allows an app something for everybody in the tenant.

use super::session::Alive;
use super::step::{Choice, Step, placed};
use super::{Asked, consent};
use crate::aadsts::Refusal;
use crate::entra::Entra;

/// What comes next. `v2`: the request names what it asks for.
pub(super) fn consent<'a>(
    entra: &'a Entra,
    asked: &Asked<'a>,
    alive: &Alive<'_>,
    choice: Choice<'_>,
    v2: bool,
) -> Result<Step<'a>, Step<'a>> {
    let scopes = if v2 { Some(asked.scopes(entra)?) } else { None };
    let account = alive.account(entra, asked, choice)?;
    let (tenant, user) = placed(entra, asked, account)?;
    if !user.is_admin {
        // Whoever did not say who she is may be signed in as an administrator too, or know one.
        return Ok(match choice {
            Choice::None => alive.pick(entra),
            _ => Step::Page(Refusal::not_an_administrator()),
        });
    }
    let parts = consent::for_everybody(entra, asked.client, scopes.as_ref(), tenant)?;
    if !matches!(choice, Choice::Allowed(_)) {
        return Ok(Step::Consent { tenant, user, home_id: account.home_id.clone(), parts });
    }
    consent::record(entra, &tenant.id, None, &parts);
    let scope: Vec<String> = parts.iter().flat_map(consent::Part::spelled).collect();
    Ok(Step::Allowed { tenant, user, scope: scope.join(" ") })
}
