//! Sign-in with an authorization code and PKCE: begin, complete.

use std::time::Duration;

use absentia_cache::{Base, ChangeKind, Committed, Subject};
use absentia_core::{
    Error, ErrorKind, Scopes, Secret, UserAccount,
    encoding::base64url,
    grant::authorization_code::{self, SignIn},
    jwt::IdTokenClaims,
    pkce,
};
use absentia_store::{Activity, GrantKind};

use crate::{
    client::ConfidentialClient,
    entities::{self, Context},
    flight::token_of,
    metadata::{CacheLevel, CacheRefreshReason, Metadata, TokenSource},
    redeem::{Repeat, redeem},
    token::AccessToken,
};

/// How wrong two clocks may be, seconds: as ASP.NET Core.
const SKEW: f64 = 300.0;

/// A sign-in that began: what must be known again when the browser comes back. It holds the PKCE verifier: keep it on the
/// server, or sealed.
#[derive(Clone, Debug)]
pub struct PendingSignIn {
    /// Comes back inside the ID token.
    pub nonce: Secret,
    /// The PKCE verifier.
    pub verifier: Secret,
}

/// What to tell the sign-in page.
#[derive(Clone, Debug, Default)]
pub struct SignInOptions<'a> {
    /// `query` (the default), `fragment` or `form_post`.
    pub response_mode: Option<&'a str>,
    /// `login`, `select_account`, `consent` or `none`.
    pub prompt: Option<&'a str>,
    /// User name to fill in.
    pub login_hint: Option<&'a str>,
    /// Claims to ask for: those of an error or challenge.
    pub claims: Option<&'a str>,
}

/// Who signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The user.
    pub account: UserAccount,
    /// Her first token.
    pub token: AccessToken,
    /// The generation of her account: a session is over once the account has another.
    pub generation: u64,
    /// Who issued her ID token.
    pub issuer: String,
    /// The `sid` of her ID token: her browser session at Entra, by which a front-channel sign-out names it. Whoever knows it
    /// can end that session here. `None` where Entra was not told to put the claim into ID tokens.
    pub sid: Option<Secret>,
}

impl ConfidentialClient {
    /// Begins a sign-in: draws nonce and verifier. Nothing is sent.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn begin_sign_in(&self) -> Result<PendingSignIn, Error> {
        let (mut nonce, mut verifier) = ([0; 16], [0; 32]);
        self.0.random().fill(&mut nonce)?;
        self.0.random().fill(&mut verifier)?;
        Ok(PendingSignIn { nonce: Secret::new(base64url(&nonce)), verifier: pkce::verifier(&verifier) })
    }

    /// The URL to send the browser to. `state` comes back as it is and must be bound to the browser.
    pub fn sign_in_url<'a>(
        &self,
        pending: &PendingSignIn,
        redirect_uri: &str,
        scopes: impl Into<Scopes<'a>>,
        state: &str,
        options: &SignInOptions<'_>,
    ) -> String {
        SignIn {
            client_id: self.client_id(),
            redirect_uri,
            scopes: scopes.into(),
            state,
            nonce: pending.nonce.expose(),
            verifier: &pending.verifier,
            response_mode: options.response_mode.unwrap_or("query"),
            prompt: options.prompt,
            login_hint: options.login_hint,
            claims: options.claims,
        }
        .url(self.authority())
    }

    /// Completes a sign-in: redeems the code, once, checks the ID token, stores what came and records the account.
    ///
    /// Not cancel safe: a code is redeemed once. Dropped, the user must sign in again.
    ///
    /// # Errors
    /// `InteractionRequired` when the code is not accepted, `Rejected` when the answer is not for this sign-in,
    /// `Unavailable` also when what came could not be stored: then the user is not signed in.
    #[doc(alias = "AcquireTokenByAuthorizationCode")]
    pub async fn complete_sign_in<'a>(
        &self,
        pending: &PendingSignIn,
        code: &Secret,
        redirect_uri: &str,
        scopes: impl Into<Scopes<'a>>,
    ) -> Result<SignedIn, Error> {
        let client = &*self.0;
        let cache = self.cache();
        let scopes = scopes.into();
        let began = client.clock().monotonic();
        let mut in_http = Duration::ZERO;
        let form = authorization_code::form(&client.client_id, code, redirect_uri, &pending.verifier, scopes);
        let response = redeem(client, cache, form, Repeat::Never, &mut in_http).await?;
        let (home, claims) = entities::home_account(&response)?;
        self.check_id_token(&claims, pending).await?;

        let realm = if client.authority.is_multi_tenant() {
            claims.tid.clone().unwrap_or_else(|| home.home_tenant().to_owned())
        } else {
            client.authority.tenant().to_owned()
        };
        let identity = self.identity(Subject::Account(home.clone()));
        let (mut sign_in, asked) = ([0; 16], scopes.join());
        client.random().fill(&mut sign_in)?;
        let sign_in = base64url(&sign_in);
        let context = Context {
            identity: &identity,
            home: Some(&home),
            realm: &realm,
            asked: &asked,
            assertion_key: "",
            from: None,
            sign_in: &sign_in,
            now: cache.now(),
        };
        let change = entities::change(&response, ChangeKind::SignIn, &context);
        // The account is not known before the code is redeemed, so its generation cannot be read earlier: a sign-out that came
        // in between was before this sign-in.
        let generation = cache.generation(&client.client_id, home.as_str()).await?;
        let activity = Activity {
            client_id: client.client_id.to_string(),
            account_id: home.to_string(),
            tenant: realm.clone(),
            username: Some(claims.username().to_owned()).filter(|name| !name.is_empty()),
            key: identity.key(),
            kind: GrantKind::Account,
            at: client.clock().now(),
            sign_in: Some(generation),
            expires_at: None,
        };
        let (prefix, middle, suffix) = identity.name();
        let slot = cache.slot(cache.view(&identity), &prefix, middle, suffix);
        let begun = cache.begin(slot);
        let before_store = client.clock().monotonic();
        let base = Base::from(cache.load(&identity).await?);
        let committed = cache.commit(&identity, base, &change, Some(&activity)).await?;
        let in_cache = client.clock().monotonic().saturating_sub(before_store);
        let Committed::Stored { partition, version } = committed else {
            return Err(Error::interaction_required("The user signed out while signing in")
                .advise("The user must sign in again"));
        };
        cache.remember_written(slot, begun, &identity, &partition, &version);
        let entity = entities::access_token(&response, &context);
        let token = token_of(&entity, &identity, &partition);
        let account = partition.user(&identity).unwrap_or_else(|| UserAccount {
            id: home.clone(),
            local_id: claims.account_here(),
            tenant: realm.clone(),
            username: claims.username().to_owned(),
            name: claims.name.clone(),
        });
        let metadata = Metadata {
            token_source: TokenSource::IdentityProvider,
            cache_level: CacheLevel::None,
            cache_refresh_reason: CacheRefreshReason::NotApplicable,
            duration_total: client.clock().monotonic().saturating_sub(began),
            duration_in_cache: in_cache,
            duration_in_http: in_http,
        };
        let sid = claims.sid.filter(|sid| !sid.is_empty()).map(Secret::new);
        Ok(SignedIn { account, token: AccessToken::new(token, metadata), generation, issuer: claims.iss, sid })
    }

    /// The ID token came straight from the token endpoint, so its issuer is who answered there (OpenID Connect Core 3.1.3.7);
    /// what it says must still be for this app, this sign-in and this tenant.
    async fn check_id_token(&self, claims: &IdTokenClaims, pending: &PendingSignIn) -> Result<(), Error> {
        let rejected = |what: String| Err(Error::new(ErrorKind::Rejected, what).advise("Begin a new sign-in"));
        if !claims.aud.any(|audience| audience.eq_ignore_ascii_case(self.client_id())) {
            return rejected(format!("The ID token is for {}, not for this app", claims.aud.join()));
        }
        if !claims.nonce.as_deref().is_some_and(|nonce| Secret::new(nonce) == pending.nonce) {
            return rejected("The ID token was issued for another sign-in (its nonce differs)".to_owned());
        }
        let now = self.0.now() as f64;
        let (nbf, exp) = (claims.nbf.unwrap_or(0.0), claims.exp.unwrap_or(0.0));
        if nbf > now + SKEW || exp < now - SKEW {
            return rejected(format!(
                "The ID token is valid from {nbf:.0} to {exp:.0}, but this machine's clock says {now:.0}: check the clock"
            ));
        }
        let issuer = self.discovery().metadata().await?.issuer_of(claims.tid.as_deref().unwrap_or_default());
        if claims.iss != issuer {
            return rejected(format!("The ID token was issued by {}, expected was {issuer}", claims.iss));
        }
        Ok(())
    }
}
