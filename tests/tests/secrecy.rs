//! What the library writes while it works is searched for every secret there was: logs at TRACE (of our dependencies too),
//! panics, `Debug` and `Display` of every public value, and the files of the database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    fmt::{Debug, Display, Write as _},
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use absentia::{
    Authority, ClientCredential, ConfidentialClient, Error, ErrorKind, KeyRing, LongRunningKey, Secret, TokenCache,
    UserAssertion, bearer, challenge,
    store::{AccountQuery, Backend, Clock as _, ManualClock, SystemClock, wrap::Faulty},
    transport::{HttpError, HttpRequest, HttpResponse, Method, SystemHttp},
};
use absentia_cache::{Counter, Identity, Loaded, OsRandom, Section, Subject};
use absentia_core::{
    Scopes, encoding,
    grant::{authorization_code, client_credentials, on_behalf_of, refresh_token},
    jwt::{IdTokenClaims, Jwt},
    response,
};
use absentia_emulator::{Emulator, Outage, SecretKind};
use absentia_sqlite::SqliteStore;
use absentia_store::{Entry, Expiry, Key, Removal, Removed, Store, Version, When, Written};
use absentia_tests::{
    REDIRECT, SqliteFile, World,
    secrecy::{self, Sought},
    while_time_passes,
};
use bytes::Bytes;
use tracing_subscriber::fmt::MakeWriter;

const APP: &str = "https://graph.microsoft.com/.default";
const LONG_RUNNING: &str = "the handle of a long-running process, known to its owner alone";

/// Everything that is written.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A value as an app may write it.
    fn shown(&self, value: &dyn Debug) {
        writeln!(self.clone(), "{value:?}\n{value:#?}").unwrap();
    }

    /// An error as an app may write it, down to its cause.
    fn failed<E: StdError + 'static>(&self, error: &E) {
        self.shown(error);
        let mut next: Option<&dyn StdError> = Some(error);
        while let Some(error) = next {
            writeln!(self.clone(), "{error}").unwrap();
            next = error.source();
        }
    }

    fn refused(&self, answer: Result<impl Debug, Error>, kind: ErrorKind) -> Error {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        self.failed(&error);
        error
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl log::Log for Output {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(self.clone(), "log {} {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

/// From here on everything that this process logs, and every panic, is written there.
fn listen() -> Output {
    let output = Output::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(output.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    log::set_boxed_logger(Box::new(output.clone())).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let panics = output.clone();
    std::panic::set_hook(Box::new(move |panic| {
        writeln!(panics.clone(), "{panic}").unwrap();
        eprintln!("{panic}"); // the test's own is to be seen when it fails
    }));
    output
}

/// A store whose writer panics, with all it was given.
struct Panicking(Arc<dyn Store>);

#[async_trait::async_trait]
impl Store for Panicking {
    async fn get(&self, key: &Key) -> absentia_store::Result<Option<Entry>> {
        self.0.get(key).await
    }

    async fn put(&self, key: &Key, _: Bytes, when: When, expiry: Expiry) -> absentia_store::Result<Written> {
        panic!("asked to put {key:?} {when:?} {expiry:?}");
    }

    async fn remove(&self, key: &Key, when: Removal) -> absentia_store::Result<Removed> {
        self.0.remove(key, when).await
    }
}

/// Runs the scenarios. What is secret goes to `sought`, what is written to `output`.
async fn scenarios(output: &Output, sought: &mut Vec<Sought>) -> World {
    let clock = ManualClock::at(SystemClock.now());
    let file = SqliteFile::create(&clock, |_| {}).await;
    let ring_path = file.config.path.with_extension("keys");
    KeyRing::create(&ring_path, SystemClock.now(), &OsRandom).unwrap();
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&ring_path).unwrap()).unwrap();
    for key in json["keys"].as_array().unwrap() {
        sought.push(Sought::new("key of the ring", encoding::from_base64url(key["key"].as_str().unwrap()).unwrap()));
    }
    let ring = KeyRing::load(&ring_path).unwrap();
    let world = World::under(ring.clone(), Emulator::start().await, file.open(&clock).await, clock);
    let clock = &world.clock;
    let (ada, grace) = (world.entra.user("ada"), world.entra.user("grace"));
    let app = world.entra.app("contoso-app");
    let secret = Secret::new(app.secret());

    // Sign-in, step by step: what begins it is a secret of ours.
    let pending = world.client.begin_sign_in().unwrap();
    sought.push(Sought::new("PKCE verifier", pending.verifier.expose()));
    sought.push(Sought::new("nonce", pending.nonce.expose()));
    output.shown(&pending);
    let url = world.client.sign_in_url(&pending, REDIRECT, "User.Read", "state", &Default::default());
    assert!(!url.contains(pending.verifier.expose()));
    let challenge = encoding::sha256_base64url(pending.verifier.expose());
    let scope = "User.Read openid profile offline_access";
    let code = ada.sign_in(&app, REDIRECT, scope).code_challenge(&challenge).with("nonce", pending.nonce.expose());
    let code = Secret::new(code.await.unwrap());
    let signed_in = world.client.complete_sign_in(&pending, &code, REDIRECT, "User.Read").await.unwrap();
    output.shown(&signed_in);
    // The same code again, and one for another verifier.
    let again = world.client.complete_sign_in(&pending, &code, REDIRECT, "User.Read").await;
    output.refused(again, ErrorKind::InteractionRequired);
    let other = world.client.begin_sign_in().unwrap();
    sought.push(Sought::new("PKCE verifier", other.verifier.expose()));
    sought.push(Sought::new("nonce", other.nonce.expose()));
    let code = ada.sign_in(&app, REDIRECT, scope).code_challenge(&challenge).with("nonce", other.nonce.expose());
    let code = Secret::new(code.await.unwrap());
    output.refused(
        world.client.complete_sign_in(&other, &code, REDIRECT, "User.Read").await,
        ErrorKind::InteractionRequired,
    );
    let code = ada.sign_in(&app, REDIRECT, scope).code_challenge(&challenge).with("nonce", "another nonce, of nobody");
    let code = Secret::new(code.await.unwrap());
    output.refused(world.client.complete_sign_in(&pending, &code, REDIRECT, "User.Read").await, ErrorKind::Rejected);

    // Silent: memory, the store, a refresh, a refresh ahead.
    let account = world.client.account(&world.id(&ada));
    output.shown(&account);
    output.shown(&account.token("User.Read").await.unwrap());
    let process = world.another();
    output.shown(&process.client.account(&world.id(&ada)).token("User.Read").await.unwrap());
    world.advance(Duration::from_secs(5 * 3600));
    let token = account.token("User.Read").await.unwrap();
    output.shown(&account.token("User.Read").instead_of(&token).await.unwrap());
    output.shown(&world.client.app().token(APP).await.unwrap());

    // On behalf of, and long-running.
    let assertion = world.assertion(&grace).await;
    output.shown(&assertion);
    output.shown(&world.client.on_behalf_of(&assertion).token("User.Read").await.unwrap());
    let key = LongRunningKey::new(LONG_RUNNING).unwrap();
    sought.push(Sought::new("long-running key", LONG_RUNNING));
    output.shown(&world.client.start_long_running(&assertion).key(key.clone()).token("User.Read").await.unwrap());
    world.advance(Duration::from_secs(5 * 3600));
    output.shown(&process.client.long_running(&key).token("User.Read").await.unwrap());
    output.refused(process.client.long_running_of(&world.id(&ada), &key).token("User.Read").await, ErrorKind::Rejected);
    output.refused(
        world.client.on_behalf_of(&assertion).token("User.Read").await,
        ErrorKind::InteractionRequired, // it has expired
    );
    output.refused(
        world.client.on_behalf_of(&UserAssertion::unverified("no token at all, but secret")).token("User.Read").await,
        ErrorKind::Rejected,
    );
    sought.push(Sought::new("assertion", "no token at all, but secret"));

    // Callers of an API.
    let validator = bearer::Validator::new(world.client.discovery().clone(), world.client.client_id(), None);
    output.shown(&validator);
    let fresh = world.assertion(&grace).await;
    let valid = validator.validate(fresh.secret().expose()).await.unwrap();
    output.shown(&valid);
    output.shown(&valid.assertion());
    writeln!(output.clone(), "{} {:?}", valid.digest(), valid.caller()).unwrap();
    let tampered = format!("{}x", fresh.secret().expose());
    for bad in [assertion.secret().expose(), token.secret().expose(), &tampered, "nonsense"] {
        output.shown(&validator.validate(bad).await.unwrap_err());
    }

    // Every kind of refusal of Entra.
    for text in [
        "a wrong secret that was typed in once",
        " a secret with a blank in front",
        "'a secret in quotes, which do not belong'",
    ] {
        sought.push(Sought::new("wrong client secret", text.trim()));
        let credential = ClientCredential::secret(Secret::new(text)).unwrap();
        output.shown(&credential);
        let client = ConfidentialClient::builder(world.client.authority().clone(), app.client_id(), credential)
            .cache(&world.another_cache())
            .build()
            .unwrap();
        output.refused(client.app().token(APP).await, ErrorKind::Config);
        output.refused(client.on_behalf_of(&fresh).token("User.Read").await, ErrorKind::Config);
        output.refused(client.account(&world.id(&grace)).token("User.Read").await, ErrorKind::InteractionRequired);
        output.refused(client.account(&world.id(&ada)).token("User.Read").await, ErrorKind::Config);
    }
    output.refused(world.client.app().token("User.Read").await, ErrorKind::Config);
    output.refused(account.token("User.Read").claims("nonsense").await, ErrorKind::Config);
    output.refused(account.token("Files.ReadWrite.All").await, ErrorKind::Config);
    output.refused(account.token("Mail.Read").await, ErrorKind::InteractionRequired);
    for status in [429, 500, 503] {
        world.entra.set_outage(Some(Outage { status, retry_after: None }));
        let kind = if status == 429 { ErrorKind::Throttled } else { ErrorKind::Unavailable };
        let other = world.another();
        let acquirer = other.client.on_behalf_of(&fresh);
        output.refused(while_time_passes(clock, acquirer.token("User.Read")).await, kind);
        let acquirer = other.client.account(&world.id(&ada));
        output.refused(while_time_passes(clock, acquirer.token("User.Read Mail.Read")).await, kind);
    }
    world.entra.set_outage(None);
    let nowhere = Authority::new("http://127.0.0.1:9", world.entra.tenant_id()).unwrap();
    output.shown(&nowhere);
    let client =
        ConfidentialClient::builder(nowhere, app.client_id(), ClientCredential::secret(secret.clone()).unwrap())
            .cache(&world.another_cache())
            .build()
            .unwrap();
    output.refused(while_time_passes(clock, client.app().token(APP)).await, ErrorKind::Unavailable);
    output.refused(client.complete_sign_in(&pending, &code, REDIRECT, "User.Read").await, ErrorKind::Unavailable);

    // Stores that fail, panic, hold something else.
    let faulty = Arc::new(Faulty::new(world.backend.entries.clone(), Arc::new(clock.clone())));
    let backend = Backend { entries: faulty.clone(), ..world.backend.clone() };
    let cache = TokenCache::sealed(backend, ring.clone()).clock(Arc::new(clock.clone())).build();
    let failing = world.process(cache);
    faulty.switches().fail();
    output.refused(failing.client.account(&world.id(&ada)).token("User.Read").await, ErrorKind::Unavailable);
    output.shown(&failing.client.on_behalf_of(&fresh).token("User.Read").await.unwrap());
    output.refused(failing.client.sign_out(&world.id(&ada)).await, ErrorKind::Unavailable);
    faulty.switches().heal();
    faulty.switches().fail_writes(absentia_store::ErrorKind::Full);
    output.shown(&failing.client.app().token("https://graph.microsoft.com//.default").await.map_err(drop));
    output.refused(world.sign_in_for(&failing.client, &grace, "User.Read").await, ErrorKind::Unavailable);
    output.refused(failing.client.start_long_running(&fresh).token("User.Read").await, ErrorKind::Unavailable);
    let backend = Backend { entries: Arc::new(Panicking(world.backend.entries.clone())), ..world.backend.clone() };
    let cache = TokenCache::sealed(backend, ring.clone()).clock(Arc::new(clock.clone())).build();
    let panicking = world.process(cache);
    output.refused(panicking.client.start_long_running(&fresh).token("User.Read").await, ErrorKind::Unavailable);
    let another = KeyRing::ephemeral(&OsRandom).unwrap();
    let cache = TokenCache::sealed(world.backend.clone(), another).clock(Arc::new(clock.clone())).build();
    let stranger = world.process(cache);
    output.refused(stranger.client.account(&world.id(&ada)).token("User.Read").await, ErrorKind::InteractionRequired);
    assert!(stranger.cache.counters().get(Counter::UnknownKey) > 0);

    // What apps do with values: unwrap, expect, assert.
    for panic in [
        std::panic::catch_unwind(|| unwrap(Err(token.clone()))),
        std::panic::catch_unwind(|| unwrap(Err(assertion.clone()))),
        std::panic::catch_unwind(|| unwrap(Err(pending.clone()))),
        std::panic::catch_unwind(|| assert_eq!(secret, Secret::new("another"))),
    ] {
        panic.unwrap_err();
    }
    tokio::spawn(std::future::ready(()).then_panic(signed_in.token.clone())).await.unwrap_err();

    // Every other public value that holds or held one.
    let identity = Identity {
        client_id: app.client_id().into(),
        authority: world.client.authority().clone(),
        subject: Subject::Account(world.id(&ada)),
        layout: absentia_cache::Layout::Native,
    };
    let loaded = world.cache.load(&identity).await.unwrap();
    output.shown(&loaded);
    let Loaded::Found { partition, .. } = loaded else { panic!("gone") };
    let sections =
        [Section::AccessToken, Section::RefreshToken, Section::IdToken, Section::Account, Section::AppMetadata];
    for entity in sections.into_iter().flat_map(|section| partition.section(section)) {
        output.shown(entity);
    }
    let stored = partition.section(Section::RefreshToken)[0].text("secret");
    let id_token = partition.section(Section::IdToken)[0].text("secret");
    let access_token = token.secret().expose();
    output.shown(&Jwt::parse(access_token).unwrap());
    output.shown(&Jwt::parse(id_token).unwrap());
    output.shown(&IdTokenClaims::unverified(id_token).is_ok());
    let scopes = Scopes::from("User.Read");
    for form in [
        client_credentials::form(app.client_id(), scopes),
        authorization_code::form(app.client_id(), &code, REDIRECT, &pending.verifier, scopes),
        on_behalf_of::form(app.client_id(), assertion.secret(), scopes),
        refresh_token::form(app.client_id(), &Secret::new(stored), scopes),
    ] {
        let form = form.client_secret(&secret);
        output.shown(&form);
        output.shown(&HttpRequest {
            method: Method::Post,
            url: format!("http://localhost/token?code={}", code.expose()),
            headers: vec![("authorization", format!("Bearer {access_token}"))],
            body: form.encode(),
        });
    }
    let body = serde_json::json!({
        "access_token": access_token, "refresh_token": stored, "id_token": id_token, "token_type": "Bearer", "expires_in": 60
    })
    .to_string();
    let answer = response::Answer { status: 200, retry_after: &[], body: body.as_bytes(), now: 0 };
    output.shown(&response::read(&answer, std::iter::empty()).unwrap());
    output.shown(&HttpResponse {
        status: 200,
        headers: vec![("set-cookie".into(), access_token.to_owned())],
        body: body.into(),
    });
    output.failed(&HttpError::new(true, "the connection broke"));
    output.shown(&SystemHttp::new().unwrap());
    output.shown(&challenge::Challenge::parse("Bearer error=\"insufficient_claims\"").is_some());
    output.shown(&secret);
    output.shown(&ring);
    output.shown(&key);
    for value in [
        &world.client as &dyn Debug,
        world.client.discovery(),
        &world.cache,
        world.cache.counters(),
        &world.backend,
        &world.entra,
        world.entra.directory(),
        &ada,
        &app,
        &identity,
        &file.config,
        &Version::new(vec![1]),
    ] {
        output.shown(value);
    }
    output.shown(&world.entra.issued());
    output.shown(&world.client.accounts(&AccountQuery::default()).await.unwrap());
    let sealed = ring.seal("cookie", access_token.as_bytes(), SystemClock.now(), &OsRandom).unwrap();
    output.clone().write_all(&sealed).unwrap();
    output.shown(&SqliteStore::open(&file.config, Arc::new(clock.clone())).await.unwrap());
    settings(output, sought);

    // The end: what Entra revoked, and what was signed out.
    world.entra.revoke_sessions(&ada);
    world.advance(Duration::from_secs(5 * 3600));
    output.refused(account.token("User.Read").await, ErrorKind::InteractionRequired);
    output.shown(&world.client.stop_long_running(&key).await.unwrap());

    // What the file holds while there is something in it; everything in its folder but the ring itself.
    for file in std::fs::read_dir(file.config.path.parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        if path != ring_path {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.is_empty());
            output.clone().write_all(&bytes).unwrap();
        }
    }
    output.shown(&world.client.sign_out(&world.id(&ada)).await.unwrap());
    output.shown(&world.client.sign_out(&world.id(&grace)).await.unwrap());
    world
}

/// An app's settings, right and wrong.
fn settings(output: &Output, sought: &mut Vec<Sought>) {
    use absentia_config::{Configuration, Need, Settings};
    let (client_secret, password) = ("a client secret of the settings file", "a-password-of-a-database-server");
    sought.push(Sought::new("setting", client_secret));
    sought.push(Sought::new("setting", password));
    for (tenant, database) in [
        ("22222222-dddd-4eee-8fff-000000000002", format!("Server=db;Database=x;User Id=sa;Password={password}")),
        ("no tenant!", format!("Server=db;Database=x;Nonsense=1;Password={password}")),
        ("no tenant!", format!("mssql://sa:{password}@")),
        ("", format!("Password={password}")),
    ] {
        let json = serde_json::json!({
            "AzureAd": { "TenantId": tenant, "ClientSecret": client_secret },
            "ConnectionStrings": { "TokenCacheDbConnStr": database,
                "TokenCacheRedisConnStr": format!("cache:6380,password={password},ssl=perhaps") }
        });
        let configuration = Configuration::parse("appsettings.json", json.to_string().as_bytes(), []).unwrap();
        output.shown(&configuration);
        match Settings::from_configuration(&configuration, &[Need::ClientId]) {
            Ok(settings) => output.shown(&settings),
            Err(error) => output.failed(&error),
        }
        if let Ok(settings) = Settings::from_configuration(&configuration, &[]) {
            output.shown(&settings);
            output.shown(&settings.store_plan());
            output.failed(&settings.confidential_client().map(drop).unwrap_err());
        }
    }
    let broken = format!("{{ \"AzureAd\": {{ \"ClientSecret\": \"{client_secret}\" \"x\" }} }}");
    output.failed(&Configuration::parse("appsettings.json", broken.as_bytes(), []).map(drop).unwrap_err());
}

fn unwrap(result: Result<(), impl Debug>) {
    result.unwrap();
}

/// Panics with a value, in a task of its own.
trait ThenPanic: Future<Output = ()> + Sized + Send + 'static {
    fn then_panic(self, value: impl Debug + Send + 'static) -> impl Future<Output = ()> + Send + 'static {
        async move {
            self.await;
            panic!("{value:?}");
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> ThenPanic for F {}

fn by_kind<'a>(kinds: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    kinds.fold(BTreeMap::new(), |mut count, kind| {
        *count.entry(kind).or_default() += 1;
        count
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_written_holds_a_secret_and_one_that_is_logged_is_caught() {
    let output = listen();
    let mut sought = Vec::new();
    let world = scenarios(&output, &mut sought).await;
    sought.extend(secrecy::issued(&world.entra.issued()));
    let written = output.take();
    let kinds = by_kind(sought.iter().map(|secret| secret.kind.as_str()));
    println!("searched {} bytes for {kinds:?}", written.len());

    // There was something to find, and somewhere to find it.
    let issued = ["AuthorizationCode", "AccessToken", "RefreshToken", "IdToken", "SessionCookie", "ClientSecret"];
    let own = ["PKCE verifier", "nonce", "key of the ring", "long-running key", "wrong client secret", "setting"];
    for kind in issued.into_iter().chain(own) {
        assert!(kinds.get(kind).is_some_and(|count| *count > 0), "no {kind} to look for: {kinds:?}");
    }
    let known = |kind: &SecretKind| kinds.contains_key(format!("{kind:?}").as_str()) || *kind == SecretKind::Password;
    assert!(world.entra.issued().iter().all(|secret| known(&secret.kind)), "a kind of secret is not looked for");
    let text = String::from_utf8_lossy(&written);
    for heard in ["TRACE", "WARN", "absentia::", "absentia_cache::", "hyper", "log ", "panicked at", "AADSTS7000215"] {
        assert!(text.contains(heard), "nothing of {heard} was heard");
    }
    assert!(text.contains("SQLite format 3"), "no database was looked at");

    let found = secrecy::find(&sought, &written);
    let places: String = found.iter().take(20).fold(String::new(), |mut places, found| {
        let around = &written[found.at.saturating_sub(160)..found.at];
        writeln!(places, "{found:?} after {:?}", String::from_utf8_lossy(around)).unwrap();
        places
    });
    assert!(found.is_empty(), "{} times: {:?}\n{places}", found.len(), by_kind(found.iter().map(|f| f.kind.as_str())));

    // The same net, with a fish in it: each kind, in each spelling, through the log.
    let encode = |bytes: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    for kind in kinds.keys() {
        let secret = sought.iter().find(|secret| secret.kind == *kind).unwrap();
        let text = String::from_utf8_lossy(secret.reveal());
        tracing::debug!("logged on purpose: {text}");
        if !text.contains('\u{fffd}') {
            assert!(secrecy::find(&sought, output.take()).iter().any(|found| found.kind == *kind), "{kind}");
        }
        tracing::trace!(authorization = encode(&[b"client:", secret.reveal()].concat()), "logged on purpose");
        let heard = output.take();
        assert!(secrecy::find(&sought, heard).iter().any(|found| found.kind == *kind), "{kind}");
        log::info!("{:?}", secret.reveal().escape_ascii().to_string());
        assert!(!output.take().is_empty());
    }
}

/// Shown on purpose, so that the helpers above are not the reason why nothing is found.
#[test]
fn what_shows_a_secret_is_seen() {
    #[derive(Debug)]
    struct Leaks(#[expect(dead_code, reason = "shown")] String);
    impl Display for Leaks {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no")
        }
    }
    impl StdError for Leaks {}
    let output = Output::default();
    let secret = [Sought::new("x", "a secret of nobody")];
    output.failed(&Leaks("a secret of nobody".into()));
    assert_eq!(secrecy::find(&secret, output.take()).len(), 2, "{{:?}} and {{:#?}}");
    output.shown(&Some("a secret of nobody"));
    assert_eq!(secrecy::find(&secret, output.take()).len(), 2);
}
