//! What the processes that are killed and the test that kills them have in common: a SQLite file, a user's partition.

use std::{path::Path, sync::Arc, time::Duration};

use absentia::{AccountId, Authority, ClientCredential, ConfidentialClient, KeyRing, Secret, TokenCache};
use absentia_cache::{Change, ChangeKind, Entity, Identity, Layout, Loaded, SIGN_IN, Section, Subject};
use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{Activity, Backend, Clock as _, GrantKind, SystemClock};

/// The client id of all of them.
pub const CLIENT: &str = "33333333-1234-4567-89ab-000000000003";
/// The user.
pub const HOME: &str = "11111111-aaaa-4bbb-8ccc-000000000001.22222222-dddd-4eee-8fff-000000000002";
const TENANT: &str = "22222222-dddd-4eee-8fff-000000000002";

/// Whose partition it is.
pub fn identity(home: &str) -> Identity {
    Identity {
        client_id: CLIENT.into(),
        authority: authority(),
        subject: Subject::Account(account(home)),
        layout: Layout::Native,
    }
}

/// The user's id.
pub fn account(home: &str) -> AccountId {
    AccountId::parse(home).unwrap()
}

/// Nobody answers there: what is tested needs no answer.
fn authority() -> Authority {
    Authority::new("http://127.0.0.1:9", TENANT).unwrap()
}

/// The stores of a file that exists. Patient: several processes write it without pause.
pub async fn open(file: &Path) -> Arc<SqliteStore> {
    let config = SqliteConfig { busy_timeout: Duration::from_secs(20), ..SqliteConfig::new(file) };
    Arc::new(SqliteStore::open(&config, Arc::new(SystemClock)).await.unwrap())
}

/// A cache over stores of `file`, sealed under the ring beside it.
pub fn cache(file: &Path, backend: Backend) -> TokenCache {
    TokenCache::sealed(backend, KeyRing::load(&file.with_extension("keys")).unwrap()).build()
}

/// A client that never gets an answer from Entra.
pub fn client(cache: &TokenCache) -> ConfidentialClient {
    let secret = ClientCredential::secret(Secret::new("unused")).unwrap();
    ConfidentialClient::builder(authority(), CLIENT, secret).cache(cache).build().unwrap()
}

/// What a committer adds: its own access token, which carries `number`. A sign-in also brings a refresh token.
pub fn change(home: &str, kind: ChangeKind, committer: &str, number: u64) -> Change {
    let now = unix_now();
    let entity = || {
        Entity::new()
            .with("home_account_id", home)
            .with("environment", authority().environment())
            .with("client_id", CLIENT)
    };
    let access_token = entity()
        .with("secret", number.to_string())
        .with("credential_type", "AccessToken")
        .with("realm", TENANT)
        .with("target", format!("{committer}.Read"))
        .with("cached_at", now.to_string())
        .with("expires_on", (now + 86_400).to_string());
    let refresh_token = entity()
        .with("secret", "a refresh token")
        .with("credential_type", "RefreshToken")
        .with(SIGN_IN, format!("{committer} {number}"));
    Change {
        kind,
        access_token: Some(access_token),
        refresh_token: (kind == ChangeKind::SignIn).then_some(refresh_token),
        id_token: None,
        account: None,
        app_metadata: None,
    }
}

/// What a committer records of the user. `Some(generation)` for a sign-in.
pub fn activity(home: &str, sign_in: Option<u64>) -> Activity {
    Activity {
        client_id: CLIENT.into(),
        account_id: home.into(),
        tenant: TENANT.into(),
        username: Some("ada@contoso.example".into()),
        key: identity(home).key(),
        kind: GrantKind::Account,
        at: SystemClock.now(),
        sign_in,
        expires_at: None,
    }
}

/// The number that a committer's token carries in a loaded partition; 0 when it has none.
pub fn number(loaded: &Loaded, committer: &str) -> u64 {
    let Loaded::Found { partition, .. } = loaded else { return 0 };
    let target = format!("{committer}.Read");
    let tokens = partition.section(Section::AccessToken);
    let own = tokens.iter().filter(|token| token.text("target") == target);
    own.map(|token| token.text("secret").parse().unwrap()).max().unwrap_or(0)
}

fn unix_now() -> u64 {
    SystemClock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
