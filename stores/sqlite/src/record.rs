use absentia_store::{Account, Activity, Recorded};
use rusqlite::{Connection, OptionalExtension};

use crate::{accounts::fold, rows, time::millis};

/// Upserts the account and the grant of one activity.
pub(crate) fn record(transaction: &Connection, activity: &Activity) -> rusqlite::Result<Recorded> {
    let client = fold(&activity.client_id);
    let known: Option<(i64, bool)> = transaction
        .prepare_cached(
            "SELECT generation, revoked_ms IS NOT NULL FROM accounts WHERE client_id = ?1 AND account_id = ?2",
        )?
        .query_row((&client, &activity.account_id), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (generation, revoked) = known.unwrap_or((0, false));
    let counts = match activity.sign_in {
        Some(expected) => expected == generation.unsigned_abs(),
        None => !revoked,
    };
    if !counts {
        return Ok(Recorded::SignedOut);
    }
    let signs_in = activity.sign_in.is_some();
    let epoch: i64 = transaction.prepare_cached(ACCOUNT)?.query_row(
        (&client, &activity.account_id, &activity.tenant, &activity.username, millis(activity.at), signs_in),
        |row| row.get(0),
    )?;
    transaction.prepare_cached(if signs_in { SIGN_IN } else { USE })?.execute((
        &client,
        activity.key.as_str(),
        &activity.account_id,
        activity.kind.as_str(),
        epoch,
        millis(activity.at),
        activity.expires_at.map(millis),
    ))?;
    Ok(Recorded::Done)
}

const ACCOUNT: &str = "INSERT INTO accounts
        (client_id, account_id, tenant, username, activity_ms, due_ms, fence, generation, sign_ins, attempts)
    VALUES (?1, ?2, ?3, coalesce(?4, ''), ?5, ?5, 0, 0, 1, 0)
    ON CONFLICT DO UPDATE SET
        tenant = iif(?6, excluded.tenant, tenant),
        username = coalesce(?4, username),
        activity_ms = max(activity_ms, excluded.activity_ms),
        due_ms = iif(?6 AND coalesce(leased_until_ms, 0) <= ?5, ?5, due_ms),
        sign_ins = sign_ins + ?6,
        revoked_ms = iif(?6, NULL, revoked_ms)
    RETURNING sign_ins";

/// A key that names another account by now has a new owner: the entry was replaced by this sign-in.
const SIGN_IN: &str = "INSERT INTO grants (client_id, key, account_id, kind, epoch, activity_ms, expires_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT DO UPDATE SET
        activity_ms = iif(account_id = excluded.account_id, max(activity_ms, excluded.activity_ms), excluded.activity_ms),
        account_id = excluded.account_id, kind = excluded.kind,
        reason = NULL, claims = NULL, since_ms = NULL,
        epoch = max(epoch + 1, excluded.epoch),
        expires_ms = excluded.expires_ms";

const USE: &str = "INSERT INTO grants (client_id, key, account_id, kind, epoch, activity_ms, expires_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT DO UPDATE SET
        activity_ms = max(activity_ms, excluded.activity_ms),
        expires_ms = coalesce(excluded.expires_ms, expires_ms)
    WHERE account_id = excluded.account_id";

/// Leaves a tombstone and raises the generation; nobody holds the account afterwards.
pub(crate) fn revoke(transaction: &Connection, client: &str, account: &str, at: i64) -> rusqlite::Result<Account> {
    transaction
        .prepare_cached(
            "INSERT INTO accounts (client_id, account_id, tenant, username, activity_ms, due_ms, fence, generation,
                sign_ins, attempts, revoked_ms)
             VALUES (?1, ?2, '', '', ?3, ?3, 0, 1, 0, 0, ?3)
             ON CONFLICT DO UPDATE SET generation = generation + 1, revoked_ms = ?3, leased_until_ms = NULL",
        )?
        .execute((client, account, at))?;
    rows::account(transaction, client, account)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// Blocks an account; nobody holds it afterwards.
pub(crate) fn block(transaction: &Connection, client: &str, account: &str, at: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO accounts (client_id, account_id, tenant, username, activity_ms, due_ms, fence, generation,
                sign_ins, attempts, blocked_ms)
             VALUES (?1, ?2, '', '', ?3, ?3, 0, 0, 0, 0, ?3)
             ON CONFLICT DO UPDATE SET blocked_ms = coalesce(blocked_ms, ?3), leased_until_ms = NULL",
        )?
        .execute((client, account, at))
        .map(drop)
}

/// Lifts a block, if there is one; the account is due at `at`.
pub(crate) fn unblock(transaction: &Connection, client: &str, account: &str, at: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE accounts SET blocked_ms = NULL, due_ms = ?3
             WHERE client_id = ?1 AND account_id = ?2 AND blocked_ms IS NOT NULL",
        )?
        .execute((client, account, at))
        .map(drop)
}

/// Deletes grants first, so that the accounts they leave empty go in the same or the next call.
pub(crate) fn sweep(transaction: &Connection, before: i64, now: i64, limit: i64) -> rusqlite::Result<usize> {
    let grants = transaction
        .prepare_cached(
            "DELETE FROM grants WHERE (client_id, key) IN (
                SELECT client_id, key FROM grants WHERE expires_ms < ?2
                UNION
                SELECT g.client_id, g.key FROM grants AS g JOIN accounts AS a USING (client_id, account_id)
                    WHERE a.revoked_ms < ?1
                LIMIT ?3)",
        )?
        .execute((before, now, limit))?;
    let left = limit - i64::try_from(grants).unwrap_or(limit);
    let accounts = transaction
        .prepare_cached(
            "DELETE FROM accounts WHERE (client_id, account_id) IN (
                SELECT client_id, account_id FROM accounts AS a
                WHERE (revoked_ms < ?1 OR (revoked_ms IS NULL AND generation = 0 AND coalesce(leased_until_ms, ?2) <= ?2))
                    AND blocked_ms IS NULL
                    AND NOT EXISTS (SELECT 1 FROM grants AS g
                        WHERE g.client_id = a.client_id AND g.account_id = a.account_id)
                LIMIT ?3)",
        )?
        .execute((before, now, left))?;
    Ok(grants + accounts)
}
