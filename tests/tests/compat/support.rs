//! A store that holds what others wrote, and a client for which Entra is out of reach.

use std::{
    collections::VecDeque,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use absentia::{
    AccountId, Authority, ClientCredential, ConfidentialClient, DotNetProtection, Secret, TokenCache,
    transport::{HttpClient, HttpError, HttpRequest, HttpResponse},
};
use absentia_cache::{Identity, Layout, Partition, Subject};
use absentia_store::{Backend, Entry, Expiry, Key, ManualClock, MemoryStore, When, Written};
use absentia_tests::{Process, World};
use async_trait::async_trait;
use serde_json::{Value, json};

pub(crate) const CLIENT: &str = "33333333-1234-4567-89ab-000000000003";
pub(crate) const TENANT: &str = "22222222-dddd-4eee-8fff-000000000002";
/// The user of everything that was recorded.
pub(crate) const HOME: &str = "11111111-2222-4333-8444-555555555555.22222222-dddd-4eee-8fff-000000000002";
pub(crate) const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(crate) const READ: &str = "https://graph.microsoft.com/User.Read";
pub(crate) const SECTIONS: [&str; 5] = ["AccessToken", "RefreshToken", "IdToken", "Account", "AppMetadata"];
/// When what tests make up themselves was cached, unix seconds.
pub(crate) const NOW: u64 = 1_795_609_800;

/// One process of ours in .NET's layout, over a store of its own. Entra answers what it was told to, else it refuses.
pub(crate) struct Node {
    pub(crate) backend: Backend,
    pub(crate) cache: TokenCache,
    entra: Arc<Entra>,
}

#[derive(Default)]
struct Entra {
    asked: Mutex<Vec<Vec<(String, String)>>>,
    answers: Mutex<VecDeque<Value>>,
}

#[async_trait]
impl HttpClient for Entra {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let form = url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
        self.asked.lock().unwrap().push(form);
        let (status, body) = match self.answers.lock().unwrap().pop_front() {
            Some(answer) => (200, answer),
            None => (400, json!({ "error": "invalid_request" })),
        };
        Ok(HttpResponse { status, headers: Vec::new(), body: body.to_string().into() })
    }
}

impl Node {
    /// At this time, unix seconds.
    pub(crate) fn at(now: u64) -> Self {
        let clock = Arc::new(ManualClock::at(UNIX_EPOCH + Duration::from_secs(now)));
        let backend = Backend::of("memory", &Arc::new(MemoryStore::new(clock.clone())));
        let cache = TokenCache::dotnet(backend.clone(), DotNetProtection::plain()).clock(clock).build();
        Self { backend, cache, entra: Arc::default() }
    }

    pub(crate) async fn put(&self, key: &str, value: impl Into<Vec<u8>>) {
        let (key, value): (_, Vec<u8>) = (Key::new(key), value.into());
        let written = self.backend.entries.put(&key, value.into(), When::Absent, Expiry::default()).await.unwrap();
        assert!(matches!(written, Written::Done(_)), "{key} is there");
    }

    pub(crate) async fn entry(&self, key: &str) -> Option<Entry> {
        self.backend.entries.get(&Key::new(key)).await.unwrap()
    }

    /// What is stored, as JSON.
    pub(crate) async fn json(&self, key: &str) -> Value {
        serde_json::from_slice(&self.entry(key).await.unwrap().value).unwrap()
    }

    pub(crate) fn client(&self, authority: Authority, client_id: &str) -> ConfidentialClient {
        let secret = ClientCredential::secret(Secret::new("unused")).unwrap();
        let builder = ConfidentialClient::builder(authority, client_id, secret);
        builder.cache(&self.cache).http(self.entra.clone()).build().unwrap()
    }

    /// The client of everything that was recorded at an authority of this host.
    pub(crate) fn app(&self) -> ConfidentialClient {
        self.client(localhost(TENANT), CLIENT)
    }

    /// What Entra will answer next.
    pub(crate) fn answers(&self, answer: Value) {
        self.entra.answers.lock().unwrap().push_back(answer);
    }

    /// What Entra was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Vec<(String, String)>> {
        std::mem::take(&mut self.entra.asked.lock().unwrap())
    }
}

/// The authority the recordings were made against.
pub(crate) fn localhost(tenant: &str) -> Authority {
    Authority::new("https://localhost:8443", tenant).unwrap()
}

pub(crate) fn public(tenant: &str) -> Authority {
    Authority::new("https://login.microsoftonline.com", tenant).unwrap()
}

pub(crate) fn home() -> AccountId {
    AccountId::parse(HOME).unwrap()
}

/// A subject of the recorded client in .NET's layout.
pub(crate) fn identity(subject: Subject) -> Identity {
    Identity { client_id: CLIENT.into(), authority: localhost(TENANT), subject, layout: Layout::DotNet }
}

/// A file of the folder `compat`.
pub(crate) fn recorded(path: &str) -> Vec<u8> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("compat").join(path);
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// An entry as MSAL.NET wrote it, as JSON.
pub(crate) fn dotnet(name: &str) -> Value {
    serde_json::from_slice(&recorded(&format!("dotnet/{name}.json"))).unwrap()
}

/// What our reader and writer make of a document.
pub(crate) fn rewritten(document: &Value) -> Value {
    let partition = Partition::parse(document.to_string().as_bytes()).unwrap_or_else(|| panic!("{document}"));
    serde_json::from_slice(&partition.to_json()).unwrap()
}

/// A process in .NET's layout over the stores of a world.
pub(crate) fn process(world: &World) -> Process {
    let cache = TokenCache::dotnet(world.backend.clone(), DotNetProtection::plain());
    world.process(cache.clock(Arc::new(world.clock.clone())).build())
}

/// What a world's stores have under a key.
pub(crate) async fn stored(world: &World, key: &str) -> Value {
    let entry = world.backend.entries.get(&Key::new(key)).await.unwrap();
    serde_json::from_slice(&entry.unwrap_or_else(|| panic!("nothing under {key}")).value).unwrap()
}

/// The entities of a section.
pub(crate) fn entities<'a>(document: &'a Value, section: &str) -> Vec<&'a Value> {
    document[section].as_object().unwrap().values().collect()
}

/// An access token of the recorded user's, that lives.
pub(crate) fn token(secret: &str, target: &str) -> Value {
    json!({
        "home_account_id": HOME,
        "environment": "localhost",
        "client_id": CLIENT,
        "secret": secret,
        "credential_type": "AccessToken",
        "realm": TENANT,
        "target": target,
        "cached_at": NOW.to_string(),
        "expires_on": (NOW + 3599).to_string(),
        "extended_expires_on": (NOW + 3599).to_string(),
        "ext_expires_on": (NOW + 3599).to_string(),
    })
}

/// The same entity with other members; `null` takes one away.
pub(crate) fn with(mut entity: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => entity.as_object_mut().unwrap().shift_remove(name),
            value => entity.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    entity
}

/// The recorded user's refresh token.
pub(crate) fn refresh_token(secret: &str) -> Value {
    json!({
        "home_account_id": HOME,
        "environment": "localhost",
        "client_id": CLIENT,
        "secret": secret,
        "credential_type": "RefreshToken",
    })
}

/// A document with these access tokens and refresh tokens.
pub(crate) fn document(access_tokens: &[Value], refresh_tokens: &[Value]) -> Value {
    let section = |entities: &[Value]| -> Value {
        let named = entities.iter().enumerate().map(|(number, entity)| (format!("k{number}"), entity.clone()));
        Value::Object(named.collect())
    };
    json!({ "AccessToken": section(access_tokens), "RefreshToken": section(refresh_tokens) })
}

/// Which of these access tokens our client uses for the recorded user: its secret.
pub(crate) async fn used(access_tokens: &[Value], scopes: &str) -> Option<String> {
    let node = Node::at(NOW);
    node.put(HOME, document(access_tokens, &[]).to_string()).await;
    let token = node.app().account(&home()).token(scopes).await.ok()?;
    Some(token.secret().expose().to_owned())
}

/// The members .NET reads as objects of texts.
const OBJECTS: [&str; 3] = ["ext", "persisted_cache_parameters", "wam_account_ids"];

/// The members it reads as text.
const TEXTS: [&str; 24] = [
    "home_account_id",
    "environment",
    "client_info",
    "client_id",
    "secret",
    "credential_type",
    "username",
    "name",
    "given_name",
    "family_name",
    "local_account_id",
    "authority_type",
    "realm",
    "account_source",
    "target",
    "family_id",
    "user_assertion_hash",
    "cached_at",
    "expires_on",
    "extended_expires_on",
    "kid",
    "token_type",
    "refresh_on",
    "ext_expires_on",
];

/// Each member that .NET knows has the shape it demands: it refuses a whole document for one that has not.
pub(crate) fn assert_shapes(document: &Value) {
    for section in SECTIONS {
        for entity in entities(document, section) {
            for name in TEXTS {
                assert!(entity.get(name).is_none_or(Value::is_string), "{section} {name}: {entity}");
            }
            for object in OBJECTS.iter().filter_map(|name| entity.get(name)) {
                let members = object.as_object().unwrap_or_else(|| panic!("{section}: {entity}"));
                assert!(members.values().all(Value::is_string), "{section}: {entity}");
            }
        }
    }
}
