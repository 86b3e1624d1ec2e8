use std::sync::Arc;

use absentia_store::{
    AccountStore as _, Activity, Backend, Expiry, Finish, Grant, Key, ManualClock, MemoryStore, Store as _, When,
};

use super::*;
use crate::{key_ring::KeyRing, layout::Layout, random::OsRandom};

const CLIENT: &str = "33333333-1234-4567-89ab-000000000003";
const OTHER: &str = "44444444-1234-4567-89ab-000000000004";
const TENANT: &str = "22222222-dddd-4eee-8fff-000000000002";
const ADA: &str = "11111111-aaaa-4bbb-8ccc-000000000001.22222222-dddd-4eee-8fff-000000000002";
const NOW: u64 = 1_790_000_000;
const HOUR: u64 = 3_600;

fn ada() -> Identity {
    Identity {
        client_id: CLIENT.into(),
        authority: Authority::new("https://login.microsoftonline.com", TENANT).unwrap(),
        subject: Subject::Account(AccountId::parse(ADA).unwrap()),
        layout: Layout::Native,
    }
}

/// A token that was cached half an hour ago and lives another hour.
fn token() -> Entity {
    entity()
        .with("realm", TENANT)
        .with("target", "openid profile User.Read")
        .with("cached_at", (NOW - HOUR / 2).to_string())
        .with("expires_on", (NOW + HOUR).to_string())
}

fn entity() -> Entity {
    Entity::new()
        .with("home_account_id", ADA)
        .with("environment", "login.windows.net")
        .with("client_id", CLIENT)
        .with("secret", "a-secret-nobody-may-see")
}

fn partition(tokens: &[Entity], refresh_tokens: &[Entity]) -> Partition {
    let mut partition = Partition::default();
    partition.section_mut(Section::AccessToken).extend_from_slice(tokens);
    partition.section_mut(Section::RefreshToken).extend_from_slice(refresh_tokens);
    partition
}

/// Her row, with a healthy grant.
fn row() -> Account {
    let grant = Grant {
        key: ada().key(),
        kind: GrantKind::Account,
        state: GrantState::Healthy,
        epoch: 1,
        last_activity: time(NOW),
        expires_at: None,
    };
    Account {
        client_id: CLIENT.to_owned(),
        account_id: ADA.to_owned(),
        tenant: TENANT.to_owned(),
        username: "ada@contoso.example".to_owned(),
        last_activity: time(NOW),
        due_at: time(NOW),
        leased_until: None,
        fence: 0,
        generation: 0,
        attempts: 0,
        revoked_at: None,
        blocked_at: None,
        grants: vec![grant],
    }
}

fn explain(row: Option<&Account>, stored: &Stored, scopes: &str) -> Explanation {
    let explained = Explanation::of(&ada(), row, stored, scopes.into(), time(NOW));
    assert!(!format!("{explained:?}").contains("nobody-may-see"), "{explained:?}");
    explained
}

/// The answer for `User.Read` of an entry with these tokens, of a user whose row is well.
fn answer(tokens: &[Entity], refresh_tokens: &[Entity]) -> (Answer, Vec<Reason>) {
    let stored = Stored::Found { partition: partition(tokens, refresh_tokens), ends: None };
    let explained = explain(Some(&row()), &stored, "User.Read");
    assert_eq!(explained.absence, None);
    (explained.answer, explained.why)
}

fn well() -> Stored {
    Stored::Found { partition: partition(&[token()], &[entity()]), ends: None }
}

fn fresh() -> Reason {
    // Three quarters of an hour and a half.
    Reason::TokenFresh { due: time(NOW - HOUR / 2 + 4_050), until: time(NOW + HOUR - 300) }
}

#[test]
fn no_row() {
    let explained = explain(None, &Stored::Absent, "User.Read");
    assert_eq!((explained.answer, explained.why), (Answer::Miss, vec![Reason::NoRow]));
    assert_eq!(explained.absence, Some(Reason::NoRow));
    // What .NET wrote serves all the same, but no worker knows of it; nor of a grant that was forgotten.
    for row in [None, Some(Account { grants: Vec::new(), ..row() })] {
        let explained = explain(row.as_ref(), &well(), "User.Read");
        assert_eq!((explained.answer, explained.absence), (Answer::Hit, Some(Reason::NoRow)));
    }
}

#[test]
fn signed_out() {
    let at = time(NOW - 60);
    let row = Account { revoked_at: Some(at), grants: Vec::new(), ..row() };
    let explained = explain(Some(&row), &Stored::Absent, "User.Read");
    assert_eq!((explained.answer, explained.why), (Answer::Miss, vec![Reason::SignedOut { at }]));
    assert_eq!(explained.absence, Some(Reason::SignedOut { at }));
}

#[test]
fn blocked() {
    let at = time(NOW - 60);
    let row = Account { blocked_at: Some(at), revoked_at: Some(at), ..row() };
    let explained = explain(Some(&row), &well(), "User.Read");
    assert_eq!((explained.answer, explained.why), (Answer::Hit, vec![fresh()]), "in her presence");
    assert_eq!(explained.absence, Some(Reason::Blocked { at }));
}

#[test]
fn needs_sign_in() {
    let mut row = row();
    let (reason, since) = ("AADSTS50173".to_owned(), time(NOW - 60));
    row.grants[0].state = GrantState::NeedsSignIn { reason: reason.clone(), claims: None, since };
    assert_eq!(explain(Some(&row), &well(), "User.Read").absence, Some(Reason::NeedsSignIn { reason, since }));
}

#[test]
fn entry_missing() {
    let explained = explain(Some(&row()), &Stored::Absent, "User.Read");
    assert_eq!((explained.answer, explained.why), (Answer::Miss, vec![Reason::EntryMissing]));
}

#[test]
fn entry_of_another() {
    let stranger = token().with("home_account_id", "somebody.else");
    assert_eq!(answer(&[stranger], &[]), (Answer::Miss, vec![Reason::EntryOfAnother]));
}

#[test]
fn token_fresh() {
    assert_eq!(answer(&[token()], &[]), (Answer::Hit, vec![fresh()]));
    // Of several the one that ends last.
    let short = token().with("expires_on", (NOW + 60).to_string());
    assert_eq!(answer(&[short, token()], &[entity()]), (Answer::Hit, vec![fresh()]));
}

#[test]
fn token_due() {
    let (since, until) = (time(NOW - 1), time(NOW + HOUR - 300));
    let due = token().with("refresh_on", (NOW - 1).to_string());
    assert_eq!(answer(&[due], &[entity()]), (Answer::Hit, vec![Reason::TokenDue { since, until }]));
}

#[test]
fn entry_ends_first() {
    let ends = |ends| Stored::Found { partition: partition(&[token()], &[entity()]), ends: Some(time(ends)) };
    let explained = explain(Some(&row()), &ends(NOW + 60), "User.Read");
    let at = time(NOW + 60);
    assert_eq!((explained.answer, explained.why), (Answer::Hit, vec![fresh(), Reason::EntryEndsFirst { at }]));
    assert_eq!(explain(Some(&row()), &ends(NOW + HOUR), "User.Read").why, [fresh()]);
}

#[test]
fn token_past_use() {
    let old = token().with("expires_on", (NOW + 299).to_string());
    let why = vec![Reason::TokenPastUse { since: time(NOW - 1), ends: time(NOW + 299) }];
    assert_eq!(answer(&[old], &[entity()]), (Answer::Refresh, why));
}

#[test]
fn token_from_future() {
    let cached_at = time(NOW + 301);
    let future = token().with("cached_at", (NOW + 301).to_string());
    assert_eq!(answer(&[future], &[entity()]), (Answer::Refresh, vec![Reason::TokenFromFuture { cached_at }]));
}

#[test]
fn no_token_for_scope() {
    let mail = token().with("target", "Mail.Read openid");
    let why = vec![Reason::NoTokenForScope { granted: vec!["Mail.Read openid".to_owned()] }];
    assert_eq!(answer(&[mail], &[entity()]), (Answer::Refresh, why));
    assert_eq!(answer(&[], &[entity()]), (Answer::Refresh, vec![Reason::NoTokenForScope { granted: Vec::new() }]));
}

#[test]
fn token_of_another_client() {
    let client_id = OTHER.to_owned();
    let theirs = token().with("client_id", OTHER);
    let why = vec![Reason::TokenOfAnotherClient { client_id }];
    assert_eq!(answer(&[theirs], &[entity()]), (Answer::Refresh, why));
}

#[test]
fn token_of_another_cloud() {
    let environment = "login.microsoftonline.us".to_owned();
    let theirs = token().with("environment", &*environment);
    let why = vec![Reason::TokenOfAnotherCloud { environment }];
    assert_eq!(answer(&[theirs], &[entity()]), (Answer::Refresh, why));
}

#[test]
fn token_of_another_tenant() {
    let theirs = token().with("realm", "a-guest-of-this-tenant");
    let why = vec![Reason::TokenOfAnotherTenant { tenant: "a-guest-of-this-tenant".to_owned() }];
    assert_eq!(answer(&[theirs], &[entity()]), (Answer::Refresh, why));
}

#[test]
fn token_of_another_key() {
    let theirs = token().with("user_assertion_hash", "of a long-running process");
    assert_eq!(answer(&[theirs], &[entity()]), (Answer::Refresh, vec![Reason::TokenOfAnotherKey]));
}

#[test]
fn token_bound() {
    for (member, value) in [("token_type", "pop"), ("kid", "a key"), ("ext_cache_key", "hash")] {
        let bound = token().with(member, value);
        assert_eq!(answer(&[bound], &[entity()]), (Answer::Refresh, vec![Reason::TokenBound]), "{member}");
    }
}

#[test]
fn no_refresh_token() {
    let old = token().with("expires_on", (NOW - 1).to_string());
    let past = Reason::TokenPastUse { since: time(NOW - 301), ends: time(NOW - 1) };
    assert_eq!(answer(&[old], &[]), (Answer::Miss, vec![past, Reason::NoRefreshToken]));
}

#[test]
fn refresh_token_of_another() {
    let theirs = entity().with("client_id", OTHER);
    let (client_id, environment) = (OTHER.to_owned(), "login.windows.net".to_owned());
    let none = Reason::NoTokenForScope { granted: Vec::new() };
    let why = vec![none, Reason::RefreshTokenOfAnother { client_id, environment }];
    assert_eq!(answer(&[], &[theirs]), (Answer::Miss, why));
}

/// A cache over a store with her row and an entry of these bytes.
async fn cache(value: Vec<u8>, layout: Layout) -> (TokenCache, Arc<MemoryStore>) {
    let clock = Arc::new(ManualClock::at(time(NOW)));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let identity = Identity { layout, ..ada() };
    let activity = Activity {
        client_id: CLIENT.to_owned(),
        account_id: ADA.to_owned(),
        tenant: TENANT.to_owned(),
        username: None,
        key: identity.key(),
        kind: GrantKind::Account,
        at: time(NOW),
        sign_in: Some(0),
        expires_at: None,
    };
    store.record(&activity).await.unwrap();
    store.put(&identity.key(), value.into(), When::Absent, Expiry::default()).await.unwrap();
    let backend = Backend::of("memory", &store);
    let builder = match layout {
        Layout::Native => TokenCache::sealed(backend, KeyRing::ephemeral(&OsRandom).unwrap()),
        Layout::DotNet => TokenCache::dotnet(backend, crate::DotNetProtection::data_protection(Arc::new(Vault))),
    };
    (builder.clock(clock).build(), store)
}

/// Data Protection that knows no key and takes what begins with `!` for damaged.
struct Vault;

#[async_trait::async_trait]
impl crate::DataProtector for Vault {
    fn protect(&self, plain: &[u8], _: SystemTime) -> Result<Vec<u8>, Error> {
        Ok(plain.to_vec())
    }

    fn unprotect(&self, protected: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, crate::Unprotected> {
        Err(match protected {
            [b'!', ..] => crate::Unprotected::Damaged,
            _ => crate::Unprotected::UnknownKey,
        })
    }

    async fn reload(&self) -> Result<(), Error> {
        Ok(())
    }
}

async fn why(cache: &TokenCache) -> Vec<Explanation> {
    let ada = AccountId::parse(ADA).unwrap();
    cache.explain(&CLIENT.to_ascii_uppercase(), &super::tests::ada().authority, &ada, "User.Read").await.unwrap()
}

#[tokio::test]
async fn entry_locked() {
    let foreign = KeyRing::ephemeral(&OsRandom).unwrap();
    let sealed = foreign.seal_entry(&ada().key(), b"{}", time(NOW), &OsRandom).unwrap();
    for (value, layout) in [(sealed, Layout::Native), (b"of an unknown key".to_vec(), Layout::DotNet)] {
        let explained = why(&cache(value, layout).await.0).await;
        assert_eq!(explained.len(), 1);
        assert_eq!((explained[0].answer, &*explained[0].why), (Answer::Miss, &[Reason::EntryLocked][..]), "{layout:?}");
        assert_eq!(explained[0].absence, None);
    }
}

#[tokio::test]
async fn entry_damaged() {
    for (value, layout) in [(b"no sealed bytes".to_vec(), Layout::Native), (b"!".to_vec(), Layout::DotNet)] {
        let explained = why(&cache(value, layout).await.0).await;
        assert_eq!(
            (explained[0].answer, &*explained[0].why),
            (Answer::Miss, &[Reason::EntryDamaged][..]),
            "{layout:?}"
        );
    }
}

/// Grants come in a worker's order, single assertions do not come at all; nobody's row is no error.
#[tokio::test]
async fn each_grant_is_explained() {
    let (cache, store) = cache(Vec::new(), Layout::Native).await;
    let activity = |key: &str, kind, seconds| Activity {
        client_id: CLIENT.to_owned(),
        account_id: ADA.to_owned(),
        tenant: TENANT.to_owned(),
        username: None,
        key: Key::new(format!("{CLIENT}/{key}")),
        kind,
        at: time(NOW + seconds),
        sign_in: Some(0),
        expires_at: None,
    };
    for (key, kind, seconds) in
        [("old", GrantKind::LongRunning, 1), ("new", GrantKind::LongRunning, 3), ("x", GrantKind::Assertion, 4)]
    {
        store.record(&activity(key, kind, seconds)).await.unwrap();
    }
    let request = absentia_store::ClaimRequest {
        client_id: CLIENT.to_owned(),
        idle_before: time(NOW + 100),
        pass: None,
        username: None,
        lease: Duration::from_secs(60),
        limit: 1,
    };
    let claim = store.claim(&request, time(NOW + 50)).await.unwrap().remove(0);
    let mark = |grant: &Grant| {
        let state = GrantState::NeedsSignIn { reason: "old".to_owned(), claims: None, since: time(NOW) };
        (grant.key.clone(), grant.epoch, state)
    };
    let grants = claim.account.grants.iter().filter(|grant| grant.key.as_str().ends_with("/old")).map(mark).collect();
    store.finish(&claim, &Finish { due_at: time(NOW), attempts: 0, grants }).await.unwrap();
    let explained = why(&cache).await;
    let kinds: Vec<_> = explained.iter().map(|explained| explained.kind).collect();
    assert_eq!(kinds, [GrantKind::Account, GrantKind::LongRunning, GrantKind::LongRunning]);
    assert_eq!(explained[1].absence, None);
    assert!(matches!(explained[2].absence, Some(Reason::NeedsSignIn { .. })), "the older one comes last");

    let nobody = AccountId::parse("nobody.here").unwrap();
    let explained = cache.explain(CLIENT, &ada().authority, &nobody, "User.Read").await.unwrap();
    assert_eq!((explained.len(), &*explained[0].why), (1, &[Reason::NoRow][..]));
}
