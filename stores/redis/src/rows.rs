//! The HASH of an account as what it says.

use std::collections::{BTreeMap, HashMap};

use absentia_store::{Account, Grant, GrantKind, GrantState, Key};

use crate::time::instant;

/// The fields of one account. Empty when there is none.
pub(crate) type Fields = HashMap<String, String>;

/// What cannot be read is left out: another program wrote it.
pub(crate) fn account(client_id: &str, account_id: &str, fields: &Fields) -> Option<Account> {
    let number = |name: &str| fields.get(name).and_then(|text| text.parse::<u64>().ok());
    let time = |name: &str| fields.get(name).and_then(|text| text.parse().ok()).map(instant);
    let text = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let grants: BTreeMap<&str, GrantKind> =
        fields.iter().filter_map(|(name, kind)| Some((name.strip_prefix("kind:")?, GrantKind::parse(kind)?))).collect();
    let grants = grants.into_iter().map(|(key, kind)| {
        let of = |what: &str| format!("{what}:{key}");
        let last_activity = time(&of("activity"))?;
        let state = match fields.get(&of("reason")) {
            None => GrantState::Healthy,
            Some(reason) => GrantState::NeedsSignIn {
                reason: reason.clone(),
                claims: fields.get(&of("claims")).cloned(),
                since: time(&of("since")).unwrap_or(last_activity),
            },
        };
        let (epoch, expires_at) = (number(&of("epoch"))?, time(&of("expires")));
        Some(Grant { key: Key::new(key), kind, state, epoch, last_activity, expires_at })
    });
    Some(Account {
        client_id: client_id.to_owned(),
        account_id: account_id.to_owned(),
        tenant: text("tenant"),
        username: text("username"),
        last_activity: time("activity")?,
        due_at: time("due")?,
        leased_until: time("leased"),
        fence: number("fence")?,
        generation: number("generation")?,
        attempts: number("attempts").and_then(|attempts| attempts.try_into().ok()).unwrap_or(0),
        revoked_at: time("revoked"),
        blocked_at: time("blocked"),
        grants: grants.flatten().collect(),
    })
}
