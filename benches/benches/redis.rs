//! The figures of `docs/performance.md` about Redis: `cargo xtask bench redis`. Starts a server of Debian's `redis-server` on a
//! free port, without a disk.
//!
//! Each is a ratio of two things done in turns in one run: what the cache does, and a client that sends the same commands
//! over a connection of the same library and throws away what comes back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed measurement")]

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use absentia::{TokenAcquirer, TokenCache};
use absentia_benches::{SCOPES, change, client, identity_of, median, partition, user};
use absentia_cache::{Base, ChangeKind, Committed, Identity, KeyRing, Loaded, OsRandom, Section};
use absentia_redis::{RedisConfig, RedisStore};
use absentia_store::{Backend, Clock, SystemClock};
use futures_util::{StreamExt as _, stream};
use redis::{Pipeline, Value, aio::MultiplexedConnection};

/// Users whose entries are read.
const USERS: usize = 10_000;
/// Turns of each comparison.
const TURNS: usize = 7;
/// Reads in a turn.
const READS: usize = 4_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if !words.is_empty() && !words.iter().any(|word| "redis".contains(word.as_str())) {
        return;
    }
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("Redis: not measured, redis-server is not installed");
        return;
    }
    let server = Server::start();
    let config = RedisConfig::new("127.0.0.1", server.port);
    let store = Arc::new(RedisStore::open(&config, Arc::new(SystemClock)).await.unwrap());
    let ring = KeyRing::ephemeral(&OsRandom).unwrap();
    let cache = TokenCache::sealed(Backend::of("redis", &store), ring).build();
    let now = cache.now();
    stream::iter(0..USERS).for_each_concurrent(64, |number| stored(&cache, number, now)).await;
    let url = format!("redis://127.0.0.1:{}/?protocol=resp3", server.port);
    let raw = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = (0..USERS).map(|number| identity_of(number).key().as_str().to_owned()).collect();
    let identities: Vec<Identity> = (0..USERS).map(identity_of).collect();

    for in_flight in [1, 64] {
        let reads = if in_flight == 1 { READS / 4 } else { READS };
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for turn in 0..TURNS {
            let numbers = || (0..reads).map(move |number| (turn * reads + number) * 37 % USERS);
            let bare = each(numbers(), in_flight, |number| read(raw.clone(), &keys[number])).await;
            let hits = each(numbers(), in_flight, |number| hit(&cache, &identities[number])).await;
            ratios.push(hits / bare);
            ours.push(hits);
            theirs.push(bare);
        }
        let (ratio, ours, theirs) = (median(ratios), median(ours), median(theirs));
        figure(&format!("Redis: a hit, read, open and find, {in_flight} in flight"), format!("{ours:.1} µs"), None, "");
        figure(
            "  against the same commands, bytes thrown away",
            format!("{theirs:.1} µs, {ratio:.2} x"),
            Some(ratio <= 1.35),
            "at most 1.35 x",
        );
    }

    // The whole way of a worker: an acquirer for each of 10,000 users, nothing of them in memory.
    let mut shares = Vec::new();
    let mut times = Vec::new();
    for _ in 0..TURNS {
        let bare = each(0..USERS, 64, |number| read(raw.clone(), &keys[number])).await;
        let empty =
            TokenCache::sealed(cache.backend().clone(), cache.key_ring().unwrap().clone()).memory_limit(0).build();
        let client = client(&empty);
        let acquirers: Vec<TokenAcquirer> = (0..USERS).map(|number| client.account(&user(number))).collect();
        let swept = each(0..USERS, 64, |number| token(&acquirers[number])).await;
        shares.push(100.0 * bare / swept);
        times.push(swept * USERS as f64 / 1e6);
    }
    let share = median(shares);
    figure(
        "Redis: tokens of 10,000 users, one after the other, 64 in flight",
        format!("{:.2} s", median(times)),
        None,
        "",
    );
    figure("  its rate against pipelined reads alone", format!("{share:.0} %"), Some(share >= 75.0), "at least 75 %");

    let mut commits = Vec::new();
    let mut writes = Vec::new();
    for turn in 0..TURNS {
        let numbers = (0..1_000).map(|number| (turn * 1_000 + number) % USERS);
        commits.push(each(numbers.clone(), 64, |number| commit(&cache, number, now + turn as u64)).await);
        let value = vec![7_u8; 7_000];
        writes.push(each(numbers, 64, |number| write(raw.clone(), number, &value)).await);
    }
    let (commits, writes) = (1e6 / median(commits), 1e6 / median(writes));
    figure("Redis: commits per second, load, merge, seal, put, 64 in flight", format!("{commits:.0}"), None, "");
    figure("  bare HSETs of 7,000 bytes per second", format!("{writes:.0}"), None, "");
    drop(server);
}

/// One line: what, how much, and whether that is within the target.
fn figure(name: &str, value: String, met: Option<bool>, target: &str) {
    let verdict = match met {
        Some(true) => format!("met ({target})"),
        Some(false) => format!("MISSED ({target})"),
        None => String::new(),
    };
    println!("{name:<64} {value:>22}  {verdict}");
}

/// Does `work` for each number, some at once, and says how long one took on average, in microseconds.
async fn each<F: Future<Output = ()>>(
    numbers: impl Iterator<Item = usize>,
    in_flight: usize,
    work: impl Fn(usize) -> F,
) -> f64 {
    let began = SystemClock.monotonic();
    let count = stream::iter(numbers).map(work).buffer_unordered(in_flight).count().await;
    (SystemClock.monotonic() - began).as_secs_f64() * 1e6 / count as f64
}

/// The commands of a store's read.
async fn read(mut connection: MultiplexedConnection, key: &str) {
    let mut pipeline = Pipeline::with_capacity(2);
    pipeline.cmd("HMGET").arg(key).arg(&["absexp", "sldexp", "data", "version"][..]);
    pipeline.cmd("PTTL").arg(key);
    let answers: Vec<Value> = pipeline.query_async(&mut connection).await.unwrap();
    assert!(matches!(&answers[0], Value::Array(fields) if matches!(fields[2], Value::BulkString(_))));
}

async fn hit(cache: &TokenCache, identity: &Identity) {
    match cache.load(identity).await.unwrap() {
        Loaded::Found { partition, .. } => assert!(partition.access_token(identity, SCOPES.into()).is_some()),
        other => panic!("{other:?}"),
    }
}

async fn token(acquirer: &TokenAcquirer) {
    drop(acquirer.token(SCOPES).await.unwrap());
}

async fn write(mut connection: MultiplexedConnection, number: usize, value: &[u8]) {
    let mut command = redis::cmd("HSET");
    command.arg(format!("bare:{number}")).arg("data").arg(value);
    command.exec_async(&mut connection).await.unwrap();
}

async fn commit(cache: &TokenCache, number: usize, now: u64) {
    let identity = identity_of(number);
    let base = Base::from(cache.load(&identity).await.unwrap());
    let done = cache.commit(&identity, base, &change(number, ChangeKind::Refresh, now), None).await.unwrap();
    assert!(matches!(done, Committed::Stored { .. }));
}

/// Signs a user in, as far as the store sees it.
async fn stored(cache: &TokenCache, number: usize, now: u64) {
    let identity = identity_of(number);
    let mut sign_in = change(number, ChangeKind::SignIn, now);
    for token in partition(number, now).section(Section::AccessToken) {
        sign_in.access_token = Some(token.clone());
        let base = Base::from(cache.load(&identity).await.unwrap());
        let committed = cache.commit(&identity, base, &sign_in, None).await.unwrap();
        assert!(matches!(committed, Committed::Stored { .. }));
    }
}

/// A server of its own, gone with the value.
struct Server {
    port: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { port, child, _folder: folder };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("redis-server did not start")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
