//! A process with many callers who want the same token at once. It reads its [`Task`] and then the signal to begin, a
//! line each; it says `READY`, `ASKS` for each request to the token endpoint, and at last what its callers got, as JSON.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test, seen by whoever started it")]

use std::{collections::BTreeMap, io::Write as _, sync::Arc, time::Duration};

use absentia::{
    AccountId, Authority, ClientCredential, ConfidentialClient, KeyRing, Secret, TokenCache,
    transport::{HttpClient, HttpError, HttpRequest, HttpResponse, SystemHttp},
};
use absentia_core::encoding::sha256_base64url;
use absentia_tests::{
    calling::{Ahead, Got, Task},
    place,
};
use async_trait::async_trait;
use tokio::sync::Barrier;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let task: Task = serde_json::from_str(&hear()).unwrap();
    let clock = Arc::new(Ahead(Duration::from_secs(task.ahead)));
    let backend = place::open(&task.store, clock.clone()).await;
    let cache = TokenCache::sealed(backend, KeyRing::load(&task.ring).unwrap()).clock(clock).build();
    let authority = Authority::new(&task.url, &task.tenant).unwrap();
    let secret = ClientCredential::secret(Secret::new(&*task.secret)).unwrap();
    let http = Asking { endpoint: authority.token_endpoint().to_string(), inner: SystemHttp::new().unwrap() };
    let client = ConfidentialClient::builder(authority, &task.client_id, secret)
        .cache(&cache)
        .http(Arc::new(http))
        .lease(Duration::from_millis(task.lease))
        .build()
        .unwrap();
    let account = AccountId::parse(&task.account).unwrap();
    say("READY");
    hear();
    let barrier = Arc::new(Barrier::new(task.callers));
    let calls: Vec<_> = (0..task.callers)
        .map(|_| {
            let (barrier, acquirer) = (barrier.clone(), client.account(&account));
            tokio::spawn(async move {
                barrier.wait().await;
                acquirer.token("User.Read").await
            })
        })
        .collect();
    let mut got = Got { tokens: BTreeMap::new(), errors: BTreeMap::new() };
    for call in calls {
        match call.await.unwrap() {
            Ok(token) => *got.tokens.entry(sha256_base64url(token.secret().expose())).or_default() += 1,
            Err(error) => *got.errors.entry(error.to_string()).or_default() += 1,
        }
    }
    say(&serde_json::to_string(&got).unwrap());
}

fn hear() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line
}

/// Tells the parent. It reads line by line.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").unwrap();
    output.flush().unwrap();
}

/// Says so before it asks Entra for a token.
struct Asking {
    endpoint: String,
    inner: SystemHttp,
}

#[async_trait]
impl HttpClient for Asking {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if request.url == self.endpoint {
            say("ASKS");
        }
        self.inner.send(request).await
    }
}
