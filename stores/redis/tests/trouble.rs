//! What becomes of a call when the server is gone, full, read-only, silent, or not what it should be.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use absentia_redis::{RedisConfig, RedisStore};
use absentia_store::{
    Change, Error, ErrorKind, Expiry, Key, Removal, Removed, Result, Store, SystemClock, WatchStore, When, Written,
};
use bytes::Bytes;
use support::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

async fn open(text: &str) -> Result<RedisStore> {
    RedisStore::open(&RedisConfig::parse(text)?, Arc::new(SystemClock)).await
}

async fn put(store: &RedisStore, name: &str, bytes: usize) -> Result<Written> {
    store.put(&Key::new(name), Bytes::from(vec![7; bytes]), When::Absent, Expiry::default()).await
}

async fn is_there(store: &RedisStore, name: &str) -> bool {
    store.get(&Key::new(name)).await.unwrap().is_some()
}

fn assert_says(error: &Error, kind: ErrorKind, says: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(says), "{error} does not say {says}");
}

/// Tries until it is done: what a caller does that comes again.
async fn in_the_end<T>(mut call: impl AsyncFnMut() -> Result<T>) -> T {
    let started = SystemClock;
    for _ in 0..600 {
        if let Ok(answer) = call().await {
            return answer;
        }
        absentia_store::Clock::sleep(&started, Duration::from_millis(50)).await;
    }
    panic!("not within 30 s");
}

#[tokio::test]
async fn a_killed_server_is_unavailable_and_comes_back() {
    let mut server = Server::start(&[]);
    let store = open(&server.address()).await.unwrap();
    put(&store, "ada", 10).await.unwrap();
    let mut watch = store.watch().await.unwrap();
    server.stop();
    for _ in 0..2 {
        let error = store.get(&Key::new("ada")).await.unwrap_err();
        assert_says(&error, ErrorKind::Unavailable, &format!("redis {}: could not read an entry", server.address()));
    }
    assert_says(&put(&store, "eve", 10).await.unwrap_err(), ErrorKind::Unavailable, "nobody listens there");
    assert_says(&watch.next().await.unwrap_err(), ErrorKind::Unavailable, "watch for changes");
    server.begin();
    assert!(is_there(&store, "ada").await, "the first call after the restart is answered");
    assert_eq!(watch.next().await.unwrap(), [Change::Lost]);
    put(&store, "eve", 10).await.unwrap();
    assert!(matches!(&watch.next().await.unwrap()[..], [Change::Written(key, _)] if key.as_str() == "eve"));
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = Server::start(&[]);
    let store = open(&server.address()).await.unwrap();
    let Written::Done(version) = put(&store, "ada", 10).await.unwrap() else { panic!("nobody else writes") };
    server.stop();
    server.begin();
    // Its scripts are forgotten too.
    let written = store.put(&Key::new("ada"), Bytes::new(), When::Unchanged(version), Expiry::default()).await.unwrap();
    assert!(matches!(written, Written::Done(_)));
    server.stop();
    server.begin();
    assert_eq!(store.remove(&Key::new("ada"), Removal::SignOut).await.unwrap(), Removed::Done);
}

#[tokio::test]
async fn whether_a_server_must_be_there_is_said_by_abort_connect() {
    let port = support::free_port();
    let error = open(&format!("127.0.0.1:{port}")).await.unwrap_err();
    assert_says(&error, ErrorKind::Unavailable, "could not connect: nobody listens there");
    let store = open(&format!("127.0.0.1:{port},abortConnect=false")).await.unwrap();
    assert_eq!(put(&store, "ada", 1).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_replica_is_read_and_not_written() {
    let primary = Server::start(&[]);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &primary.port.to_string()]);
    replica.wait_for_info("replication", "master_link_status:up");
    let (store, reader) = (open(&primary.address()).await.unwrap(), open(&replica.address()).await.unwrap());
    let slides = Expiry { sliding: Some(Duration::from_secs(5)), absolute: None };
    store.put(&Key::new("ada"), Bytes::new(), When::Absent, slides).await.unwrap();
    support::wait_until("a tenth of the window passed", || {
        replica.cli(&["PTTL", "ada"]).parse::<i64>().unwrap() < 4_400
    });
    assert!(is_there(&reader, "ada").await, "it cannot be re-armed, and is read all the same");
    let error = put(&reader, "eve", 1).await.unwrap_err();
    assert_says(&error, ErrorKind::ReadOnly, "name the primary, or all endpoints");
    // All endpoints named, in any order: the primary is found.
    let both = open(&format!("{},{}", replica.address(), primary.address())).await.unwrap();
    put(&both, "eve", 1).await.unwrap();
}

#[tokio::test]
async fn a_full_server_refuses_writes_and_reads_on() {
    let server = Server::start(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]);
    let store = open(&server.address()).await.unwrap();
    put(&store, "ada", 10).await.unwrap();
    let mut full = None;
    for number in 0..100 {
        if let Err(error) = put(&store, &format!("filler {number}"), 100_000).await {
            full = Some(error);
            break;
        }
    }
    assert_says(&full.unwrap(), ErrorKind::Full, "maxmemory");
    assert!(is_there(&store, "ada").await);
    assert_eq!(
        store.remove(&Key::new("ada"), Removal::SignOut).await.unwrap(),
        Removed::Done,
        "a sign-out frees memory"
    );
}

#[tokio::test]
async fn what_another_program_keeps_is_no_entry_and_is_left_alone() {
    let server = Server::start(&[]);
    let store = open(&server.address()).await.unwrap();
    server.cli(&["SET", "ada", "a string"]);
    server.cli(&["HSET", "eve", "absexp", "-1"]);
    put(&store, "bob", 1).await.unwrap();
    let found = store.get_many(&["ada", "eve", "bob"].map(Key::new)).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, false, true]);
    for error in [put(&store, "ada", 1).await.err(), store.remove(&Key::new("ada"), Removal::SignOut).await.err()] {
        assert_says(&error.unwrap(), ErrorKind::Config, "ConnectionStrings:TokenCacheRedisInstanceName");
    }
    assert_eq!(server.cli(&["GET", "ada"]), "a string");
    assert!(matches!(put(&store, "eve", 1).await.unwrap(), Written::Done(_)), "a HASH without data is no entry");
}

#[tokio::test]
async fn a_silent_server_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!("127.0.0.1:{port},connectTimeout=300,syncTimeout=300");
    let error = tokio::time::timeout(Duration::from_secs(10), open(&text)).await.unwrap().unwrap_err();
    assert_says(&error, ErrorKind::Unavailable, "no answer in time");
}

#[tokio::test]
async fn a_server_of_another_kind_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = tokio::time::timeout(Duration::from_secs(10), open(&address.to_string())).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

/// Passes bytes on, and loses the answers to come of the connections that are open when told to.
struct Lossy {
    address: String,
    /// How many answers are still to be lost.
    to_lose: Arc<AtomicUsize>,
}

impl Lossy {
    async fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lossy = Self { address: listener.local_addr().unwrap().to_string(), to_lose: Arc::default() };
        let (to_lose, server) = (lossy.to_lose.clone(), server.address());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, to_lose.clone()));
            }
        });
        lossy
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, to_lose: Arc<AtomicUsize>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => match read {
                Ok(length) if length > 0 => server.write_all(&asked[..length]).await.unwrap(),
                _ => return,
            },
            read = server.read(&mut answered) => match read {
                Ok(length) if length > 0 => {
                    // The connection ends, and with it this answer.
                    let lose = to_lose.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
                    if lose.is_ok() {
                        return;
                    }
                    client.write_all(&answered[..length]).await.unwrap();
                }
                _ => return,
            },
        }
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_knows_itself_again() {
    let server = Server::start(&[]);
    let lossy = Lossy::before(&server).await;
    let store = open(&lossy.address).await.unwrap();
    // So that the script is there, and the lost answer is the write's.
    put(&store, "before", 1).await.unwrap();
    for number in 0..20 {
        lossy.to_lose.store(1, Ordering::Release);
        let name = format!("key {number}");
        let Written::Done(version) = put(&store, &name, 10).await.unwrap() else {
            panic!("its own write was taken for another's")
        };
        assert_eq!(lossy.to_lose.load(Ordering::Acquire), 0, "nothing was lost");
        assert_eq!(store.get(&Key::new(&name)).await.unwrap().unwrap().version, version);
        assert_eq!(put(&store, &name, 10).await.unwrap(), Written::Conflict);
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_does_not_stop_the_connection_from_coming_about() {
    let mut server = Server::start(&[]);
    let store = open(&server.address()).await.unwrap();
    server.stop();
    assert!(put(&store, "ada", 1).await.is_err());
    server.begin();
    for _ in 0..3 {
        // Dropped at once, before an answer can be there.
        let _ = tokio::time::timeout(Duration::ZERO, put(&store, "eve", 1)).await;
    }
    in_the_end(async || put(&store, "ada", 1).await).await;
    assert!(is_there(&store, "ada").await);
}
