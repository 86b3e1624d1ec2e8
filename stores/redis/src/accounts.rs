use std::{
    sync::PoisonError,
    time::{Duration, SystemTime},
};

use absentia_store::{
    Account, AccountQuery, AccountStore, Activity, Claim, ClaimRequest, Finish, Finished, Key, Recorded, Result,
};
use async_trait::async_trait;
use redis::Pipeline;

use crate::{
    RedisStore, claims, error,
    rows::{self, Fields},
    scripts,
    time::millis,
};

/// How many accounts a listing reads at once.
const AT_ONCE: usize = 200;

/// Client ids are compared ignoring ASCII case.
pub(crate) fn fold(client_id: &str) -> String {
    client_id.to_ascii_lowercase()
}

#[async_trait]
impl AccountStore for RedisStore {
    async fn generation(&self, client_id: &str, account_id: &str) -> Result<u64> {
        let ask = redis::cmd("HGET").arg(self.row(&fold(client_id), account_id)).arg("generation").to_owned();
        let found: Option<u64> = self.0.link.command("read an account", &ask).await?;
        Ok(found.unwrap_or(0))
    }

    async fn record(&self, activity: &Activity) -> Result<Recorded> {
        let client = fold(&activity.client_id);
        self.list_client(&client, false).await?;
        let mut record = scripts::RECORD.key(self.0.names.client(&client));
        record.arg(&activity.account_id).arg(&activity.tenant).arg(claims::marked(activity.username.as_deref()));
        record.arg(activity.key.as_str()).arg(activity.kind.as_str()).arg(millis(activity.at));
        record.arg(activity.sign_in.map(|generation| generation.to_string()).unwrap_or_default());
        record.arg(activity.expires_at.map(|end| millis(end).to_string()).unwrap_or_default());
        match self.0.link.script::<i64>("record an account", &record).await? {
            0 => return Ok(Recorded::SignedOut),
            1 => {}
            // The database may have been emptied since this process listed the client.
            _ => self.list_client(&client, true).await?,
        }
        Ok(Recorded::Done)
    }

    async fn account(&self, client_id: &str, account_id: &str) -> Result<Option<Account>> {
        let client = fold(client_id);
        let ask = redis::cmd("HGETALL").arg(self.row(&client, account_id)).to_owned();
        let fields: Fields = self.0.link.command("read an account", &ask).await?;
        Ok(rows::account(&client, account_id, &fields))
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>> {
        let limit = if query.limit == 0 { 1_000 } else { query.limit };
        let mut clients = match &query.client_id {
            Some(client) => vec![fold(client)],
            None => self.clients().await?,
        };
        let after = query.after.as_ref().map(|(client, account)| (fold(client), account));
        if let Some((client, _)) = &after {
            clients.retain(|other| other >= client);
        }
        let mut found = Vec::new();
        for client in clients {
            let after = after.as_ref().filter(|(of, _)| *of == client).map(|(_, account)| account.as_str());
            self.list(&client, after, query, limit, &mut found).await?;
        }
        Ok(found)
    }

    async fn claim(&self, request: &ClaimRequest, now: SystemTime) -> Result<Vec<Claim>> {
        self.claim_some(request, now).await
    }

    async fn renew(&self, claim: &Claim, lease: Duration, now: SystemTime) -> Result<bool> {
        self.renew_claim(claim, lease, now).await
    }

    async fn finish(&self, claim: &Claim, finish: &Finish) -> Result<Finished> {
        self.finish_claim(claim, finish).await
    }

    async fn revoke(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<Account> {
        let client = fold(client_id);
        self.list_client(&client, true).await?;
        let base = self.0.names.client(&client);
        let mut revoke = scripts::REVOKE.key(&base);
        revoke.arg(account_id).arg(millis(at));
        let fields: Fields = self.0.link.script("revoke an account", &revoke).await?;
        self.wait_for_replica(&base).await?;
        rows::account(&client, account_id, &fields).ok_or_else(|| error::garbled(&self.0.config, "revoke an account"))
    }

    async fn block(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        let client = fold(client_id);
        self.list_client(&client, true).await?;
        let base = self.0.names.client(&client);
        let mut block = scripts::BLOCK.key(&base);
        block.arg(account_id).arg(millis(at));
        self.0.link.script::<i64>("block an account", &block).await?;
        self.wait_for_replica(&base).await
    }

    async fn unblock(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        let mut unblock = scripts::UNBLOCK.key(self.0.names.client(&fold(client_id)));
        unblock.arg(account_id).arg(millis(at));
        self.0.link.script::<i64>("unblock an account", &unblock).await.map(drop)
    }

    async fn forget_grant(&self, client_id: &str, key: &Key) -> Result<()> {
        let mut forget = scripts::FORGET.key(self.0.names.client(&fold(client_id)));
        forget.arg(key.as_str());
        self.0.link.script::<i64>("forget a grant", &forget).await.map(drop)
    }

    async fn foreign_accounts(&self, client_id: &str) -> Result<u64> {
        let (own, mut count) = (fold(client_id), 0);
        for client in self.clients().await? {
            if client != own {
                let ask = redis::cmd("SCARD").arg(format!("{}acting", self.0.names.client(&client))).to_owned();
                count += self.0.link.command::<u64>("count accounts", &ask).await?;
            }
        }
        Ok(count)
    }

    async fn sweep_accounts(&self, revoked_before: SystemTime, now: SystemTime, limit: usize) -> Result<usize> {
        let mut swept = 0;
        for client in self.clients().await? {
            if swept < limit {
                let mut sweep = scripts::SWEEP.key(self.0.names.client(&client));
                sweep.arg(millis(revoked_before)).arg(millis(now)).arg(limit - swept);
                swept += self.0.link.script::<usize>("sweep accounts", &sweep).await?;
            }
        }
        Ok(swept)
    }
}

impl RedisStore {
    fn row(&self, client: &str, account_id: &str) -> String {
        format!("{}account:{account_id}", self.0.names.client(client))
    }

    /// The clients that have accounts, in ascending order.
    async fn clients(&self) -> Result<Vec<String>> {
        let ask = redis::cmd("SMEMBERS").arg(&self.0.names.clients).to_owned();
        let mut clients: Vec<String> = self.0.link.command("list clients", &ask).await?;
        clients.sort_unstable();
        Ok(clients)
    }

    /// Lists a client before its first account, in a key of its own because a Cluster keeps clients apart.
    async fn list_client(&self, client: &str, again: bool) -> Result<()> {
        let known = || self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if !again && known().contains(client) {
            return Ok(());
        }
        let add = redis::cmd("SADD").arg(&self.0.names.clients).arg(client).to_owned();
        self.0.link.command::<i64>("list a client", &add).await?;
        known().insert(client.to_owned());
        Ok(())
    }

    /// Adds the accounts of one client that a query asks for, until there are `limit`.
    async fn list(
        &self,
        client: &str,
        after: Option<&str>,
        query: &AccountQuery,
        limit: usize,
        found: &mut Vec<Account>,
    ) -> Result<()> {
        let ids = format!("{}accounts", self.0.names.client(client));
        let mut from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        while found.len() < limit {
            let page: Vec<String> = match &query.account_id {
                Some(id) => after.is_none_or(|after| id.as_str() > after).then(|| id.clone()).into_iter().collect(),
                None => {
                    let mut ask = redis::cmd("ZRANGEBYLEX");
                    ask.arg(&ids).arg(&from).arg("+").arg("LIMIT").arg(0).arg(AT_ONCE);
                    self.0.link.command("list accounts", &ask).await?
                }
            };
            let Some(last) = page.last() else { break };
            from = format!("({last}");
            let mut pipeline = Pipeline::with_capacity(page.len());
            for id in &page {
                pipeline.cmd("HGETALL").arg(self.row(client, id));
            }
            let read: Vec<Fields> = self.0.link.pipeline("list accounts", &pipeline).await?;
            let read = page.iter().zip(&read).filter_map(|(id, fields)| rows::account(client, id, fields));
            found.extend(read.filter(|account| is_asked_for(query, account)).take(limit - found.len()));
            if page.len() < AT_ONCE {
                break;
            }
        }
        Ok(())
    }
}

fn is_asked_for(query: &AccountQuery, account: &Account) -> bool {
    (account.revoked_at.is_some() || account.blocked_at.is_some() || account.acting_grants().next().is_some())
        && query.username.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&account.username))
        && query.idle_since.is_none_or(|since| account.last_activity < since)
        && query.state.is_none_or(|state| account.state() == state)
}
