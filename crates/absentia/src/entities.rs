//! From a token response to cache entities, as MSAL.NET writes them.

use absentia_cache::{Change, ChangeKind, Entity, Identity, SIGN_IN, Subject};
use absentia_core::{AccountId, ClientInfo, Error, Secret, TokenResponse, jwt::IdTokenClaims, scope};

/// What a response is kept with.
pub(crate) struct Context<'a> {
    /// Whose.
    pub(crate) identity: &'a Identity,
    /// The user, if there is one.
    pub(crate) home: Option<&'a AccountId>,
    /// The tenant of the tokens.
    pub(crate) realm: &'a str,
    /// What was asked for, should the response not say what was granted.
    pub(crate) asked: &'a str,
    /// `user_assertion_hash`: the hash of the assertion or the long-running key; empty for others.
    pub(crate) assertion_key: &'a str,
    /// The refresh token entity this came from.
    pub(crate) from: Option<&'a Entity>,
    /// Which sign-in this is.
    pub(crate) sign_in: &'a str,
    /// Unix seconds.
    pub(crate) now: u64,
}

/// The access token entity of a response; also what the caller gets when nothing is stored.
pub(crate) fn access_token(response: &TokenResponse, context: &Context<'_>) -> Entity {
    let now = context.now;
    let target = match response.scope.as_deref() {
        Some(granted) if !granted.trim().is_empty() => scope::sorted(granted),
        _ => scope::sorted(context.asked),
    };
    // When the response has none, MSAL.NET's extended life is zero.
    let extended = now + response.ext_expires_in.unwrap_or(0);
    base(response, context)
        .with("secret", response.access_token.expose())
        .with("credential_type", "AccessToken")
        .with("realm", context.realm)
        .with("target", target)
        .with("user_assertion_hash", context.assertion_key)
        .with("cached_at", now.to_string())
        .with("expires_on", (now + response.expires_in).to_string())
        .with("extended_expires_on", extended.to_string())
        .with("refresh_on", response.refresh_in.map(|after| (now + after).to_string()).unwrap_or_default())
        .with("ext_expires_on", extended.to_string())
}

/// Everything of a response that is kept.
pub(crate) fn change(response: &TokenResponse, kind: ChangeKind, context: &Context<'_>) -> Change {
    let keep_token = response.expires_in > 0; // a token of unknown life is used once and not kept
    let claims = response.id_token.as_ref().and_then(|token| IdTokenClaims::unverified(token.expose()).ok());
    Change {
        kind,
        access_token: keep_token.then(|| access_token(response, context)),
        refresh_token: refresh_token(response, context),
        id_token: response.id_token.as_ref().filter(|_| context.home.is_some()).map(|token| {
            base(response, context)
                .with("secret", token.expose())
                .with("credential_type", "IdToken")
                .with("realm", context.realm)
        }),
        account: claims.filter(|_| context.home.is_some()).map(|claims| account(response, context, &claims)),
        app_metadata: Some(
            Entity::new()
                .with("environment", context.identity.authority.environment())
                .with("client_id", &*context.identity.client_id),
        ),
    }
}

/// The refresh token entity: plain on-behalf-of keeps none, as MSAL; an answer without one leaves the old.
fn refresh_token(response: &TokenResponse, context: &Context<'_>) -> Option<Entity> {
    if matches!(context.identity.subject, Subject::Assertion { .. } | Subject::App { .. }) {
        return None;
    }
    let token = response.refresh_token.as_ref()?;
    let sign_in = context.from.map_or(context.sign_in, |from| from.text(SIGN_IN));
    Some(
        base(response, context)
            .with("secret", token.expose())
            .with("credential_type", "RefreshToken")
            .with("user_assertion_hash", context.assertion_key)
            .with(SIGN_IN, sign_in),
    )
}

fn account(response: &TokenResponse, context: &Context<'_>, claims: &IdTokenClaims) -> Entity {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let username = match claims.username() {
        "" => "Missing from the token response", // MSAL.NET's own words: an empty name is never written
        name => name,
    };
    let local = claims.oid.as_ref().or(claims.sub.as_ref()).cloned().unwrap_or_default();
    Entity::new()
        .with("home_account_id", context.home.map(AccountId::as_str).unwrap_or_default())
        .with("environment", context.identity.authority.environment())
        .with("client_info", response.client_info.clone().unwrap_or_default())
        .with("username", username)
        .with("name", text(&claims.name))
        .with("given_name", text(&claims.given_name))
        .with("family_name", text(&claims.family_name))
        .with("local_account_id", local)
        .with("authority_type", "MSSTS")
        .with("realm", context.realm)
}

fn base(response: &TokenResponse, context: &Context<'_>) -> Entity {
    let entity = Entity::new()
        .with("home_account_id", context.home.map(AccountId::as_str).unwrap_or_default())
        .with("environment", context.identity.authority.environment())
        .with("client_id", &*context.identity.client_id);
    match (&response.client_info, context.home) {
        (Some(raw), Some(_)) => entity.with("client_info", raw.clone()),
        _ => entity,
    }
}

/// Whose response this is. `client_info` says who the user is at home; without one it is the user of the ID token, who then
/// must be at home.
///
/// # Errors
/// `Rejected` when the response names no user, or when `client_info` contradicts the ID token: such a response never decides
/// whose partition is written.
pub(crate) fn home_account(response: &TokenResponse) -> Result<(AccountId, IdTokenClaims), Error> {
    let rejected = |what: &str| Error::new(absentia_core::ErrorKind::Rejected, what);
    let id_token: &Secret = response.id_token.as_ref().ok_or_else(|| rejected("Entra answered without an ID token"))?;
    let claims = IdTokenClaims::unverified(id_token.expose())?;
    let home = match response.client_info.as_deref().map(|raw| ClientInfo::parse(raw).ok_or(())) {
        Some(Ok(info)) if info.fits(&claims) => info.account_id(),
        Some(Ok(_)) => return Err(rejected("Entra's client_info names another user than its ID token")),
        Some(Err(())) => return Err(rejected("Entra's client_info cannot be read")),
        None => match (&claims.oid, &claims.tid) {
            (Some(oid), Some(tid)) => AccountId::parse(&format!("{oid}.{tid}")),
            _ => None,
        },
    };
    let home = home.ok_or_else(|| rejected("Entra's answer does not say who the user is"))?;
    Ok((home, claims))
}

/// For a refresh: the response must be of the same user, when it says whose it is.
pub(crate) fn check_same_user(response: &TokenResponse, home: &str) -> Result<(), Error> {
    let named = response.client_info.as_deref().and_then(ClientInfo::parse).and_then(|info| info.account_id());
    match named {
        Some(named) if !named.as_str().eq_ignore_ascii_case(home) => Err(Error::new(
            absentia_core::ErrorKind::Rejected,
            "Entra answered with a token of another user; it was not stored",
        )),
        _ => Ok(()),
    }
}
