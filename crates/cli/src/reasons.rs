//! Reasons of an explanation, for people.

use std::time::SystemTime;

use absentia::Reason;

use crate::output::{about, ago, clean};

/// How much of what a stranger may have written is shown, in characters.
const SHOWN: usize = 200;

/// One sentence.
pub(crate) fn says(reason: &Reason, now: SystemTime) -> String {
    match reason {
        Reason::NoRow => "no row says that this grant can act".to_owned(),
        Reason::SignedOut { at } => format!("signed out {} ago", ago(*at, now)),
        Reason::Blocked { at } => format!("an operator blocked the account {} ago", ago(*at, now)),
        Reason::NeedsSignIn { reason, since } => {
            format!("{} was the answer {} ago: the user must sign in", shown(reason), ago(*since, now))
        }
        Reason::EntryMissing => "there is a row but no entry: it expired, or somebody deleted it".to_owned(),
        Reason::EntryLocked => "the entry is protected by a key that is not in the key ring".to_owned(),
        Reason::EntryDamaged => "the entry does not open, or is no token cache".to_owned(),
        Reason::EntryOfAnother => "the entry holds tokens, but none that names its key".to_owned(),
        Reason::TokenFresh { due, until } => format!(
            "the stored token is served for {}; from {} on it is refreshed ahead",
            ahead(*until, now),
            ahead(*due, now)
        ),
        Reason::TokenDue { since, until } => format!(
            "the stored token is served for {}; it has been due for {}, so it is refreshed ahead",
            ahead(*until, now),
            ago(*since, now)
        ),
        Reason::EntryEndsFirst { at } => {
            format!("the entry itself ends in {}, before its token does", ahead(*at, now))
        }
        Reason::TokenPastUse { ends, .. } if *ends > now => format!(
            "the stored token ends in {}: too soon to be served, but while Entra is out of order",
            ahead(*ends, now)
        ),
        Reason::TokenPastUse { ends, .. } => format!("the stored token ended {} ago", ago(*ends, now)),
        Reason::TokenFromFuture { cached_at } => {
            format!("the stored token says it was cached {} from now", ahead(*cached_at, now))
        }
        Reason::NoTokenForScope { granted } if granted.is_empty() => "no access token is stored".to_owned(),
        Reason::NoTokenForScope { granted } => {
            format!("no stored token grants this; stored are: {}", shown(&granted.join(", ")))
        }
        Reason::TokenOfAnotherClient { client_id } => {
            format!("the stored token that grants this is of the app {}", shown(client_id))
        }
        Reason::TokenOfAnotherCloud { environment } => {
            format!("the stored token that grants this is of the cloud {}", shown(environment))
        }
        Reason::TokenOfAnotherTenant { tenant } => {
            format!("the stored token that grants this is for the tenant {}", shown(tenant))
        }
        Reason::TokenOfAnotherKey => "the stored token that grants this names another user or process".to_owned(),
        Reason::TokenBound => "the stored token that grants this is no plain Bearer token".to_owned(),
        Reason::NoRefreshToken => "no refresh token is stored".to_owned(),
        Reason::RefreshTokenOfAnother { client_id, environment } => {
            format!("the refresh token is of the app {} at {}", shown(client_id), shown(environment))
        }
    }
}

/// What to do. `None` when nothing is wrong.
pub(crate) fn next(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::NoRow => "The user signs in. What .NET wrote is adopted when a worker starts, and every ten minutes",
        Reason::SignedOut { .. } | Reason::NeedsSignIn { .. } | Reason::NoRefreshToken => "The user signs in",
        Reason::Blocked { .. } => "`absentia accounts unblock` lifts it; a sign-in does not",
        Reason::EntryMissing => "The user signs in; ask who deleted the entry",
        Reason::EntryLocked => "Restore the key ring the entry was written with; else the user signs in",
        Reason::EntryDamaged | Reason::EntryOfAnother => "The user signs in; ask who else writes to the store",
        Reason::EntryEndsFirst { .. } => "Let entries stay longer, or the user signs in when it has ended",
        Reason::TokenFromFuture { .. } => "Set the clocks right; until then a new token is asked for",
        Reason::RefreshTokenOfAnother { .. } => "Check AzureAd:ClientId and AzureAd:Instance; else the user signs in",
        Reason::TokenOfAnotherClient { .. } => "Check AzureAd:ClientId if it should be this app's",
        Reason::TokenOfAnotherCloud { .. } => "Check AzureAd:Instance if it should be this cloud's",
        Reason::TokenOfAnotherTenant { .. } => "Check AzureAd:TenantId if it should be this tenant's",
        Reason::TokenFresh { .. }
        | Reason::TokenDue { .. }
        | Reason::TokenPastUse { .. }
        | Reason::NoTokenForScope { .. }
        | Reason::TokenOfAnotherKey
        | Reason::TokenBound => return None,
    })
}

fn ahead(time: SystemTime, now: SystemTime) -> String {
    about(time.duration_since(now).unwrap_or_default())
}

/// Text from the store, cut.
fn shown(text: &str) -> String {
    let mut shown: String = clean(text).chars().take(SHOWN).collect();
    if text.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}
