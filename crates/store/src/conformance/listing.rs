//! Laws of [`AccountStore`](crate::AccountStore): what is listed, and what is swept.

use super::{
    Fixture,
    accounts::{CLIENT, a_sign_in, at, break_grants, list, read, record},
};
use crate::{AccountQuery, AccountState, Activity, Key};

/// Each filter of a query, and all of them.
pub async fn queries_filter(fixture: &Fixture) {
    let accounts = fixture.accounts();
    let named = |activity: Activity| Activity {
        username: Some(format!("{}@Contoso.example", activity.account_id)),
        ..activity
    };
    for (account, key, seconds) in [("1", "a/1", 10), ("2", "a/2", 20), ("3", "l/3", 30), ("4", "a/4", 40)] {
        record(&*accounts, named(a_sign_in(account, key, seconds, 0))).await;
    }
    record(&*accounts, named(a_sign_in("5", "x/5", 50, 0))).await;
    record(&*accounts, Activity { client_id: "other".to_owned(), ..a_sign_in("1", "a/1", 60, 0) }).await;
    break_grants(&*accounts, "2", 45).await;
    accounts.revoke(CLIENT, "4", at(70)).await.expect("answered");
    let all = || AccountQuery { client_id: Some(CLIENT.to_ascii_uppercase()), ..AccountQuery::default() };
    let state = |state| AccountQuery { state: Some(state), ..all() };
    let cases = [
        ("those with an acting grant or signed out", all(), vec!["1", "2", "3", "4"]),
        ("healthy", state(AccountState::Healthy), vec!["1", "3"]),
        ("needs sign-in", state(AccountState::NeedsSignIn), vec!["2"]),
        ("revoked", state(AccountState::Revoked), vec!["4"]),
        ("idle", AccountQuery { idle_since: Some(at(30)), ..all() }, vec!["1", "2"]),
        ("by id", AccountQuery { account_id: Some("3".to_owned()), ..all() }, vec!["3"]),
        ("by name", AccountQuery { username: Some("2@CONTOSO.example".to_owned()), ..all() }, vec!["2"]),
        ("by nobody's name", AccountQuery { username: Some("2@contoso".to_owned()), ..all() }, vec![]),
        (
            "by all",
            AccountQuery {
                idle_since: Some(at(31)),
                username: Some("3@contoso.EXAMPLE".to_owned()),
                ..state(AccountState::Healthy)
            },
            vec!["3"],
        ),
        (
            "of every client",
            AccountQuery { account_id: Some("1".to_owned()), ..AccountQuery::default() },
            vec!["1", "1"],
        ),
    ];
    for (what, query, expected) in cases {
        assert_eq!(list(&*accounts, query).await, expected, "{what}");
    }
}

/// Pages follow the bytes of (client id, account id), and meet without gap or repeat.
pub async fn queries_page(fixture: &Fixture) {
    let accounts = fixture.accounts();
    let mut ids = vec!["b", "a", "B", "é", "a b", "0", "z", "名"];
    for id in &ids {
        record(&*accounts, a_sign_in(id, &format!("a/{id}"), 10, 0)).await;
        record(&*accounts, Activity { client_id: "zz-other".to_owned(), ..a_sign_in(id, &format!("a/{id}"), 10, 0) })
            .await;
    }
    ids.sort_unstable();
    let expected = [ids.clone(), ids].concat();
    assert_eq!(list(&*accounts, AccountQuery::default()).await, expected);
    for limit in [1, 3, 16] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let query = AccountQuery { after: after.take(), limit, ..AccountQuery::default() };
            let page = accounts.accounts(&query).await.expect("accounts is answered");
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some((last.client_id.clone(), last.account_id.clone()));
            seen.extend(page.into_iter().map(|account| account.account_id));
        }
        assert_eq!(seen, expected, "pages of {limit}");
    }
}

/// Old tombstones, ended grants and empty accounts go, within the limit; everything else stays.
pub async fn sweeping_takes_only_what_nobody_needs(fixture: &Fixture) {
    let accounts = fixture.accounts();
    let ending = |seconds, activity| Activity { expires_at: Some(at(seconds)), ..activity };
    record(&*accounts, a_sign_in("kept", "a/kept", 10, 0)).await;
    record(&*accounts, ending(5_000, a_sign_in("kept", "l/kept", 10, 0))).await;
    record(&*accounts, ending(500, a_sign_in("kept", "x/ended", 10, 0))).await;
    record(&*accounts, ending(500, a_sign_in("ended", "x/alone", 10, 0))).await;
    record(&*accounts, a_sign_in("old", "a/old", 10, 0)).await;
    accounts.revoke(CLIENT, "old", at(20)).await.expect("answered");
    accounts.forget_grant(CLIENT, &Key::new("a/old")).await.expect("answered");
    accounts.revoke(CLIENT, "young", at(900)).await.expect("answered");
    let mut rounds = 0;
    loop {
        let swept = accounts.sweep_accounts(at(800), at(1_000), 1).await.expect("a sweep is answered");
        assert!(swept <= 1, "{swept} deleted where 1 was allowed");
        rounds += 1;
        assert!(rounds < 50, "a sweep ends with 0");
        if swept == 0 {
            break;
        }
    }
    for gone in ["ended", "old"] {
        assert!(accounts.account(CLIENT, gone).await.expect("answered").is_none(), "{gone} is still there");
    }
    let kept: Vec<_> = read(&*accounts, "kept").await.grants.into_iter().map(|grant| grant.key).collect();
    assert_eq!(kept, ["a/kept", "l/kept"].map(Key::new));
    assert_eq!(read(&*accounts, "young").await.state(), AccountState::Revoked);
}
