use std::time::{Duration, SystemTime};

use absentia_store::{Claim, ClaimRequest, Finish, Finished, GrantState, Result};

use crate::{
    RedisStore,
    accounts::fold,
    rows::{self, Fields},
    scripts,
    time::{millis, span},
};

/// How many accounts one call claims at most: the script runs while nobody else is served.
const AT_MOST: usize = 1_000;

/// A text that may be absent, told from one that is empty.
pub(crate) fn marked(text: Option<&str>) -> String {
    text.map(|text| format!("={text}")).unwrap_or_default()
}

impl RedisStore {
    pub(crate) async fn claim_some(&self, request: &ClaimRequest, now: SystemTime) -> Result<Vec<Claim>> {
        let (client, now) = (fold(&request.client_id), millis(now));
        let mut claim = scripts::CLAIM.key(self.0.names.client(&client));
        claim.arg(now).arg(now + span(request.lease)).arg(millis(request.idle_before));
        claim.arg(request.pass.map(|start| millis(start).to_string()).unwrap_or_default());
        claim.arg(marked(request.username.as_deref()).to_ascii_lowercase()).arg(request.limit.min(AT_MOST));
        let claimed: Vec<(String, Fields)> = self.0.link.script("claim accounts", &claim).await?;
        let accounts = claimed.iter().filter_map(|(id, fields)| rows::account(&client, id, fields));
        Ok(accounts.map(|account| Claim { account }).collect())
    }

    pub(crate) async fn renew_claim(&self, claim: &Claim, lease: Duration, now: SystemTime) -> Result<bool> {
        let mut renew = scripts::RENEW_CLAIM.key(self.0.names.client(&fold(&claim.account.client_id)));
        let now = millis(now);
        renew.arg(&claim.account.account_id).arg(claim.account.fence).arg(now).arg(now + span(lease));
        self.0.link.script("renew a claim", &renew).await
    }

    pub(crate) async fn finish_claim(&self, claim: &Claim, outcome: &Finish) -> Result<Finished> {
        let mut finish = scripts::FINISH.key(self.0.names.client(&fold(&claim.account.client_id)));
        finish.arg(&claim.account.account_id).arg(claim.account.fence);
        finish.arg(millis(outcome.due_at)).arg(outcome.attempts);
        for (key, epoch, state) in &outcome.grants {
            finish.arg(key.as_str()).arg(*epoch);
            match state {
                GrantState::Healthy => finish.arg("").arg("").arg(""),
                GrantState::NeedsSignIn { reason, claims, since } => {
                    finish.arg(marked(Some(reason))).arg(marked(claims.as_deref())).arg(millis(*since))
                }
            };
        }
        let done: bool = self.0.link.script("finish a claim", &finish).await?;
        Ok(if done { Finished::Done } else { Finished::Superseded })
    }
}
