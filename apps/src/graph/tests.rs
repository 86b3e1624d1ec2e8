use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use absentia::{
    AccessToken, Authority, ClientCredential, ConfidentialClient, ErrorKind, Secret, TokenCache,
    store::{Backend, Clock, ManualClock, MemoryStore},
    transport::{HttpClient, HttpError, HttpRequest, HttpResponse},
};
use axum::body::Bytes;

use super::{Error, Graph};

const NOW: u64 = 1_790_000_000;

/// One answer of the script: status, headers and body; a status of 0 is a broken connection.
type Answer = (u16, Vec<(&'static str, String)>, String);

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<String>>,
}

struct Http(Arc<Script>);

#[async_trait::async_trait]
impl HttpClient for Http {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.url.ends_with("/token") {
            let body = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"the-secret-token"}"#;
            return Ok(HttpResponse { status: 200, headers: vec![], body: Bytes::from_static(body.as_bytes()) });
        }
        assert!(request.headers.contains(&("authorization", "Bearer the-secret-token".to_owned())));
        self.0.asked.lock().unwrap().push(request.url.clone());
        let next = self.0.answers.lock().unwrap().pop_front();
        let Some((status, headers, body)) = next else { return std::future::pending().await };
        if status == 0 {
            return Err(HttpError::new(false, body));
        }
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(HttpResponse { status, headers, body: body.into() })
    }
}

/// A clock on which every sleep ends at once, having passed; with a note of each.
#[derive(Clone)]
struct Sleeps {
    clock: ManualClock,
    slept: Arc<Mutex<Vec<Duration>>>,
}

impl Clock for Sleeps {
    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        let this = self.clone();
        Box::pin(async move {
            this.clock.advance(duration);
            this.slept.lock().unwrap().push(duration);
        })
    }
}

struct Scene {
    graph: Graph,
    token: AccessToken,
    script: Arc<Script>,
    slept: Arc<Mutex<Vec<Duration>>>,
}

impl Scene {
    async fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Arc::new(Script::default());
        script.answers.lock().unwrap().extend(answers);
        let http: Arc<dyn HttpClient> = Arc::new(Http(script.clone()));
        let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(NOW));
        let sleeps = Sleeps { clock, slept: Arc::default() };
        let store = Arc::new(MemoryStore::new(Arc::new(sleeps.clock.clone())));
        let cache = TokenCache::plain(Backend::of("memory", &store)).clock(Arc::new(sleeps.clock.clone())).build();
        let authority = Authority::new("https://login.example", "22222222-dddd-4eee-8fff-000000000002").unwrap();
        let credential = ClientCredential::secret(Secret::new("a-client-secret")).unwrap();
        let client = ConfidentialClient::builder(authority, "33333333-1234-4567-89ab-000000000003", credential)
            .cache(&cache)
            .http(http.clone())
            .build()
            .unwrap();
        let token = client.app().token("https://graph.example/.default").await.unwrap();
        let slept = sleeps.slept.clone();
        let graph = Graph::new("https://graph.example/v1.0/me/", http, Arc::new(sleeps)).jitter(|| 0.5);
        Self { graph, token, script, slept }
    }

    async fn me(&self) -> Result<super::Me, Error> {
        self.graph.me(&self.token, &["displayName", "city"]).await
    }

    fn slept_ms(&self) -> Vec<u128> {
        self.slept.lock().unwrap().iter().map(Duration::as_millis).collect()
    }

    fn asked(&self) -> usize {
        self.script.asked.lock().unwrap().len()
    }
}

fn ok() -> Answer {
    (200, vec![], r#"{"@odata.context":"x","displayName":"Ada","city":null}"#.to_owned())
}

fn status(status: u16) -> Answer {
    (status, vec![], String::new())
}

fn waits(status: u16, lines: &[&str]) -> Answer {
    (status, lines.iter().map(|line| ("retry-after", (*line).to_owned())).collect(), String::new())
}

#[tokio::test]
async fn a_profile_is_asked_for_by_its_properties() {
    let scene = Scene::new([ok()]).await;
    let me = scene.me().await.unwrap();
    assert_eq!(me.display_name(), Some("Ada"));
    assert_eq!(me.get("city"), None);
    assert_eq!(serde_json::to_string(&me).unwrap(), r#"{"displayName":"Ada","city":null}"#);
    assert_eq!(*scene.script.asked.lock().unwrap(), ["https://graph.example/v1.0/me?$select=displayName,city"]);
}

#[tokio::test]
async fn outages_are_tried_again_with_jitter_three_times_at_most() {
    let broken = || (0, vec![], "no connection: refused".to_owned());
    let scene = Scene::new([broken(), status(503), ok()]).await;
    assert!(scene.me().await.is_ok());
    assert_eq!(scene.slept_ms(), [750, 1_500]);

    let scene = Scene::new([status(504), broken(), status(503), ok()]).await;
    assert_eq!(scene.me().await, Err(Error::unavailable("Graph answered 503")));
    assert_eq!((scene.asked(), scene.slept_ms()), (3, vec![750, 1_500]));
}

#[tokio::test]
async fn retry_after_is_read_in_all_its_forms() {
    let (ahead, past) = (httpdate_of(NOW + 90), httpdate_of(NOW - 90));
    // What the deadline leaves time for is waited exactly. The rest is the caller's, with the time, and nothing more is sent.
    for (lines, waited) in [(vec!["0.249"], 1_000), (vec!["5"], 5_000), (vec!["1", "7"], 7_000)] {
        let scene = Scene::new([waits(429, &lines), ok()]).await;
        assert!(scene.me().await.is_ok(), "{lines:?}");
        assert_eq!(scene.slept_ms(), [waited], "{lines:?}");
    }
    for (lines, told) in [
        (vec!["120"], 120),
        (vec![ahead.as_str()], 90),
        (vec![past.as_str()], 60),
        (vec!["-1"], 60),
        (vec!["99999999"], 3_600),
        (vec!["abc"], 60),
        (vec![], 60),
        (vec!["5", "60"], 60),
    ] {
        let scene = Scene::new([waits(429, &lines), ok()]).await;
        let throttled = Error::Throttled { retry_after: Duration::from_secs(told) };
        assert_eq!(scene.me().await, Err(throttled.clone()), "{lines:?}");
        // What the worker reads: the account is due after exactly that time.
        let error = absentia::Error::from(throttled);
        assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Throttled, Some(Duration::from_secs(told))));
        assert_eq!((scene.asked(), scene.slept_ms()), (1, vec![]), "{lines:?}");
    }
}

#[tokio::test]
async fn one_deadline_holds_for_all_tries() {
    let scene = Scene::new([waits(503, &["12"]), waits(503, &["12"]), ok()]).await;
    let told = Some(Duration::from_secs(12));
    assert_eq!(scene.me().await, Err(Error::Unavailable { message: "Graph answered 503".into(), retry_after: told }));
    assert_eq!((scene.asked(), scene.slept_ms()), (2, vec![12_000]));

    // Silence is waited for as long as what is left.
    let scene = Scene::new([waits(503, &["12"])]).await;
    assert_eq!(scene.me().await, Err(Error::unavailable("Graph did not answer within 20 s")));
    assert_eq!((scene.asked(), scene.slept_ms()), (2, vec![12_000, 8_000]));
}

#[tokio::test]
async fn a_claims_challenge_is_handed_back_and_not_tried_again() {
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTc5MDAwMzU5MCJ9fX0=";
    let header = format!(r#"Bearer realm="", error="insufficient_claims", claims="{claims}", cc_type="authcontext""#);
    let scene = Scene::new([(401, vec![("www-authenticate", header)], String::new()), ok()]).await;
    let error = scene.me().await.unwrap_err();
    let Error::Challenge { claims } = &error else { panic!("{error:?}") };
    assert!(claims.contains("1790003590"));
    assert_eq!((scene.asked(), scene.slept_ms()), (1, vec![]));
    let error = absentia::Error::from(error.clone());
    assert_eq!(error.kind(), ErrorKind::InteractionRequired);
    assert!(error.claims().unwrap().contains("1790003590"));
}

#[tokio::test]
async fn refusals_are_for_good_and_say_graphs_code() {
    let body = r#"{"error":{"code":"InvalidAuthenticationToken","message":"The token is\nexpired.","innerError":{}}}"#;
    let header = ("www-authenticate", r#"Bearer realm="", client_id="0000""#.to_owned());
    let scene = Scene::new([(401, vec![header], body.to_owned()), ok()]).await;
    let error = scene.me().await.unwrap_err();
    assert_eq!(error.to_string(), "Graph refused with 401 InvalidAuthenticationToken: The token is expired.");
    assert_eq!(scene.asked(), 1);
    let scene = Scene::new([(404, vec![], "<html>".to_owned())]).await;
    let error = absentia::Error::from(scene.me().await.unwrap_err());
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Rejected, "HTTP 404".to_owned()));
    let shown = format!("{:?} {error:?} {error}", scene.graph);
    assert!(!shown.contains("secret-token") && !shown.contains("select"), "{shown}");
}

fn httpdate_of(unix: u64) -> String {
    let at = jiff::Timestamp::from_second(unix as i64).unwrap();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
