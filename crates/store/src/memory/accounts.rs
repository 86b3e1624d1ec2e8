use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;

use super::{MemoryStore, later};
use crate::{
    Account, AccountQuery, AccountState, AccountStore, Activity, Claim, ClaimRequest, Finish, Finished, Grant,
    GrantKind, GrantState, Key, Recorded, Result,
};

/// Client id in lower case, and home account id.
type Id = (String, String);

#[derive(Default)]
pub(super) struct Accounts {
    rows: BTreeMap<Id, Row>,
    /// Whose each grant is: a key belongs to one account of a client.
    owners: HashMap<(String, Key), String>,
}

struct Row {
    account: Account,
    grants: BTreeMap<Key, Grant>,
    /// Gives grants their epochs: outlives a grant, so that no epoch comes back.
    sign_ins: u64,
    claimed_at: Option<SystemTime>,
}

impl Row {
    fn new(id: &Id, at: SystemTime) -> Self {
        let account = Account {
            client_id: id.0.clone(),
            account_id: id.1.clone(),
            tenant: String::new(),
            username: String::new(),
            last_activity: at,
            due_at: at,
            leased_until: None,
            fence: 0,
            generation: 0,
            attempts: 0,
            revoked_at: None,
            blocked_at: None,
            grants: Vec::new(),
        };
        Self { account, grants: BTreeMap::new(), sign_ins: 0, claimed_at: None }
    }

    fn account(&self) -> Account {
        Account { grants: self.grants.values().cloned().collect(), ..self.account.clone() }
    }

    fn can_act(&self) -> bool {
        self.grants.values().any(|grant| grant.kind != GrantKind::Assertion)
    }

    fn is_held(&self, now: SystemTime) -> bool {
        self.account.leased_until.is_some_and(|until| until > now)
    }

    fn may_be_claimed(&self, request: &ClaimRequest, now: SystemTime) -> bool {
        let account = &self.account;
        let in_turn = match request.pass {
            None => account.due_at <= now,
            Some(start) => self.claimed_at.is_none_or(|claimed| claimed < start),
        };
        in_turn
            && account.last_activity < request.idle_before
            && !self.is_held(now)
            && request.username.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&account.username))
            && self.account().state() == AccountState::Healthy
    }
}

fn id(client_id: &str, account_id: &str) -> Id {
    (client_id.to_ascii_lowercase(), account_id.to_owned())
}

impl Accounts {
    fn held(&mut self, claim: &Claim) -> Option<&mut Row> {
        let row = self.rows.get_mut(&id(&claim.account.client_id, &claim.account.account_id))?;
        (row.account.fence == claim.account.fence && row.account.leased_until.is_some()).then_some(row)
    }

    fn record(&mut self, activity: &Activity) -> Recorded {
        let id = id(&activity.client_id, &activity.account_id);
        let known = self.rows.get(&id);
        let counts = match activity.sign_in {
            Some(generation) => generation == known.map_or(0, |row| row.account.generation),
            None => known.is_none_or(|row| row.account.revoked_at.is_none()),
        };
        if !counts {
            return Recorded::SignedOut;
        }
        let (client, at) = (id.0.clone(), activity.at);
        let is_new = known.is_none();
        let row = self.rows.entry(id).or_insert_with_key(|id| Row::new(id, at));
        let held = row.is_held(at);
        let account = &mut row.account;
        account.last_activity = account.last_activity.max(at);
        if let Some(username) = &activity.username {
            account.username.clone_from(username);
        }
        if activity.sign_in.is_some() || is_new {
            account.tenant.clone_from(&activity.tenant);
            row.sign_ins += 1;
        }
        if activity.sign_in.is_some() {
            account.revoked_at = None;
            if !held {
                account.due_at = at;
            }
        }
        let epoch = row.sign_ins;
        self.record_grant(&client, activity, epoch);
        Recorded::Done
    }

    fn record_grant(&mut self, client: &str, activity: &Activity, epoch: u64) {
        let fresh = Grant {
            key: activity.key.clone(),
            kind: activity.kind,
            state: GrantState::Healthy,
            epoch,
            last_activity: activity.at,
            expires_at: activity.expires_at,
        };
        let place = (client.to_owned(), activity.key.clone());
        let owner = self.owners.get(&place);
        let known = owner.and_then(|owner| self.rows.get_mut(&(client.to_owned(), owner.clone())));
        let known = known.and_then(|row| row.grants.get_mut(&activity.key));
        match known {
            Some(grant) if owner.is_some_and(|owner| *owner == activity.account_id) => {
                let last_activity = grant.last_activity.max(activity.at);
                if activity.sign_in.is_some() {
                    *grant = Grant { last_activity, epoch: epoch.max(grant.epoch + 1), ..fresh };
                } else {
                    grant.last_activity = last_activity;
                    grant.expires_at = activity.expires_at.or(grant.expires_at);
                }
            }
            // Another account's: only a sign-in replaces the entry, and so its owner.
            Some(_) if activity.sign_in.is_none() => {}
            other => {
                let epoch = other.map_or(epoch, |grant| epoch.max(grant.epoch + 1));
                self.forget(client, &activity.key);
                self.owners.insert(place, activity.account_id.clone());
                if let Some(row) = self.rows.get_mut(&(client.to_owned(), activity.account_id.clone())) {
                    row.grants.insert(activity.key.clone(), Grant { epoch, ..fresh });
                }
            }
        }
    }

    fn forget(&mut self, client: &str, key: &Key) {
        if let Some(owner) = self.owners.remove(&(client.to_owned(), key.clone()))
            && let Some(row) = self.rows.get_mut(&(client.to_owned(), owner))
        {
            row.grants.remove(key);
        }
    }

    fn sweep(&mut self, revoked_before: SystemTime, now: SystemTime, limit: usize) -> usize {
        let is_old = |row: &Row| row.account.revoked_at.is_some_and(|at| at < revoked_before);
        let grants: Vec<(String, Key)> = self
            .rows
            .iter()
            .flat_map(|(id, row)| row.grants.values().map(move |grant| (id, row, grant)))
            .filter(|(_, row, grant)| is_old(row) || grant.expires_at.is_some_and(|end| end < now))
            .map(|(id, _, grant)| (id.0.clone(), grant.key.clone()))
            .take(limit)
            .collect();
        grants.iter().for_each(|(client, key)| self.forget(client, key));
        let empty: Vec<Id> = self
            .rows
            .iter()
            .filter(|(_, row)| row.grants.is_empty())
            .filter(|(_, row)| {
                let account = &row.account;
                let is_needless =
                    is_old(row) || (account.revoked_at.is_none() && account.generation == 0 && !row.is_held(now));
                is_needless && account.blocked_at.is_none()
            })
            .map(|(id, _)| id.clone())
            .take(limit - grants.len())
            .collect();
        empty.iter().for_each(|id| drop(self.rows.remove(id)));
        grants.len() + empty.len()
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn generation(&self, client_id: &str, account_id: &str) -> Result<u64> {
        Ok(self.lock().accounts.rows.get(&id(client_id, account_id)).map_or(0, |row| row.account.generation))
    }

    async fn record(&self, activity: &Activity) -> Result<Recorded> {
        Ok(self.lock().accounts.record(activity))
    }

    async fn account(&self, client_id: &str, account_id: &str) -> Result<Option<Account>> {
        Ok(self.lock().accounts.rows.get(&id(client_id, account_id)).map(Row::account))
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>> {
        let from = match &query.after {
            Some((client, account)) => Bound::Excluded(id(client, account)),
            None => Bound::Unbounded,
        };
        let state = self.lock();
        let found = state.accounts.rows.range((from, Bound::Unbounded)).map(|(_, row)| row).filter(|row| {
            let account = &row.account;
            (row.can_act() || account.revoked_at.is_some() || account.blocked_at.is_some())
                && query.client_id.as_ref().is_none_or(|client| client.eq_ignore_ascii_case(&account.client_id))
                && query.account_id.as_ref().is_none_or(|id| *id == account.account_id)
                && query.username.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&account.username))
                && query.idle_since.is_none_or(|since| account.last_activity < since)
        });
        let found = found.map(Row::account);
        let found = found.filter(|account| query.state.is_none_or(|state| account.state() == state));
        Ok(found.take(if query.limit == 0 { 1_000 } else { query.limit }).collect())
    }

    async fn claim(&self, request: &ClaimRequest, now: SystemTime) -> Result<Vec<Claim>> {
        let mut state = self.lock();
        let rows = state.accounts.rows.values_mut();
        let mut free: Vec<&mut Row> = rows
            .filter(|row| row.account.client_id.eq_ignore_ascii_case(&request.client_id))
            .filter(|row| row.may_be_claimed(request, now))
            .collect();
        free.sort_by_key(|row| row.account.last_activity);
        let claims = free.into_iter().take(request.limit).map(|row| {
            let until = later(now, request.lease);
            row.account.due_at = until;
            row.account.leased_until = Some(until);
            row.account.fence += 1;
            row.claimed_at = Some(now);
            Claim { account: row.account() }
        });
        Ok(claims.collect())
    }

    async fn renew(&self, claim: &Claim, lease: Duration, now: SystemTime) -> Result<bool> {
        let mut state = self.lock();
        let Some(row) = state.accounts.held(claim).filter(|row| row.is_held(now)) else { return Ok(false) };
        row.account.due_at = later(now, lease);
        row.account.leased_until = Some(later(now, lease));
        Ok(true)
    }

    async fn finish(&self, claim: &Claim, finish: &Finish) -> Result<Finished> {
        let mut state = self.lock();
        let Some(row) = state.accounts.held(claim) else { return Ok(Finished::Superseded) };
        row.account.due_at = finish.due_at;
        row.account.attempts = finish.attempts;
        row.account.leased_until = None;
        for (key, epoch, outcome) in &finish.grants {
            if let Some(grant) = row.grants.get_mut(key).filter(|grant| grant.epoch == *epoch) {
                grant.state = outcome.clone();
            }
        }
        Ok(Finished::Done)
    }

    async fn revoke(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<Account> {
        let mut state = self.lock();
        let row = state.accounts.rows.entry(id(client_id, account_id)).or_insert_with_key(|id| Row::new(id, at));
        row.account.generation += 1;
        row.account.revoked_at = Some(at);
        // Nobody holds it any more: an outcome that comes later is superseded.
        row.account.leased_until = None;
        Ok(row.account())
    }

    async fn block(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        let mut state = self.lock();
        let row = state.accounts.rows.entry(id(client_id, account_id)).or_insert_with_key(|id| Row::new(id, at));
        row.account.blocked_at.get_or_insert(at);
        row.account.leased_until = None;
        Ok(())
    }

    async fn unblock(&self, client_id: &str, account_id: &str, at: SystemTime) -> Result<()> {
        let mut state = self.lock();
        let row = state.accounts.rows.get_mut(&id(client_id, account_id));
        if let Some(row) = row.filter(|row| row.account.blocked_at.is_some()) {
            row.account.blocked_at = None;
            row.account.due_at = at;
        }
        Ok(())
    }

    async fn forget_grant(&self, client_id: &str, key: &Key) -> Result<()> {
        self.lock().accounts.forget(&client_id.to_ascii_lowercase(), key);
        Ok(())
    }

    async fn foreign_accounts(&self, client_id: &str) -> Result<u64> {
        let state = self.lock();
        let foreign = state.accounts.rows.values().filter(|row| {
            !row.account.client_id.eq_ignore_ascii_case(client_id) && row.account.revoked_at.is_none() && row.can_act()
        });
        Ok(foreign.count() as u64)
    }

    async fn sweep_accounts(&self, revoked_before: SystemTime, now: SystemTime, limit: usize) -> Result<usize> {
        Ok(self.lock().accounts.sweep(revoked_before, now, limit))
    }
}
