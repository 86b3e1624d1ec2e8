//! Whom an argument means.

use absentia::{
    TokenCache,
    store::{Account, AccountQuery},
};

use crate::{context::accounts, failure::Failure, output::clean};

/// The one account of this client that `user` names, by user name or home account id.
pub(crate) async fn find(cache: &TokenCache, client_id: &str, user: &str) -> Result<Account, Failure> {
    let none =
        || Failure::NotDone(format!("No account of {} is stored: `absentia accounts list` shows who is", clean(user)));
    look_up(cache, client_id, user).await?.ok_or_else(none)
}

/// The same; `None` when nobody is called so.
pub(crate) async fn look_up(cache: &TokenCache, client_id: &str, user: &str) -> Result<Option<Account>, Failure> {
    let store = accounts(cache)?;
    let query = AccountQuery { client_id: Some(client_id.to_owned()), ..AccountQuery::default() };
    // A user name can look like an id, so that only the store can tell.
    let by_id = AccountQuery { account_id: Some(user.to_owned()), ..query.clone() };
    let by_name = AccountQuery { username: Some(user.to_owned()), ..query };
    let mut found = store.accounts(&by_id).await.map_err(|error| cache.store_error(error))?;
    if found.is_empty() {
        found = store.accounts(&by_name).await.map_err(|error| cache.store_error(error))?;
    }
    // One who signed out before gives way to one who did not; alone, she is meant.
    let is_live = |account: &Account| account.revoked_at.is_none();
    let mut meant: Vec<Account> = found.iter().filter(|account| is_live(account)).cloned().collect();
    if meant.is_empty() {
        meant = found;
    }
    match meant.len() {
        0 | 1 => Ok(meant.pop()),
        several => {
            let ids: String = meant.iter().map(|account| format!("\n  {}", clean(&account.account_id))).collect();
            Err(Failure::NotDone(format!("{several} accounts are called {}. Name one by its id:{ids}", clean(user))))
        }
    }
}
