use absentia_store::{Account, AccountQuery, AccountState, Grant, GrantKind, GrantState, Key};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use crate::{
    accounts::fold,
    time::{instant, millis},
};

pub(crate) fn generation(connection: &Connection, client: &str, account: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT generation FROM accounts WHERE client_id = ?1 AND account_id = ?2")?
        .query_row((client, account), |row| row.get(0))
        .optional()
}

macro_rules! account_columns {
    () => {
        "SELECT client_id, account_id, tenant, username, activity_ms, due_ms, leased_until_ms, fence, generation,
            attempts, revoked_ms, blocked_ms FROM accounts AS a "
    };
}

/// One account with its grants.
pub(crate) fn account(connection: &Connection, client: &str, account: &str) -> rusqlite::Result<Option<Account>> {
    let mut statement =
        connection.prepare_cached(concat!(account_columns!(), "WHERE client_id = ?1 AND account_id = ?2"))?;
    let Some(mut found) = statement.query_row((client, account), bare_account).optional()? else { return Ok(None) };
    found.grants = grants(connection, client, account)?;
    Ok(Some(found))
}

const LIST: &str = concat!(
    account_columns!(),
    "WHERE (?1 IS NULL OR client_id = ?1)
        AND (?2 IS NULL OR account_id = ?2)
        AND (?3 IS NULL OR username = ?3)
        AND (?4 IS NULL OR activity_ms < ?4)
        AND (?5 IS NULL OR (client_id, account_id) > (?5, ?6))
        AND (revoked_ms IS NOT NULL OR blocked_ms IS NOT NULL OR EXISTS (SELECT 1 FROM grants AS g
            WHERE g.client_id = a.client_id AND g.account_id = a.account_id AND g.kind <> 'assertion'))
        AND (?7 IS NULL OR ?7 = CASE
            WHEN blocked_ms IS NOT NULL THEN 'blocked'
            WHEN revoked_ms IS NOT NULL THEN 'revoked'
            WHEN EXISTS (SELECT 1 FROM grants AS g WHERE g.client_id = a.client_id AND g.account_id = a.account_id
                AND g.kind <> 'assertion' AND g.reason IS NULL) THEN 'healthy'
            ELSE 'needs-sign-in' END)
    ORDER BY client_id, account_id LIMIT ?8"
);

/// The accounts of a query, with their grants.
pub(crate) fn accounts(connection: &Connection, query: &AccountQuery) -> rusqlite::Result<Vec<Account>> {
    let mut statement = connection.prepare_cached(LIST)?;
    let (after_client, after_account) = query.after.as_ref().map(|(client, account)| (fold(client), account)).unzip();
    let limit = if query.limit == 0 { 1_000 } else { i64::try_from(query.limit).unwrap_or(i64::MAX) };
    // The words in the statement and these are the same; a law of the conformance suite notices if they part.
    let state = query.state.map(AccountState::as_str);
    let values = params![
        query.client_id.as_deref().map(fold),
        query.account_id,
        query.username,
        query.idle_since.map(millis),
        after_client,
        after_account,
        state,
        limit
    ];
    let mut found = statement.query_map(values, bare_account)?.collect::<rusqlite::Result<Vec<_>>>()?;
    for account in &mut found {
        account.grants = grants(connection, &account.client_id, &account.account_id)?;
    }
    Ok(found)
}

fn bare_account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        client_id: row.get(0)?,
        account_id: row.get(1)?,
        tenant: row.get(2)?,
        username: row.get(3)?,
        last_activity: instant(row.get(4)?),
        due_at: instant(row.get(5)?),
        leased_until: row.get::<_, Option<i64>>(6)?.map(instant),
        fence: row.get::<_, i64>(7)?.unsigned_abs(),
        generation: row.get::<_, i64>(8)?.unsigned_abs(),
        attempts: row.get(9)?,
        revoked_at: row.get::<_, Option<i64>>(10)?.map(instant),
        blocked_at: row.get::<_, Option<i64>>(11)?.map(instant),
        grants: Vec::new(),
    })
}

fn grants(connection: &Connection, client: &str, account: &str) -> rusqlite::Result<Vec<Grant>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, kind, reason, claims, since_ms, epoch, activity_ms, expires_ms FROM grants
         WHERE client_id = ?1 AND account_id = ?2 ORDER BY key",
    )?;
    statement
        .query_map((client, account), |row| {
            let word = row.get_ref(1)?.as_str()?;
            let kind = GrantKind::parse(word).ok_or_else(|| {
                rusqlite::Error::FromSqlConversionFailure(1, Type::Text, format!("no kind of grant: {word}").into())
            })?;
            let state = match row.get(2)? {
                None => GrantState::Healthy,
                Some(reason) => GrantState::NeedsSignIn {
                    reason,
                    claims: row.get(3)?,
                    since: instant(row.get::<_, Option<i64>>(4)?.unwrap_or(0)),
                },
            };
            Ok(Grant {
                key: Key::new(row.get_ref(0)?.as_str()?),
                kind,
                state,
                epoch: row.get::<_, i64>(5)?.unsigned_abs(),
                last_activity: instant(row.get(6)?),
                expires_at: row.get::<_, Option<i64>>(7)?.map(instant),
            })
        })?
        .collect()
}
