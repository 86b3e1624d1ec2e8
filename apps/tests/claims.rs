//! Graph wants a token with other claims: one is asked for once, and what then is refused goes to who can help.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed set-up is a failed test, and these tests run by the machine's clock"
)]

mod common;
mod tokens;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use absentia::{
    challenge::Challenge,
    store::SystemClock,
    transport::{HttpClient, HttpError, HttpRequest, HttpResponse, SystemHttp},
};
use absentia_apps::{graph::Graph, web_api, web_app};
use common::{Browser, World, client, serve};
use tokens::access_token;

/// `{"access_token":{"nbf":{"essential":true, "value":"1635527790"}}}`, as Graph really sent it.
const CLAIMS: &str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTYzNTUyNzc5MCJ9fX0=";
const DECODED: &str = r#"{"access_token":{"nbf":{"essential":true, "value":"1635527790"}}}"#;

/// Graph that challenges its first calls.
struct Strict {
    inner: SystemHttp,
    left: AtomicUsize,
}

#[async_trait::async_trait]
impl HttpClient for Strict {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            return self.inner.send(request).await;
        }
        let header = format!(r#"Bearer realm="", error="insufficient_claims", claims="{CLAIMS}""#);
        let headers = vec![("www-authenticate".to_owned(), header)];
        Ok(HttpResponse { status: 401, headers, body: Default::default() })
    }
}

fn strict(world: &World, challenges: usize) -> Graph {
    let http = Strict { inner: SystemHttp::new().unwrap(), left: AtomicUsize::new(challenges) };
    Graph::new(&format!("{}/v1.0", world.entra.graph_url()), Arc::new(http), Arc::new(SystemClock))
}

#[tokio::test]
async fn the_api_asks_once_with_the_claims() {
    let world = World::new().await;
    let client_of_api = world.client();
    let router = web_api::router(&world.settings(""), &client_of_api, strict(&world, 1)).unwrap();
    let api = serve(client_of_api, router).await;
    let token = access_token(&world, "ada", "Profile.Read").await;
    let before = world.token_requests();
    let answer = client().get(format!("{}/api/profile", api.url)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(world.token_requests() - before, 2, "one for the grant, one with the claims");
}

#[tokio::test]
async fn the_api_relays_what_is_refused_again() {
    let world = World::new().await;
    let client_of_api = world.client();
    let router = web_api::router(&world.settings(""), &client_of_api, strict(&world, 2)).unwrap();
    let api = serve(client_of_api, router).await;
    let token = access_token(&world, "ada", "Profile.Read").await;
    let answer = client().get(format!("{}/api/profile", api.url)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let header = answer.headers()["www-authenticate"].to_str().unwrap();
    let expected = format!(
        r#"Bearer realm="", authorization_uri="{}/oauth2/v2.0/authorize", client_id="{}", error="insufficient_claims", claims="{CLAIMS}""#,
        world.entra.authority(),
        world.entra.app("contoso-api").client_id()
    );
    assert_eq!(header, expected);
    assert_eq!(Challenge::parse(header).unwrap().claims().as_deref(), Some(DECODED));
}

#[tokio::test]
async fn the_web_app_sends_the_browser_with_the_claims() {
    let world = World::new().await;
    let client_of_app = world.client();
    let router = web_app::router(&world.settings(""), &client_of_app, strict(&world, 3)).unwrap();
    let app = serve(client_of_app, router).await;
    let mut browser = Browser::new();
    // Both tokens are refused, so the browser goes to Entra; what it brings back is refused once and then accepted.
    let mut page = browser.send("GET", &format!("{}/sign-in?return_url=/%3Fx", app.url), &[], &[]).await;
    let mut asked = Vec::new();
    let mut steps = 0;
    let page = loop {
        steps += 1;
        assert!(steps < 25, "redirects without end at {}", page.url.path());
        page = match page.location() {
            Some(next) => {
                asked
                    .extend(next.query_pairs().find(|(name, _)| name == "claims").map(|(_, value)| value.into_owned()));
                browser.send("GET", next.as_str(), &[], &[]).await
            }
            None if page.url.port() == url::Url::parse(&app.url).unwrap().port() => break page,
            None => browser.log_in(page, &world.entra.user("ada")).await,
        };
    };
    assert_eq!(asked, [DECODED]);
    assert_eq!(page.url.query(), Some("x"), "and back to the same page");
    assert!(page.body.contains("Ada Lovelace"), "{}", page.body);
}
