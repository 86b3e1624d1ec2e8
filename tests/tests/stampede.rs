//! Eight processes of a thousand callers each, who want the same token of an expired partition at once. Entra's journal
//! says how many requests it took.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use absentia::KeyRing;
use absentia_cache::OsRandom;
use absentia_store::{Clock as _, ManualClock, SystemClock};
use absentia_tests::{
    World,
    calling::{Got, Task},
    place::{self, Place},
};

const PROCESSES: usize = 8;
const CALLERS: usize = 1_000;
/// How long after her sign-in they ask, in seconds: her token has expired.
const LATER: u64 = 5 * 3600;
/// How long to wait for any word of a process.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user who signed in long ago, and processes that are ready to ask.
struct Stampede {
    world: World,
    children: Vec<Caller>,
    heard: mpsc::Receiver<(usize, String)>,
    before: usize,
    /// Read by the processes until they end.
    _place: Place,
}

struct Caller {
    child: Child,
    input: ChildStdin,
}

impl Stampede {
    async fn at(place: Place, lease: Duration) -> Self {
        let clock = ManualClock::at(SystemClock.now());
        let backend = place::open(&place.text, Arc::new(clock.clone())).await;
        let file = place.folder.path().join("ring.keys");
        KeyRing::create(&file, SystemClock.now(), &OsRandom).unwrap();
        let ring = KeyRing::load(&file).unwrap();
        let world = World::under(ring, absentia_emulator::Emulator::start().await, backend, clock);
        let ada = world.entra.user("ada");
        world.sign_in(&ada).await.unwrap();
        world.advance(Duration::from_secs(LATER));
        let app = world.entra.app("contoso-app");
        let task = Task {
            store: place.text.clone(),
            ring: file,
            url: world.entra.url().to_owned(),
            tenant: world.entra.tenant_id().to_owned(),
            client_id: app.client_id().to_owned(),
            secret: app.secret().to_owned(),
            account: ada.home_account_id().to_owned(),
            callers: CALLERS,
            ahead: LATER,
            lease: lease.as_millis() as u64,
        };
        let (said, heard) = mpsc::channel();
        let children = (0..PROCESSES).map(|index| Caller::start(index, &task, said.clone())).collect();
        let before = world.entra.journal().token_requests().count();
        let mut stampede = Self { world, children, heard, before, _place: place };
        for _ in 0..PROCESSES {
            assert_eq!(stampede.hear().await.1, "READY");
        }
        stampede
    }

    fn begin(&mut self) {
        for caller in &mut self.children {
            caller.input.write_all(b"go\n").unwrap();
        }
    }

    /// The next word of any process, and whose it is.
    async fn hear(&mut self) -> (usize, String) {
        let began = SystemClock.monotonic();
        loop {
            match self.heard.try_recv() {
                Ok(heard) => return heard,
                Err(error) => assert!(SystemClock.monotonic() - began < PATIENCE, "a process is silent: {error}"),
            }
            SystemClock.sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until `processes` answered. All their callers must have got one token; says how often they asked for it.
    async fn all_get_one_token(&mut self, processes: usize) -> usize {
        let (mut asked, mut tokens) = (0, Vec::new());
        while tokens.len() < processes {
            let (index, line) = self.hear().await;
            if line == "ASKS" {
                asked += 1;
                continue;
            }
            let got: Got = serde_json::from_str(&line).unwrap();
            assert!(got.errors.is_empty(), "process {index}: {got:?}");
            assert_eq!(got.tokens.values().collect::<Vec<_>>(), [&CALLERS], "process {index}: {got:?}");
            tokens.extend(got.tokens.into_keys());
        }
        tokens.dedup();
        assert_eq!(tokens.len(), 1, "different tokens: {tokens:?}");
        asked
    }

    /// How many requests came to the token endpoint, answered or not.
    fn requests(&self) -> usize {
        self.world.entra.journal().token_requests().count() - self.before
    }
}

impl Caller {
    fn start(index: usize, task: &Task, said: mpsc::Sender<(usize, String)>) -> Self {
        let mut child =
            Command::new(env!("CARGO_BIN_EXE_caller")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = said.send((index, line)); // the test may have ended
            }
        });
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{}", serde_json::to_string(task).unwrap()).unwrap();
        Self { child, input }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn one_request(place: Place) {
    let mut stampede = Stampede::at(place, Duration::from_secs(10)).await;
    stampede.world.entra.set_token_delay(Some(Duration::from_millis(500)));
    stampede.begin();
    assert_eq!(stampede.all_get_one_token(PROCESSES).await, 1);
    assert_eq!(stampede.requests(), 1);
}

async fn a_killed_holder_costs_one_more(place: Place) {
    let mut stampede = Stampede::at(place, Duration::from_secs(3)).await;
    stampede.world.entra.set_token_delay(Some(Duration::from_secs(2)));
    stampede.begin();
    let (holder, said) = stampede.hear().await;
    assert_eq!(said, "ASKS");
    let began = SystemClock.monotonic();
    while stampede.requests() == 0 {
        assert!(SystemClock.monotonic() - began < PATIENCE, "the holder's request does not arrive");
        SystemClock.sleep(Duration::from_millis(2)).await;
    }
    // Entra is still busy with it.
    stampede.children[holder].child.kill().unwrap();
    assert_eq!(stampede.all_get_one_token(PROCESSES - 1).await, 1, "one other takes over");
    assert_eq!(stampede.requests(), 2);
}

async fn a_slow_answer_is_waited_for(place: Place) {
    let lease = Duration::from_secs(3);
    let mut stampede = Stampede::at(place, lease).await;
    stampede.world.entra.set_token_delay(Some(lease * 2 + Duration::from_secs(1)));
    stampede.begin();
    assert_eq!(stampede.all_get_one_token(PROCESSES).await, 1);
    assert_eq!(stampede.requests(), 1);
}

async fn sqlite() -> Place {
    Place::sqlite(Arc::new(SystemClock)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_thousand_callers_are_one_request_over_sqlite() {
    one_request(sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_thousand_callers_are_one_request_over_redis() {
    if let Some(place) = Place::redis(&SystemClock).await {
        one_request(place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_killed_amid_its_request_is_two_requests_over_sqlite() {
    a_killed_holder_costs_one_more(sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_killed_amid_its_request_is_two_requests_over_redis() {
    if let Some(place) = Place::redis(&SystemClock).await {
        a_killed_holder_costs_one_more(place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entra_slower_than_the_lease_is_one_request_over_sqlite() {
    a_slow_answer_is_waited_for(sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entra_slower_than_the_lease_is_one_request_over_redis() {
    if let Some(place) = Place::redis(&SystemClock).await {
        a_slow_answer_is_waited_for(place).await;
    }
}
