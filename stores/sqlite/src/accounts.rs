use std::time::{Duration, SystemTime};

use absentia_store::{
    Account, AccountQuery, AccountStore, Activity, Claim, ClaimRequest, Finish, Finished, Key, Recorded, Result,
};
use async_trait::async_trait;

use crate::{
    SqliteStore, claims, record, rows,
    time::{millis, span},
};

/// Client ids are compared ignoring ASCII case: they are stored in lower case.
pub(crate) fn fold(client_id: &str) -> String {
    client_id.to_ascii_lowercase()
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn generation(&self, client_id: &str, account_id: &str) -> Result<u64> {
        let (client, account) = (fold(client_id), account_id.to_owned());
        self.readers
            .call("read a generation", move |connection| rows::generation(connection, &client, &account))
            .await
            .map(|generation| generation.unwrap_or(0).unsigned_abs())
    }

    async fn record(&self, activity: &Activity) -> Result<Recorded> {
        let activity = activity.clone();
        self.writer.write("record activity", move |transaction| record::record(transaction, &activity)).await
    }

    async fn account(&self, client_id: &str, account_id: &str) -> Result<Option<Account>> {
        let (client, account) = (fold(client_id), account_id.to_owned());
        self.readers
            .call("read an account", move |connection| {
                // One transaction: an account and its grants are of one moment.
                let transaction = connection.transaction()?;
                rows::account(&transaction, &client, &account)
            })
            .await
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>> {
        let query = query.clone();
        self.readers
            .call("list accounts", move |connection| {
                let transaction = connection.transaction()?;
                rows::accounts(&transaction, &query)
            })
            .await
    }

    async fn claim(&self, request: &ClaimRequest, now: SystemTime) -> Result<Vec<Claim>> {
        let (request, now) = (request.clone(), millis(now));
        self.writer.write("claim accounts", move |transaction| claims::claim(transaction, &request, now)).await
    }

    async fn renew(&self, claim: &Claim, lease: Duration, now: SystemTime) -> Result<bool> {
        let (held, now, lease) = (claims::Held::of(claim), millis(now), span(lease));
        self.writer.write("renew a claim", move |transaction| claims::renew(transaction, &held, now, lease)).await
    }

    async fn finish(&self, claim: &Claim, finish: &Finish) -> Result<Finished> {
        let (held, finish) = (claims::Held::of(claim), finish.clone());
        self.writer.write("finish a claim", move |transaction| claims::finish(transaction, &held, &finish)).await
    }

    async fn revoke(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<Account> {
        let (client, account, at) = (fold(client_id), account_id.to_owned(), millis(at));
        self.writer
            .write("revoke an account", move |transaction| record::revoke(transaction, &client, &account, at))
            .await
    }

    async fn block(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        let (client, account, at) = (fold(client_id), account_id.to_owned(), millis(at));
        self.writer
            .write("block an account", move |transaction| record::block(transaction, &client, &account, at))
            .await
    }

    async fn unblock(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        let (client, account, at) = (fold(client_id), account_id.to_owned(), millis(at));
        self.writer
            .write("unblock an account", move |transaction| record::unblock(transaction, &client, &account, at))
            .await
    }

    async fn forget_grant(&self, client_id: &str, key: &Key) -> Result<()> {
        let (client, key) = (fold(client_id), key.clone());
        self.writer
            .write("forget a grant", move |transaction| {
                transaction
                    .prepare_cached("DELETE FROM grants WHERE client_id = ?1 AND key = ?2")?
                    .execute((&client, key.as_str()))
                    .map(drop)
            })
            .await
    }

    async fn foreign_accounts(&self, client_id: &str) -> Result<u64> {
        let client = fold(client_id);
        self.readers
            .call("count accounts", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT count(*) FROM accounts AS a WHERE client_id <> ?1 AND revoked_ms IS NULL AND EXISTS
                            (SELECT 1 FROM grants AS g WHERE g.client_id = a.client_id AND g.account_id = a.account_id
                                AND g.kind <> 'assertion')",
                    )?
                    .query_row([client], |row| row.get::<_, i64>(0))
            })
            .await
            .map(i64::unsigned_abs)
    }

    async fn sweep_accounts(&self, revoked_before: SystemTime, now: SystemTime, limit: usize) -> Result<usize> {
        let (before, now) = (millis(revoked_before), millis(now));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.writer.write("sweep accounts", move |transaction| record::sweep(transaction, before, now, limit)).await
    }
}
