use absentia_store::{Claim, ClaimRequest, Finish, Finished, GrantState};
use rusqlite::{Connection, params};

use crate::{
    accounts::fold,
    rows,
    time::{millis, span},
};

/// Which holding of which account.
pub(crate) struct Held {
    client: String,
    account: String,
    fence: i64,
}

impl Held {
    pub(crate) fn of(claim: &Claim) -> Self {
        Self {
            client: fold(&claim.account.client_id),
            account: claim.account.account_id.clone(),
            fence: claim.account.fence.cast_signed(),
        }
    }
}

const CLAIM: &str = "UPDATE accounts SET
        due_ms = ?2 + ?6, leased_until_ms = ?2 + ?6, claimed_ms = ?2, fence = fence + 1
    WHERE (client_id, account_id) IN (
        SELECT client_id, account_id FROM accounts AS a
        WHERE client_id = ?1 AND revoked_ms IS NULL AND blocked_ms IS NULL AND activity_ms < ?3
            AND (leased_until_ms IS NULL OR leased_until_ms <= ?2)
            AND due_ms <= iif(?4 IS NULL, ?2, 9223372036854775807)
            AND (?4 IS NULL OR claimed_ms IS NULL OR claimed_ms < ?4)
            AND (?5 IS NULL OR username = ?5)
            AND EXISTS (SELECT 1 FROM grants AS g WHERE g.client_id = a.client_id AND g.account_id = a.account_id
                AND g.kind <> 'assertion' AND g.reason IS NULL)
        ORDER BY activity_ms, account_id LIMIT ?7)
    RETURNING account_id";

pub(crate) fn claim(transaction: &Connection, request: &ClaimRequest, now: i64) -> rusqlite::Result<Vec<Claim>> {
    let client = fold(&request.client_id);
    let mut statement = transaction.prepare_cached(CLAIM)?;
    let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
    let values = params![
        client,
        now,
        millis(request.idle_before),
        request.pass.map(millis),
        request.username,
        span(request.lease),
        limit
    ];
    let ids = statement.query_map(values, |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let mut claims = Vec::with_capacity(ids.len());
    for id in ids {
        claims.extend(rows::account(transaction, &client, &id)?.map(|account| Claim { account }));
    }
    // RETURNING promises no order.
    claims.sort_by(|a, b| {
        (a.account.last_activity, &a.account.account_id).cmp(&(b.account.last_activity, &b.account.account_id))
    });
    Ok(claims)
}

pub(crate) fn renew(transaction: &Connection, held: &Held, now: i64, lease: i64) -> rusqlite::Result<bool> {
    let renewed = transaction
        .prepare_cached(
            "UPDATE accounts SET due_ms = ?4 + ?5, leased_until_ms = ?4 + ?5
             WHERE client_id = ?1 AND account_id = ?2 AND fence = ?3 AND leased_until_ms > ?4",
        )?
        .execute((&held.client, &held.account, held.fence, now, lease))?;
    Ok(renewed == 1)
}

pub(crate) fn finish(transaction: &Connection, held: &Held, finish: &Finish) -> rusqlite::Result<Finished> {
    // A sign-out or a block lets the account go, so what is not held by anybody was superseded too.
    let finished = transaction
        .prepare_cached(
            "UPDATE accounts SET due_ms = ?4, attempts = ?5, leased_until_ms = NULL
             WHERE client_id = ?1 AND account_id = ?2 AND fence = ?3 AND leased_until_ms IS NOT NULL",
        )?
        .execute((&held.client, &held.account, held.fence, millis(finish.due_at), finish.attempts))?;
    if finished == 0 {
        return Ok(Finished::Superseded);
    }
    let mut mark = transaction.prepare_cached(
        "UPDATE grants SET reason = ?5, claims = ?6, since_ms = ?7
         WHERE client_id = ?1 AND key = ?2 AND account_id = ?3 AND epoch = ?4",
    )?;
    for (key, epoch, state) in &finish.grants {
        let (reason, claims, since) = match state {
            GrantState::Healthy => (None, None, None),
            GrantState::NeedsSignIn { reason, claims, since } => (Some(reason), claims.as_ref(), Some(millis(*since))),
        };
        mark.execute((&held.client, key.as_str(), &held.account, epoch.cast_signed(), reason, claims, since))?;
    }
    Ok(Finished::Done)
}
