//! The browser side of the web API: a public client with PKCE, as a single-page app or a native app has it.

use absentia::{Authority, Secret};
use absentia_cache::{OsRandom, Random as _};
use absentia_core::pkce;
use serde_json::Value;
use url::Url;

use super::{
    Failure,
    browser::Browser,
    world::{Person, World},
};

/// Where its code comes back to; nobody listens there, the code is taken from the URL.
const REDIRECT: &str = "http://localhost";

/// Signs a person in and returns her access token for the API.
pub(crate) async fn sign_in(world: &World, person: &Person) -> Result<Secret, Failure> {
    let authority = Authority::new(&world.entra_url, &world.tenant_id)?;
    let scope = format!("api://{}/.default openid profile offline_access", world.app_id);
    let mut random = [0; 32];
    OsRandom.fill(&mut random)?;
    let verifier = pkce::verifier(&random);
    let mut url = Url::parse(&authority.authorization_endpoint())?;
    url.query_pairs_mut().extend_pairs([
        ("client_id", world.spa_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", &scope),
        ("response_mode", "fragment"),
        ("state", "demo"),
        ("nonce", "demo"),
        ("code_challenge", &pkce::challenge(&verifier)),
        ("code_challenge_method", "S256"),
    ]);
    let here = |url: &Url| url.host_str() == Some("localhost") && url.port().is_none();
    let page =
        Browser::new(world.http.clone(), &world.entra_url)?.sign_in(url, &person.upn, &person.password, here).await?;
    let answer = page.url.fragment().unwrap_or_default().to_owned();
    let code = url::form_urlencoded::parse(answer.as_bytes())
        .find(|(name, _)| name == "code")
        .map(|(_, code)| code.into_owned())
        .ok_or_else(|| format!("no code came back for {} (status {})", person.upn, page.status))?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &world.spa_id)
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", &code)
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("code_verifier", verifier.expose())
        .append_pair("scope", &scope)
        .finish();
    let answer = world
        .http
        .post(authority.token_endpoint())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await?;
    let json: Value = serde_json::from_slice(&answer.bytes().await?)?;
    let token = json["access_token"].as_str().ok_or_else(|| format!("no token came: {}", json["error"]))?;
    Ok(Secret::new(token))
}

/// Calls the API with the token. Returns the profile.
pub(crate) async fn call_api(world: &World, api: &Url, token: &Secret) -> Result<Value, Failure> {
    let answer = world
        .http
        .get(api.join("api/profile")?)
        .header("authorization", format!("Bearer {}", token.expose()))
        .send()
        .await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    if !status.is_success() {
        return Err(format!("the API answered {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(serde_json::from_slice(&body)?)
}
