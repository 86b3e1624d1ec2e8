//! Which of the accounts that are signed in a request is for.

use super::Asked;
use super::step::{Choice, Step};
use crate::aadsts::Refusal;
use crate::entra::Entra;
use crate::sessions::{Session, SignedIn};

/// The accounts of a browser session that were not revoked since.
pub(super) struct Alive<'s>(Vec<&'s SignedIn>);

impl<'s> Alive<'s> {
    pub(super) fn of(entra: &Entra, session: Option<&'s Session>) -> Alive<'s> {
        let accounts = session.into_iter().flat_map(|s| &s.accounts);
        Alive(accounts.filter(|a| entra.accounts.valid_from_millis(&a.home_id) < a.at_millis).collect())
    }

    /// The account that the request is for, or the step that finds out.
    pub(super) fn account<'a>(
        &self,
        entra: &'a Entra,
        asked: &Asked<'a>,
        choice: Choice<'_>,
    ) -> Result<&'s SignedIn, Step<'a>> {
        let silent = asked.prompts("none");
        let account = match choice {
            Choice::Another => None,
            Choice::Account(id) | Choice::Allowed(id) => self.0.iter().find(|a| a.home_id == id).copied(),
            Choice::None if asked.prompts("login") => None,
            Choice::None if asked.prompts("select_account") && !self.0.is_empty() => return Err(self.pick(entra)),
            Choice::None => match self.candidates(entra, asked).as_slice() {
                [] => None,
                [one] => Some(*one),
                _ if silent => return Err(Refusal::several_sessions().into()),
                _ => return Err(self.pick(entra)),
            },
        };
        account.ok_or_else(|| if silent { Refusal::no_session().into() } else { Step::Login })
    }

    /// The accounts that the request can mean: all, unless it names one by a hint or by its `sid`, or says of which
    /// domain or kind it is.
    fn candidates(&self, entra: &Entra, asked: &Asked<'_>) -> Vec<&'s SignedIn> {
        let named = |name| asked.params.get(name).filter(|value| !value.is_empty());
        let (hint, sid) = (named("login_hint"), named("sid"));
        let hinted = hint.map(|hint| entra.hinted(hint).map(|(_, user)| user.id.as_str()));
        let domain = named("domain_hint");
        let meant = |a: &&SignedIn| {
            hinted.is_none_or(|user| user == Some(a.home_id.as_str()))
                && sid.is_none_or(|sid| a.sid == sid)
                && domain.is_none_or(|domain| entra.is_of_domain(&a.home_tenant, domain))
        };
        self.0.iter().copied().filter(meant).collect()
    }

    /// Lets the person choose.
    pub(super) fn pick<'a>(&self, entra: &'a Entra) -> Step<'a> {
        let known =
            self.0.iter().filter_map(|a| entra.directory.tenant(&a.home_tenant).and_then(|t| t.user(&a.home_id)));
        Step::Pick(known.collect())
    }
}
