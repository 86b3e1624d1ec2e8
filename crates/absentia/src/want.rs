//! What a caller wants, owned: what a flight is named by.

use absentia_cache::{Identity, Slot, Subject, TokenCache};
use absentia_core::{AccountId, Error, Scopes, Secret, scope};

use crate::{assertion::UserAssertion, client::Inner};

/// What can be redeemed for a token.
#[derive(Clone, Debug)]
pub(crate) enum Material {
    /// The app's own credential.
    App,
    /// The presented assertion, each time.
    Assertion(UserAssertion),
    /// The presented assertion, past the cache: the start of a long-running process.
    Start(UserAssertion),
    /// The refresh token that is stored.
    Stored,
    /// The refresh token that is stored; where there is none, the presented assertion starts the process.
    StoredOr(UserAssertion),
}

/// One want.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    pub(crate) identity: Identity,
    pub(crate) slot: Slot,
    pub(crate) material: Material,
    pub(crate) owner: Option<AccountId>,
    /// Words as they are sent, each once.
    pub(crate) scopes: String,
    /// Claims to ask for: then no cached token fits.
    pub(crate) claims: Option<String>,
    /// A token that was refused: a cached one fits only if it is another.
    pub(crate) instead_of: Option<Secret>,
}

impl Want {
    pub(crate) fn new(
        identity: Identity,
        slot: Slot,
        material: Material,
        owner: Option<AccountId>,
        scopes: Scopes<'_>,
    ) -> Self {
        Self { identity, slot, material, owner, scopes: scopes.join(), claims: None, instead_of: None }
    }

    /// Which cache it is in.
    pub(crate) fn cache<'a>(&self, client: &'a Inner) -> &'a TokenCache {
        if self.identity.is_app() { &client.app_cache } else { &client.user_cache }
    }

    /// What callers must want alike to share a flight: besides the [`name`](Self::name) the assertion that may be redeemed for
    /// it. Who holds one does not share the failure of who holds none.
    pub(crate) fn flight_name(&self) -> String {
        match &self.material {
            Material::StoredOr(assertion) => format!("{}|{}", self.name(), assertion.hash()),
            _ => self.name(),
        }
    }

    /// What processes must want alike to take turns: subject, owner, scopes in whatever order, claims, the token refused. A
    /// start is of its assertion alone: two users' starts under one key are two.
    pub(crate) fn name(&self) -> String {
        let mut words: Vec<String> = self.scopes.split(' ').map(str::to_ascii_lowercase).collect();
        words.sort_unstable();
        let start = match &self.material {
            Material::Start(assertion) => assertion.hash(),
            _ => "",
        };
        let owner = self.owner.as_ref().map_or("", AccountId::as_str);
        let refused = self.instead_of.as_ref().map(|secret| absentia_core::encoding::sha256_base64url(secret.expose()));
        let Identity { client_id, authority, .. } = &self.identity;
        format!(
            "{client_id}|{}/{}|{}|{owner}|{start}|{}|{}|{}",
            authority.environment(),
            authority.tenant(),
            self.identity.key(),
            words.join(" "),
            self.claims.as_deref().unwrap_or_default(),
            refused.unwrap_or_default()
        )
    }

    /// Whether a cached token may answer at all.
    pub(crate) fn reads_cache(&self) -> bool {
        self.claims.is_none() && !matches!(self.material, Material::Start(_))
    }

    /// Refuses what Entra would refuse, before anything is asked.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(claims) = &self.claims {
            absentia_core::claims::check(claims)?;
        }
        if matches!(self.identity.subject, Subject::App { .. })
            && scope::app_resource(Scopes::from(&self.scopes)).is_none()
        {
            return Err(Error::config(format!("An app's token is for one resource; asked for was {:?}", self.scopes))
                .advise("Ask for {resource}/.default, such as https://graph.microsoft.com/.default"));
        }
        Ok(())
    }
}
