//! Entra's switches and its journal, over HTTP.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Failure;

/// The emulator's admin API.
#[derive(Clone)]
pub(crate) struct Admin {
    http: reqwest::Client,
    base: String,
}

/// One request Entra or Graph saw.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) endpoint: String,
    #[serde(default)]
    pub(crate) grant_type: Option<String>,
    #[serde(default)]
    pub(crate) client_id: Option<String>,
    #[serde(default)]
    pub(crate) user: Option<User>,
    #[serde(default)]
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) aadsts: Option<u32>,
}

/// The user a request was about.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) upn: String,
}

impl Entry {
    /// Whether it was about this user.
    pub(crate) fn is_of(&self, upn: &str) -> bool {
        self.user.as_ref().is_some_and(|user| user.upn.eq_ignore_ascii_case(upn))
    }

    /// Whether it redeemed this grant.
    pub(crate) fn redeems(&self, grant: &str) -> bool {
        self.grant_type.as_deref() == Some(grant)
    }
}

impl Admin {
    pub(crate) fn new(http: reqwest::Client, base: &str) -> Self {
        Self { http, base: format!("{base}/_admin") }
    }

    /// Ends all sessions of a user: her refresh tokens are refused from now on.
    pub(crate) async fn revoke_sessions(&self, user: &str) -> Result<(), Failure> {
        let url = format!("{}/users/{user}/revoke-sessions", self.base);
        self.http.post(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// How long a user's access tokens live from now on.
    pub(crate) async fn set_token_lifetime(&self, user: &str, seconds: u64) -> Result<(), Failure> {
        let url = format!("{}/users/{user}/token-lifetime", self.base);
        self.send(self.http.put(url), &json!({"seconds": seconds})).await
    }

    /// What Entra and Graph were asked after `after`.
    pub(crate) async fn journal(&self, after: u64) -> Result<Vec<Entry>, Failure> {
        let answer = self.http.get(format!("{}/journal?after={after}", self.base)).send().await?.error_for_status()?;
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let entries = body.get("requests").cloned().unwrap_or(body);
        Ok(serde_json::from_value(entries)?)
    }

    /// The number of the last request so far.
    pub(crate) async fn now(&self) -> Result<u64, Failure> {
        Ok(self.journal(0).await?.last().map_or(0, |entry| entry.seq))
    }

    /// Every secret Entra gave out, as JSON.
    pub(crate) async fn issued(&self) -> Result<String, Failure> {
        Ok(self.http.get(format!("{}/issued", self.base)).send().await?.error_for_status()?.text().await?)
    }

    async fn send(&self, request: reqwest::RequestBuilder, body: &Value) -> Result<(), Failure> {
        let request = request.header("content-type", "application/json").body(body.to_string());
        request.send().await?.error_for_status()?;
        Ok(())
    }
}
