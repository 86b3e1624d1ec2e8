//! Asking Entra: which grant is redeemed for a want.

use absentia_cache::Loaded;
use absentia_core::{
    AccountId, Error, ErrorKind, Scopes, Secret, TokenResponse,
    grant::{client_credentials, on_behalf_of, refresh_token},
};

use super::Flight;
use crate::{
    acquire::not_hers,
    entities,
    redeem::{Repeat, redeem},
    want::Material,
};

/// What Entra gave.
pub(super) struct Exchanged {
    pub(super) response: TokenResponse,
    /// Whose it is; `None` for an app.
    pub(super) home: Option<AccountId>,
    /// Whether the stored refresh token was redeemed for it.
    pub(super) refreshed: bool,
}

impl Flight<'_> {
    /// Asks Entra. Also says whose the answer is.
    pub(super) async fn exchange(&mut self, loaded: &Loaded) -> Result<Exchanged, Error> {
        let client = self.client;
        let want = self.want;
        let cache = want.cache(client);
        let scopes = Scopes::from(&want.scopes);
        let claims = want.claims.as_deref();
        let stored = match loaded {
            Loaded::Found { partition, .. } => partition.refresh_token(&want.identity),
            _ => None,
        };
        let with_assertion = match (&want.material, stored) {
            (Material::App, _) => {
                let form = client_credentials::form(&client.client_id, scopes).claims(claims);
                let response = redeem(client, cache, form, Repeat::Once, &mut self.in_http).await;
                return Ok(Exchanged { response: response.map_err(refused_to_app)?, home: None, refreshed: false });
            }
            (Material::Assertion(assertion) | Material::Start(assertion), _)
            | (Material::StoredOr(assertion), None) => assertion,
            (Material::Stored, None) => return Err(nothing_stored(loaded)),
            (Material::Stored | Material::StoredOr(_), Some(entity)) => {
                let token = Secret::new(entity.text("secret"));
                let form = refresh_token::form(&client.client_id, &token, scopes).claims(claims);
                let response = redeem(client, cache, form, Repeat::Once, &mut self.in_http).await;
                match (response, &want.material) {
                    // What is stored is not accepted any more, but the caller is here herself.
                    (Err(error), Material::StoredOr(assertion)) if error.kind() == ErrorKind::InteractionRequired => {
                        assertion
                    }
                    (response, _) => {
                        let response = response?;
                        let home = entity.text("home_account_id");
                        entities::check_same_user(&response, home)?;
                        return Ok(Exchanged { response, home: AccountId::parse(home), refreshed: true });
                    }
                }
            }
        };
        let form = on_behalf_of::form(&client.client_id, with_assertion.secret(), scopes).claims(claims);
        let response = redeem(client, cache, form, Repeat::Once, &mut self.in_http).await?;
        // A service principal has no ID token and no home.
        let user = match response.id_token {
            Some(_) => Some(entities::home_account(&response)?),
            None => None,
        };
        // A guest is known to an API by what her tokens say in its tenant, not by who she is at home.
        if let (Some(owner), Some((home, claims))) = (&want.owner, &user)
            && owner != home
            && claims.account_here().as_ref() != Some(owner)
        {
            return Err(not_hers());
        }
        let home = user.map(|(home, _)| home);
        Ok(Exchanged { response, home, refreshed: false })
    }
}

/// For an app nobody can sign in: what Entra wants from a user is a refusal.
fn refused_to_app(error: Error) -> Error {
    if error.kind() != ErrorKind::InteractionRequired {
        return error;
    }
    Error::new(ErrorKind::Rejected, error.message())
        .said(error.entra().clone())
        .advise("Nobody can sign in for an app: an administrator must allow what it asks for")
}

fn nothing_stored(loaded: &Loaded) -> Error {
    let what = match loaded {
        Loaded::Absent => "Nothing is stored for this user",
        Loaded::Found { .. } => "No refresh token is stored for this user",
        Loaded::Unreadable(_) | Loaded::Locked(_) => "What is stored for this user cannot be read",
    };
    Error::interaction_required(what)
        .said(absentia_core::error::Entra {
            error: Some(
                if matches!(loaded, Loaded::Unreadable(_) | Loaded::Locked(_)) {
                    "unreadable"
                } else {
                    "entry_missing"
                }
                .to_owned(),
            ),
            ..Default::default()
        })
        .advise("The user must sign in again")
}
