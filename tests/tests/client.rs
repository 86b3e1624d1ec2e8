//! The client's flows, with Entra in process. What Entra was asked is counted in its journal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use absentia::{
    Authority, CacheLevel, CacheRefreshReason, ClientCredential, ConfidentialClient, ErrorKind, LongRunningKey, Secret,
    TokenSource,
    store::GrantKind,
    transport::{HttpClient, HttpError, HttpRequest, HttpResponse},
};
use absentia_emulator::Outage;
use absentia_tests::{World, claims};

const APP: &str = "https://graph.microsoft.com/.default";
const OBO: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

#[tokio::test]
async fn a_signed_in_user_is_served_from_memory_then_from_the_store_then_by_a_refresh() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let signed_in = world.sign_in(&ada).await.unwrap();
    assert_eq!(signed_in.account.username, "ada@contoso.example");
    assert_eq!(signed_in.account.id.as_str(), ada.home_account_id());
    assert_eq!(signed_in.token.metadata().token_source, TokenSource::IdentityProvider);

    let token = world.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    assert_eq!(token.metadata().cache_level, CacheLevel::L1);
    assert!(token.is_same_as(&signed_in.token));

    // Another process has nothing in memory.
    let other = world.another();
    let token = other.client.account(&world.id(&ada)).token("user.read openid").await.unwrap();
    assert_eq!(token.metadata().cache_level, CacheLevel::L2);
    assert_eq!(token.metadata().cache_refresh_reason, CacheRefreshReason::NotApplicable);
    assert!(token.is_same_as(&signed_in.token));
    assert_eq!(token.account().unwrap().name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(world.requests(&ada, "refresh_token"), 0);

    // Hours later nobody is at a keyboard.
    world.advance(minutes(300));
    let token = other.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    assert_eq!(token.metadata().token_source, TokenSource::IdentityProvider);
    assert_eq!(token.metadata().cache_refresh_reason, CacheRefreshReason::Expired);
    assert_eq!(world.requests(&ada, "refresh_token"), 1);
    assert!(claims(&token)["scp"].as_str().unwrap().contains("User.Read"));
    // Delegated: the token names her, not only the app.
    assert_eq!(claims(&token)["oid"], ada.oid());
}

#[tokio::test]
async fn an_app_has_a_token_per_resource() {
    let world = World::new().await;
    let first = world.client.app().token(APP).await.unwrap();
    assert!(first.account().is_none());
    for _ in 0..10 {
        assert!(world.client.app().token(APP).await.unwrap().is_same_as(&first));
    }
    assert_eq!(world.entra.journal().token_requests().grant("client_credentials").count(), 1);
    let other = world.another().client.app().token(APP).await.unwrap();
    assert_eq!(other.metadata().cache_level, CacheLevel::L2);
    for bad in ["", "User.Read", "https://a/.default https://b/.default"] {
        let error = world.client.app().token(bad).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{bad}");
    }
    assert_eq!(world.entra.journal().token_requests().grant("client_credentials").count(), 1);
}

#[tokio::test]
async fn app_and_user_cache_can_be_apart() {
    let world = World::new().await;
    let apart = World::new().await;
    let client = world.builder(&world.cache).app_cache(&apart.cache).build().unwrap();
    client.app().token(APP).await.unwrap();
    assert_eq!(apart.cache.memory_size().0, 1);
    assert_eq!(world.cache.memory_size().0, 0);
}

#[tokio::test]
async fn on_behalf_of_keeps_no_refresh_token_and_ends_with_its_assertion() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    let acquirer = world.client.on_behalf_of(&assertion);
    let token = acquirer.token("User.Read").await.unwrap();
    assert_eq!(claims(&token)["oid"], ada.oid());
    assert!(acquirer.token("User.Read").await.unwrap().is_same_as(&token));
    assert_eq!(world.requests(&ada, OBO), 1);
    let identity = absentia_cache::Identity {
        client_id: world.client.client_id().into(),
        authority: world.client.authority().clone(),
        subject: absentia_cache::Subject::Assertion { hash: assertion.hash().clone() },
        layout: absentia_cache::Layout::Native,
    };
    let absentia_cache::Loaded::Found { partition, .. } = world.cache.load(&identity).await.unwrap() else {
        panic!("nothing was stored")
    };
    assert!(!partition.has_refresh_token(), "plain on-behalf-of keeps no refresh token, as MSAL");
    // Another process finds it too.
    let other = world.another();
    assert_eq!(
        other.client.on_behalf_of(&assertion).token("User.Read").await.unwrap().metadata().cache_level,
        CacheLevel::L2
    );
    let accounts = world.client.accounts(&Default::default()).await.unwrap();
    assert!(accounts.is_empty(), "an assertion can act for nobody later: {accounts:?}");

    world.advance(minutes(300));
    let error = acquirer.token("User.Read").await.unwrap_err();
    assert_eq!((error.kind(), error.aadsts()), (ErrorKind::InteractionRequired, Some(500_133)));
}

#[tokio::test]
async fn a_long_running_process_outlives_its_assertion() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    let started = world.client.start_long_running(&assertion).token("User.Read").await.unwrap();
    assert_eq!(started.token.metadata().token_source, TokenSource::IdentityProvider);
    let accounts = world.client.accounts(&Default::default()).await.unwrap();
    assert_eq!(accounts[0].grants[0].kind, GrantKind::LongRunning);
    let stored = accounts[0].grants[0].key.as_str();
    assert!(!stored.contains(started.key.text().unwrap()), "the key itself is not stored as a name: {stored}");

    // A worker knows only what the row says.
    world.advance(minutes(300));
    let worker = world.another();
    let token = worker.client.grant(&accounts[0], &accounts[0].grants[0]).unwrap().token("User.Read").await.unwrap();
    assert_eq!(claims(&token)["oid"], ada.oid());
    assert_eq!((world.requests(&ada, OBO), world.requests(&ada, "refresh_token")), (1, 1));

    assert!(world.client.stop_long_running(&started.key).await.unwrap());
    assert!(!world.client.stop_long_running(&started.key).await.unwrap());
    let error = world.client.long_running(&started.key).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InteractionRequired);
    assert!(world.client.accounts(&Default::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn ten_calls_with_three_assertions_are_one_process() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let mut assertions = Vec::new();
    for _ in 0..3 {
        world.entra.advance(Duration::from_secs(1));
        assertions.push(world.assertion(&ada).await);
    }
    assert_ne!(assertions[0].hash(), assertions[1].hash());
    let (id, key) = (world.id(&ada), LongRunningKey::new("profile of ada").unwrap());
    for call in 0..10 {
        let acquirer = world.client.long_running_of(&id, &key).or_start(&assertions[call % 3]);
        acquirer.token("User.Read").await.unwrap();
    }
    assert_eq!(world.requests(&ada, OBO), 1);
    let accounts = world.client.accounts(&Default::default()).await.unwrap();
    assert_eq!((accounts.len(), accounts[0].grants.len()), (1, 1));
}

#[tokio::test]
async fn a_process_of_another_user_is_refused() {
    let world = World::new().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let key = LongRunningKey::new("shared by mistake").unwrap();
    let assertion = world.assertion(&ada).await;
    world.client.start_long_running(&assertion).key(key.clone()).token("User.Read").await.unwrap();
    for process in [&world.client, &world.another().client] {
        let error = process.long_running_of(&world.id(&grace), &key).token("User.Read").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(process.long_running_of(&world.id(&ada), &key).token("User.Read").await.is_ok());
    }
    // Not even by starting it for the wrong user.
    let error =
        world.client.start_long_running(&assertion).owned_by(&world.id(&grace)).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn what_entra_revoked_must_sign_in_and_is_not_asked_again() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    world.entra.revoke_sessions(&ada);

    // Entra's behaviour: a token that is still usable serves on.
    let acquirer = world.client.account(&world.id(&ada));
    assert!(acquirer.token("User.Read").await.is_ok());

    world.advance(minutes(300));
    for _ in 0..3 {
        let error = acquirer.token("User.Read").await.unwrap_err();
        assert_eq!((error.kind(), error.aadsts()), (ErrorKind::InteractionRequired, Some(50_173)));
        assert_eq!(error.entra().suberror.as_deref(), Some("bad_token"));
        assert!(error.entra().trace_id.is_some() && error.entra().timestamp.is_some());
        assert!(error.to_string().contains("must sign in again"), "{error}");
    }
    assert_eq!(world.requests(&ada, "refresh_token"), 1);

    world.sign_in(&ada).await.unwrap();
    assert!(acquirer.token("User.Read").await.is_ok());
}

#[tokio::test]
async fn an_outage_lets_an_old_token_serve_on_but_nobody_must_sign_in() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.entra.set_token_lifetime(&ada, minutes(60));
    world.sign_in(&ada).await.unwrap();
    let acquirer = world.client.account(&world.id(&ada));
    world.entra.set_outage(Some(Outage { status: 503, retry_after: Some(7) }));

    world.advance(minutes(56)); // past usable, before the last resort
    let token = acquirer.token("User.Read").await.unwrap();
    assert_eq!(token.metadata().token_source, TokenSource::Cache);
    world.advance(minutes(4)); // past all lines
    let error = acquirer.token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));

    // The wait Entra asked for is kept.
    let before = world.entra.journal().token_requests().count();
    assert_eq!(acquirer.token("User.Read").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(world.entra.journal().token_requests().count(), before);
    world.entra.set_outage(None);
    world.advance(Duration::from_secs(8));
    assert!(acquirer.token("User.Read").await.is_ok());
}

#[tokio::test]
async fn a_token_that_is_due_is_served_and_refreshed_once() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.entra.set_token_lifetime(&ada, minutes(60));
    let first = world.sign_in(&ada).await.unwrap().token;
    let acquirer = world.client.account(&world.id(&ada));
    world.advance(minutes(54)); // past 75 % and its jitter, before the last five minutes

    let served = acquirer.token("User.Read").await;
    // Memory has not looked at the store for so long that the store is asked first; from there on it is memory's.
    assert!(served.unwrap().is_same_as(&first));
    let mut last = acquirer.token("User.Read").await.unwrap();
    assert!(last.is_same_as(&first));
    for _ in 0..2000 {
        last = acquirer.token("User.Read").await.unwrap();
        if !last.is_same_as(&first) {
            break;
        }
        tokio::task::yield_now().await;
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1))).await.unwrap();
    }
    assert!(!last.is_same_as(&first), "the refresh ahead never landed");
    assert_eq!(world.requests(&ada, "refresh_token"), 1);
}

#[tokio::test]
async fn a_clock_that_goes_back_distrusts_tokens_from_the_future_and_deletes_nothing() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let first = world.sign_in(&ada).await.unwrap().token;
    let now = absentia::store::Clock::now(&world.clock);
    world.clock.jump_to(now - minutes(30));
    let token = world.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    assert!(!token.is_same_as(&first));
    world.clock.jump_to(now);
    assert!(world.client.account(&world.id(&ada)).token("User.Read").await.is_ok());
}

#[tokio::test]
async fn a_wrong_secret_is_explained_and_not_shown() {
    let world = World::new().await;
    for (secret, advice) in [
        ("wrong secret that is never shown", "AzureAd:ClientSecret"),
        (" contoso-app-demo-secret-3f9a", "begins or ends with a blank"),
        ("'contoso-app-demo-secret-3f9a'", "starts and ends with a quote"),
        ("0a0a0a0a-1234-4567-89ab-000000000001", "looks like the id of a secret"),
    ] {
        let credential = absentia::ClientCredential::secret(absentia::Secret::new(secret)).unwrap();
        let client = absentia::ConfidentialClient::builder(
            world.client.authority().clone(),
            world.client.client_id(),
            credential,
        )
        .cache(&world.cache)
        .build()
        .unwrap();
        let error = client.app().token(APP).await.unwrap_err();
        assert_eq!((error.kind(), error.aadsts()), (ErrorKind::Config, Some(7_000_215)));
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(advice) && !shown.contains(secret.trim()), "{shown}");
    }
}

#[tokio::test]
async fn claims_and_refused_tokens_go_past_the_cache() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let first = world.sign_in(&ada).await.unwrap().token;
    let acquirer = world.client.account(&world.id(&ada));
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let second = acquirer.token("User.Read").claims(claims).await.unwrap();
    assert_eq!(second.metadata().cache_refresh_reason, CacheRefreshReason::ForceRefreshOrClaims);
    assert!(!second.is_same_as(&first));
    // The new one took the old one's place.
    assert!(acquirer.token("User.Read").await.unwrap().is_same_as(&second));
    // Instead of the first: the cache has another already.
    assert!(acquirer.token("User.Read").instead_of(&first).await.unwrap().is_same_as(&second));
    let third = acquirer.token("User.Read").instead_of(&second).await.unwrap();
    assert!(!third.is_same_as(&second));
    assert_eq!(world.requests(&ada, "refresh_token"), 2);
    let error = acquirer.token("User.Read").claims("nonsense").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn no_scopes_and_oidc_scopes_are_one_request_at_most() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let before = world.entra.journal().token_requests().count();
    let acquirer = world.client.account(&world.id(&ada));
    for _ in 0..10 {
        acquirer.token("").await.unwrap();
        acquirer.token(&["openid", "profile", "offline_access"]).await.unwrap();
        acquirer.token(&["user.read", "openid", "OPENID"]).await.unwrap();
    }
    assert_eq!(world.entra.journal().token_requests().count(), before);
}

#[tokio::test]
async fn an_app_that_is_client_and_api_at_once_refreshes() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let scope = format!("{}/Profile.Read", world.client.client_id());
    world.sign_in_for(&world.client, &ada, &scope).await.unwrap();
    world.advance(minutes(300));
    let acquirer = world.client.account(&world.id(&ada));
    assert!(acquirer.token(&scope).await.is_ok());
    let uri = format!("api://{}/Profile.Read", world.client.client_id());
    let error = acquirer.token(&uri).claims(r#"{"id_token":{}}"#).await.unwrap_err();
    assert_eq!((error.kind(), error.aadsts()), (ErrorKind::Config, Some(90_009)), "{error}");
    assert!(error.to_string().contains("client id"), "{error}");
    // The grant is as good as before.
    assert!(acquirer.token(&scope).await.is_ok());
}

#[tokio::test]
async fn a_key_that_another_user_starts_again_serves_nothing_of_the_first() {
    let world = World::new().await;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    world.entra.set_token_lifetime(&ada, minutes(300));
    world.entra.set_token_lifetime(&grace, minutes(60));
    let key = LongRunningKey::new("shared by mistake").unwrap();
    for user in [&ada, &grace] {
        let assertion = world.assertion(user).await;
        world.client.start_long_running(&assertion).key(key.clone()).token("User.Read").await.unwrap();
    }
    for process in [&world.client, &world.another().client] {
        let token = process.long_running_of(&world.id(&grace), &key).token("User.Read").await.unwrap();
        assert_eq!(claims(&token)["oid"], grace.oid());
        assert_eq!(token.account().unwrap().id, world.id(&grace));
    }
    let error = world.another().client.long_running_of(&world.id(&ada), &key).token("User.Read").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}

/// HTTP whose answers a test changes; `None` is no answer.
struct Altered {
    inner: Arc<dyn HttpClient>,
    alter: Mutex<Alter>,
    asked: std::sync::atomic::AtomicUsize,
}

type Alter = Box<dyn FnMut(&str, HttpResponse) -> Option<HttpResponse> + Send>;

impl Altered {
    fn new(world: &World, alter: impl FnMut(&str, HttpResponse) -> Option<HttpResponse> + Send + 'static) -> Arc<Self> {
        Arc::new(Self { inner: world.http.clone(), alter: Mutex::new(Box::new(alter)), asked: Default::default() })
    }

    fn asked(&self) -> usize {
        self.asked.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl HttpClient for Altered {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let url = request.url.clone();
        let answer = self.inner.send(request).await?;
        (self.alter.lock().unwrap())(&url, answer).ok_or_else(|| HttpError::new(true, "altered"))
    }
}

fn json(status: u16, body: &str) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: body.to_owned().into() }
}

#[tokio::test]
async fn a_caller_with_an_assertion_keeps_the_wait_that_entra_asked_for() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    let key = LongRunningKey::new("job").unwrap();
    let acquirer = world.client.long_running(&key).or_start(&assertion);
    for started in [false, true] {
        world.entra.set_outage(Some(Outage { status: 429, retry_after: Some(60) }));
        assert_eq!(acquirer.token("User.Read").await.unwrap_err().kind(), ErrorKind::Throttled, "{started}");
        let before = world.entra.journal().token_requests().count();
        let error = acquirer.token("User.Read").await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(60)), "{started}");
        assert_eq!(world.entra.journal().token_requests().count(), before, "{started}");
        world.entra.set_outage(None);
        world.advance(Duration::from_secs(61));
        acquirer.token("User.Read").await.unwrap();
        world.advance(minutes(300));
    }
    // Neither what is stored nor the assertion is accepted: the same two are not asked again either.
    world.entra.revoke_sessions(&ada);
    assert_eq!(acquirer.token("User.Read").await.unwrap_err().kind(), ErrorKind::InteractionRequired);
    let before = world.entra.journal().token_requests().count();
    assert_eq!(acquirer.token("User.Read").await.unwrap_err().kind(), ErrorKind::InteractionRequired);
    assert_eq!(world.entra.journal().token_requests().count(), before);
    // A new assertion is.
    let assertion = world.assertion(&ada).await;
    world.client.long_running(&key).or_start(&assertion).token("User.Read").await.unwrap();
}

#[tokio::test]
async fn nobody_can_sign_in_for_an_app() {
    let world = World::new().await;
    let body = r#"{"error":"interaction_required","error_codes":[53003],"claims":"{\"access_token\":{}}"}"#;
    let http = Altered::new(&world, move |_, _| Some(json(400, body)));
    let client = world.builder(&world.cache).http(http).build().unwrap();
    let error = client.app().token(APP).claims("{}").await.unwrap_err();
    assert_eq!((error.kind(), error.aadsts()), (ErrorKind::Rejected, Some(53003)));
    assert!(error.claims().is_some());
}

#[tokio::test]
async fn a_start_whose_token_has_no_known_life_can_go_on() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    let assertion = world.assertion(&ada).await;
    let http = Altered::new(&world, |url, answer| {
        if !url.ends_with("/token") {
            return Some(answer);
        }
        let mut body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        body.as_object_mut().unwrap().remove("expires_in");
        Some(json(answer.status, &body.to_string()))
    });
    let client = world.builder(&world.cache).http(http).build().unwrap();
    let started = client.start_long_running(&assertion).token("User.Read").await.unwrap();
    world.client.long_running(&started.key).token("User.Read").await.unwrap();
}

#[tokio::test]
async fn lives_beyond_reason_are_no_panic() {
    let world = World::new().await;
    for life in ["18446744073709551615", "\"18446744073709551615\"", "1e300", "9223372036854775807"] {
        let body = format!(
            r#"{{"token_type":"Bearer","access_token":"t","expires_in":{life},"refresh_in":{life},"ext_expires_in":{life}}}"#
        );
        let http = Altered::new(&world, move |_, _| Some(json(200, &body)));
        let cache = world.another_cache();
        let client = world.builder(&cache).http(http).build().unwrap();
        let token = client.app().token(&format!("https://{}.example/.default", life.len())).await.unwrap();
        assert!(token.expires_on() > absentia::store::Clock::now(&world.clock), "{life}");
    }
}

#[tokio::test]
async fn an_authority_that_never_answered_is_not_asked_by_each_caller() {
    let world = World::new().await;
    let http = Altered::new(&world, |_, _| None);
    let client = world.builder(&world.cache).http(http.clone()).build().unwrap();
    for _ in 0..10 {
        assert_eq!(client.discovery().metadata().await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert_eq!(http.asked(), 1);
    world.advance(Duration::from_secs(11));
    client.discovery().metadata().await.unwrap_err();
    assert_eq!(http.asked(), 2);
}

#[tokio::test]
async fn a_key_set_without_keys_does_not_replace_one_with() {
    let world = World::new().await;
    let empty = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = empty.clone();
    let http = Altered::new(&world, move |url, answer| {
        let keys = url.contains("keys") && switch.load(std::sync::atomic::Ordering::SeqCst);
        Some(if keys { json(200, r#"{"keys":[]}"#) } else { answer })
    });
    let client = world.builder(&world.cache).http(http).build().unwrap();
    let version = absentia::discovery::Version::V2;
    assert!(!client.discovery().documents(version).await.unwrap().keys.is_empty());
    empty.store(true, std::sync::atomic::Ordering::SeqCst);
    world.advance(minutes(25 * 60));
    assert!(!client.discovery().documents(version).await.unwrap().keys.is_empty());
}

#[tokio::test]
async fn no_proxy_sees_what_is_for_this_machine() {
    const NAME: &str = "no_proxy_sees_what_is_for_this_machine";
    // Nobody listens there. The environment is a process's own, so the test runs in one of its own.
    const PROXY: &str = "http://127.0.0.1:9";
    if std::env::var("http_proxy").as_deref() != Ok(PROXY) {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME]).env("http_proxy", PROXY).env_remove("no_proxy").env_remove("NO_PROXY");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let world = World::new().await;
    let client = world.client.clone();
    let asked = tokio::time::timeout(Duration::from_secs(20), async { client.app().token(APP).await }).await;
    asked.unwrap().unwrap();
}

#[tokio::test]
async fn clients_of_two_tenants_share_a_cache_and_never_a_token() {
    let world = World::new().await;
    let ada = world.entra.user("ada");
    world.sign_in(&ada).await.unwrap();
    let here = world.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    assert_eq!(here.metadata().cache_level, CacheLevel::L1);
    // The same app in another tenant finds the same entry, and no token of its own in it.
    let authority = Authority::new(world.entra.url(), "22222222-dddd-4eee-8fff-0000000000ff").unwrap();
    let secret = ClientCredential::secret(Secret::new(world.entra.app("contoso-app").secret())).unwrap();
    let other = ConfidentialClient::builder(authority, world.client.client_id(), secret)
        .cache(&world.cache)
        .http(world.http.clone())
        .build()
        .unwrap();
    let before = world.requests(&ada, "refresh_token");
    let elsewhere = other.account(&world.id(&ada)).token("User.Read").await;
    assert!(elsewhere.is_err(), "a token of another tenant was served");
    let again = world.client.account(&world.id(&ada)).token("User.Read").await.unwrap();
    assert!(again.is_same_as(&here) && world.requests(&ada, "refresh_token") == before);
}
