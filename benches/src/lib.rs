//! What the benchmarks and gates measure with: users with tokens of a size, a cache that holds them, and samples.

#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed measurement")]

mod instructions;
mod samples;

use std::sync::Arc;

use absentia::{
    AccountId, Authority, ClientCredential, ConfidentialClient, Secret, TokenCache,
    transport::{HttpClient, HttpError, HttpRequest, HttpResponse},
};
use absentia_cache::{
    Change, ChangeKind, Entity, Identity, KeyRing, Layout, OsRandom, Partition, SIGN_IN, Section, Subject,
};
use absentia_core::encoding::base64url;
use absentia_store::{Backend, Clock, MemoryStore, Version};
use async_trait::async_trait;

pub use instructions::counted;
pub use samples::{Samples, median};

/// The app.
pub const CLIENT_ID: &str = "33333333-1234-4567-89ab-000000000003";
/// Its tenant.
pub const TENANT: &str = "22222222-dddd-4eee-8fff-000000000002";
/// What is asked for.
pub const SCOPES: &str = "User.Read";
/// What was granted.
const TARGET: &str = "email openid profile User.Read";
/// How long tokens live, seconds.
const LIFE: u64 = 4_500;

/// The home account id of a user.
pub fn user(number: usize) -> AccountId {
    AccountId::parse(&format!("{number:08x}-aaaa-4bbb-8ccc-000000000001.{TENANT}")).unwrap()
}

/// What finds a subject's partition.
pub fn identity(subject: Subject) -> Identity {
    let authority = Authority::new("https://login.microsoftonline.com", TENANT).unwrap();
    Identity { client_id: CLIENT_ID.into(), authority, subject, layout: Layout::Native }
}

/// What finds a user's partition.
pub fn identity_of(number: usize) -> Identity {
    identity(Subject::Account(user(number)))
}

/// A cache over a store in memory, sealed under a key ring of its own.
pub fn cache(clock: Arc<dyn Clock>) -> TokenCache {
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let ring = KeyRing::ephemeral(&OsRandom).unwrap();
    TokenCache::sealed(Backend::of("memory", &store), ring).clock(clock).build()
}

/// A client over `cache` that reaches nobody: what is measured must not ask.
pub fn client(cache: &TokenCache) -> ConfidentialClient {
    let authority = Authority::new("https://login.microsoftonline.com", TENANT).unwrap();
    let secret = ClientCredential::secret(Secret::new("never sent")).unwrap();
    ConfidentialClient::builder(authority, CLIENT_ID, secret).cache(cache).http(Arc::new(Nobody)).build().unwrap()
}

/// Answers nothing.
struct Nobody;

#[async_trait]
impl HttpClient for Nobody {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        Err(HttpError::new(false, "what is measured asked Entra"))
    }
}

/// Text like a token of this length: three parts of base64url, another for each `seed`.
pub fn token_text(seed: usize, length: usize) -> String {
    let mut bytes = vec![0_u8; length];
    let mut state = seed as u64 + 1;
    for byte in &mut bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 56) as u8;
    }
    let mut text = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.{}", base64url(&bytes));
    text.truncate(length);
    text
}

/// The access token entity of a home account, `length` bytes of token.
pub fn access_token(home: &str, secret: String, now: u64) -> Entity {
    common(home, "AccessToken")
        .with("secret", secret)
        .with("realm", TENANT)
        .with("target", TARGET)
        .with("cached_at", now.to_string())
        .with("expires_on", (now + LIFE).to_string())
        .with("extended_expires_on", (now + LIFE).to_string())
        .with("ext_expires_on", (now + LIFE).to_string())
}

/// A user's partition as a sign-in leaves it, a little over 7,000 bytes sealed: two access tokens, refresh token, ID token,
/// account, app.
pub fn partition(number: usize, now: u64) -> Partition {
    let change = change(number, ChangeKind::SignIn, now);
    let home = user(number);
    let mut partition = Partition::default();
    let other = access_token(home.as_str(), token_text(number + 1, 1_200), now)
        .with("target", "Mail.Read Files.Read.All Calendars.Read");
    partition.section_mut(Section::AccessToken).push(other);
    for (section, entity) in [
        (Section::AccessToken, change.access_token),
        (Section::RefreshToken, change.refresh_token),
        (Section::IdToken, change.id_token),
        (Section::Account, change.account),
        (Section::AppMetadata, change.app_metadata),
    ] {
        partition.section_mut(section).extend(entity);
    }
    partition
}

/// What one token response adds to that partition.
pub fn change(number: usize, kind: ChangeKind, now: u64) -> Change {
    let home = user(number);
    let home = home.as_str();
    Change {
        kind,
        access_token: Some(access_token(home, token_text(number, 1_200), now)),
        refresh_token: Some(
            common(home, "RefreshToken").with("secret", token_text(number + 2, 900)).with(SIGN_IN, "c2lnbi1pbg"),
        ),
        id_token: Some(common(home, "IdToken").with("secret", token_text(number + 3, 800)).with("realm", TENANT)),
        account: Some(
            common(home, "")
                .with("client_id", "")
                .with("username", "ada@contoso.example")
                .with("name", "Ada Lovelace")
                .with("local_account_id", home.split('.').next().unwrap_or_default())
                .with("authority_type", "MSSTS")
                .with("realm", TENANT),
        ),
        app_metadata: Some(common("", "").with("home_account_id", "")),
    }
}

fn common(home: &str, kind: &str) -> Entity {
    Entity::new()
        .with("home_account_id", home)
        .with("environment", "login.microsoftonline.com")
        .with("client_id", CLIENT_ID)
        .with("credential_type", kind)
}

/// Puts one access token of each of `users` into memory, as loads from the store would.
pub fn fill(cache: &TokenCache, client: &ConfidentialClient, users: usize, token_length: usize) {
    let now = cache.now();
    let version = Version::new(vec![1]);
    let secret = |number| token_text(number, token_length);
    let mut partition = Partition::default();
    partition
        .section_mut(Section::AccessToken)
        .push(access_token("", secret(0), now).with("environment", client.authority().environment()));
    for number in 0..users {
        let home = user(number);
        for token in partition.section_mut(Section::AccessToken) {
            token.set("home_account_id", home.as_str());
            token.set("secret", secret(number));
        }
        remember(cache, client, Subject::Account(home), &partition, &version);
    }
}

/// Puts a partition's access tokens into memory.
pub fn remember(
    cache: &TokenCache,
    client: &ConfidentialClient,
    subject: Subject,
    partition: &Partition,
    version: &Version,
) {
    let identity = Identity {
        client_id: CLIENT_ID.into(),
        authority: client.authority().clone(),
        subject,
        layout: Layout::Native,
    };
    let (prefix, middle, suffix) = identity.name();
    let slot = cache.slot(cache.view(&identity), &prefix, middle, suffix);
    cache.remember(slot, cache.begin(slot), &identity, partition, version);
}

/// Numbers that look random and are the same in each run.
#[derive(Debug)]
pub struct Sequence(u64);

impl Sequence {
    /// Begins.
    pub fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

impl Default for Sequence {
    fn default() -> Self {
        Self::new()
    }
}
