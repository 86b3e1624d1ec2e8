//! A small client of Microsoft Graph.
//!
//! Resilient: what is worth another try is tried again, with one deadline for all tries. A claims challenge is handed to the
//! caller, who alone can satisfy it. No error and no `Debug` holds a token or a URL's query.

mod error;
mod mail;
mod me;
mod retry;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use absentia::{
    AccessToken,
    store::Clock,
    transport::{HttpClient, HttpRequest, Method},
};

use self::retry::Tries;
pub use self::{error::Error, mail::Message, me::Me};

/// How long all tries of one call may take together.
const DEADLINE: Duration = Duration::from_secs(20);

/// Draws a number from 0 up to, without, 1.
type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Microsoft Graph, at one address. Cheap to clone.
///
/// ```no_run
/// # async fn example(token: absentia::AccessToken) -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use absentia::{store::SystemClock, transport::SystemHttp};
/// use absentia_apps::graph::Graph;
///
/// let graph = Graph::new("https://graph.microsoft.com/v1.0", Arc::new(SystemHttp::new()?), Arc::new(SystemClock));
/// let me = graph.me(&token, &["displayName", "mail"]).await?;
/// println!("{}", me.display_name().unwrap_or_default());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Graph {
    base: Arc<str>,
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    jitter: Jitter,
}

impl Graph {
    /// Graph at `base_url`, which ends with its version (`https://graph.microsoft.com/v1.0`); without one it is `v1.0`. A
    /// final slash and a final `/me`, as the samples' `GraphApiUrl` has it, are cut off.
    pub fn new(base_url: &str, http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>) -> Self {
        let base = base_url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/me").unwrap_or(base).trim_end_matches('/');
        let has_version = base.ends_with("/v1.0") || base.ends_with("/beta");
        let base = format!("{base}{}", if has_version { "" } else { "/v1.0" });
        Self { base: base.into(), http, clock, deadline: DEADLINE, jitter: Arc::new(retry::random) }
    }

    /// How long all tries of one call may take together, waits included. 20 s by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Where the jitter of waits comes from: numbers from 0 up to, without, 1. For tests.
    #[must_use]
    pub fn jitter(mut self, jitter: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.jitter = Arc::new(jitter);
        self
    }

    /// The profile of the token's user: these properties of it, or Graph's default set when `select` is empty. Cancel safe.
    ///
    /// # Errors
    /// See [`Error`]: each kind says what to do.
    pub async fn me(&self, token: &AccessToken, select: &[&str]) -> Result<Me, Error> {
        let mut url = format!("{}/me", self.base);
        if !select.is_empty() {
            url.push_str("?$select=");
            url.push_str(&select.join(","));
        }
        self.get(&url, token).await.and_then(|body| Me::read(&body))
    }

    /// The latest `most` messages of the token's user, 1,000 at most, without their text. Cancel safe.
    ///
    /// # Errors
    /// See [`Error`]: each kind says what to do.
    pub async fn messages(&self, token: &AccessToken, most: usize) -> Result<Vec<Message>, Error> {
        let url = format!("{}/me/messages?$select=receivedDateTime,subject,from&$top={most}", self.base);
        self.get(&url, token).await.and_then(|body| mail::read(&body))
    }

    async fn get(&self, url: &str, token: &AccessToken) -> Result<Vec<u8>, Error> {
        let mut tries = Tries::new(&*self.clock, self.deadline, &*self.jitter);
        loop {
            let request = HttpRequest {
                method: Method::Get,
                url: url.to_owned(),
                headers: vec![
                    ("authorization", format!("Bearer {}", token.secret().expose())),
                    ("accept", "application/json".to_owned()),
                ],
                body: String::new().into(),
            };
            let failed = match tries.within(self.http.send(request)).await {
                Some(Ok(answer)) if answer.status == 200 => return Ok(answer.body.to_vec()),
                Some(Ok(answer)) => error::of_answer(&answer, tries.unix_now()),
                Some(Err(broken)) => Error::unavailable(format!("Graph did not answer: {broken}")),
                None => Error::unavailable(format!("Graph did not answer within {} s", self.deadline.as_secs())),
            };
            tracing::debug!(error = %failed, "Graph gave no answer to keep");
            tries.again(failed).await?;
        }
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("base", &self.base).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
