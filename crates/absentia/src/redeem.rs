//! The one place that asks the token endpoint.

use std::time::Duration;

use absentia_cache::{Counter, TokenCache};
use absentia_core::{Error, ErrorKind, TokenResponse, grant::Form, response};

use crate::{
    client::Inner,
    transport::{HttpRequest, HttpResponse, Method},
};

/// How long to wait before the one repetition, as MSAL does.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether a request whose fate is unknown may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Repeat {
    /// No: a code is redeemed once.
    Never,
    /// Once, after an outage that did not say when to come back.
    Once,
}

/// Sends `form` with the client's credential and reads the answer. `http` gathers the time spent.
pub(crate) async fn redeem(
    client: &Inner,
    cache: &TokenCache,
    form: Form,
    repeat: Repeat,
    http: &mut Duration,
) -> Result<TokenResponse, Error> {
    let form = client.credential.apply(form);
    let first = ask(client, cache, &form, http).await;
    match first {
        Err(error)
            if repeat == Repeat::Once && error.kind() == ErrorKind::Unavailable && error.retry_after().is_none() =>
        {
            tracing::debug!(%error, "asking Entra once more");
            client.clock().sleep(PAUSE).await;
            ask(client, cache, &form, http).await
        }
        answer => answer,
    }
}

async fn ask(client: &Inner, cache: &TokenCache, form: &Form, http: &mut Duration) -> Result<TokenResponse, Error> {
    let correlation_id = client.new_id()?;
    let request = HttpRequest {
        method: Method::Post,
        url: client.authority.token_endpoint(),
        headers: vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
            ("client-request-id", correlation_id.clone()),
            ("return-client-request-id", "true".to_owned()),
            ("x-client-sku", "absentia".to_owned()),
            ("x-client-ver", env!("CARGO_PKG_VERSION").to_owned()),
            ("x-ms-lib-capability", "retry-after, h429".to_owned()),
        ],
        body: form.encode(),
    };
    cache.counters().count(Counter::Redeemed);
    let began = client.clock().monotonic();
    let sent = client.http.send(request).await;
    *http += client.clock().monotonic().saturating_sub(began);
    let answer = sent.map_err(|error| {
        Error::unavailable(format!("{} did not answer: {error}", client.authority.base()))
            .advise("Try again later; if it stays, check AzureAd:Instance and the network")
    })?;
    let result = read(client, &answer, form);
    if let Err(error) = &result {
        tracing::debug!(%error, grant = form.get("grant_type"), %correlation_id, "Entra refused");
    }
    result
}

fn read(client: &Inner, answer: &HttpResponse, form: &Form) -> Result<TokenResponse, Error> {
    let waits: Vec<&str> = answer.header("retry-after").collect();
    let answer = response::Answer { status: answer.status, retry_after: &waits, body: &answer.body, now: client.now() };
    let token = response::read(&answer, form.secrets()).map_err(|error| client.credential.explain(error))?;
    if !token.token_type.eq_ignore_ascii_case("bearer") {
        return Err(Error::new(ErrorKind::Rejected, "Entra answered with a token that is no Bearer token"));
    }
    Ok(token)
}
