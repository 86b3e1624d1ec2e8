//! Processes that are killed with SIGKILL: at random instants while two of them commit to one SQLite file, and at each
//! named point of a commit, a sign-out and the creation of a key ring; at random instants while keys are rotated and
//! retired. What was acknowledged must be there, the file must
//! be whole, and whoever comes next must be able to go on.
//!
//! What a kill may leave behind, and what ends it:
//! * a row without an entry (killed between the two): `healthy` until a flight finds nothing and says `entry_missing`,
//!   which is what a worker writes into the row; a sign-in or a repeated sign-out ends it too;
//! * an entry of an account that signed out meanwhile (killed between a first write and the removal it owed): no worker
//!   claims the account, its access token serves whoever asks until it ends, and the refresh that follows ends in "must
//!   sign in" and removes it; so does a repeated sign-out;
//! * a `.key-ring-*` file beside the ring's name, which is never read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use absentia::{ErrorKind, KeyRing, TokenCache, store::AccountState};
use absentia_cache::{Base, ChangeKind, Committed, Loaded, OsRandom};
use absentia_sqlite::{SqliteConfig, SqliteStore};
use absentia_store::{AccountStore as _, Backend, ClaimRequest, Clock as _, SystemClock};
use absentia_tests::{
    committing::{self, CLIENT, HOME},
    dice::Dice,
};

const KILLS: usize = 200;
const RING_KILLS: usize = 60;

/// The machine's time since some instant: kills come at instants, so a real clock is the subject here.
fn spin(microseconds: u64) {
    let until = SystemClock.monotonic() + Duration::from_micros(microseconds);
    while SystemClock.monotonic() < until {
        std::hint::spin_loop();
    }
}

fn child(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_committer"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sends SIGKILL, and shows what the process said to its last.
fn kill(mut child: Child) {
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(running && said.is_empty(), "it had ended before it was killed: {said}");
}

struct Folder {
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Folder {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.db");
        SqliteStore::create(&SqliteConfig::new(&file), Arc::new(SystemClock)).await.unwrap();
        KeyRing::create(&file.with_extension("keys"), SystemClock.now(), &OsRandom).unwrap();
        Self { file, _folder: folder }
    }

    /// With the user signed in.
    async fn signed_in() -> Self {
        let folder = Self::new().await;
        folder.sign_in().await;
        folder
    }

    fn path(&self) -> &str {
        self.file.to_str().unwrap()
    }

    /// A process that starts now: nothing in memory.
    async fn open(&self) -> (Arc<SqliteStore>, TokenCache) {
        let store = committing::open(&self.file).await;
        let cache = committing::cache(&self.file, Backend::of("sqlite", &store));
        (store, cache)
    }

    async fn load(&self) -> Loaded {
        self.open().await.1.load(&committing::identity(HOME)).await.unwrap()
    }

    async fn sign_in(&self) {
        let (store, cache) = self.open().await;
        let generation = store.generation(CLIENT, HOME).await.unwrap();
        let base = Base::from(cache.load(&committing::identity(HOME)).await.unwrap());
        let change = committing::change(HOME, ChangeKind::SignIn, "a", 1);
        let activity = committing::activity(HOME, Some(generation));
        let committed = cache.commit(&committing::identity(HOME), base, &change, Some(&activity)).await.unwrap();
        assert!(matches!(committed, Committed::Stored { .. }), "{committed:?}");
        let row = store.account(CLIENT, HOME).await.unwrap().unwrap();
        assert_eq!((row.state(), row.grants.len()), (AccountState::Healthy, 1));
        assert_eq!(committing::number(&self.load().await, "a"), 1);
    }

    async fn sign_out(&self) -> usize {
        committing::client(&self.open().await.1).sign_out(&committing::account(HOME)).await.unwrap().entries
    }

    async fn state(&self) -> Option<AccountState> {
        self.open().await.0.account(CLIENT, HOME).await.unwrap().map(|row| row.state())
    }

    async fn grants(&self) -> usize {
        self.open().await.0.account(CLIENT, HOME).await.unwrap().map_or(0, |row| row.grants.len())
    }

    /// How many accounts a worker would act for.
    async fn claimed(&self) -> usize {
        let request = ClaimRequest {
            client_id: CLIENT.into(),
            idle_before: SystemClock.now() + Duration::from_secs(3600),
            pass: Some(SystemClock.now()),
            username: None,
            lease: Duration::from_millis(1),
            limit: 10,
        };
        self.open().await.0.claim(&request, SystemClock.now()).await.unwrap().len()
    }

    /// Whether a flight for the user ends with "must sign in", and why. It never reaches Entra, where nobody answers.
    async fn must_sign_in(&self) -> Option<String> {
        let client = committing::client(&self.open().await.1);
        let error = client.account(&committing::account(HOME)).token("a.Read").await.err()?;
        assert_eq!(error.kind(), ErrorKind::InteractionRequired, "{error}");
        Some(error.reason())
    }

    /// Whether a refresh that began from what is stored now could commit.
    async fn could_refresh(&self) -> bool {
        let (_, cache) = self.open().await;
        let base = Base::from(cache.load(&committing::identity(HOME)).await.unwrap());
        let change = committing::change(HOME, ChangeKind::Refresh, "a", 9);
        let activity = committing::activity(HOME, None);
        let committed = cache.commit(&committing::identity(HOME), base, &change, Some(&activity)).await.unwrap();
        matches!(committed, Committed::Stored { .. })
    }

    fn is_whole(&self) -> bool {
        is_whole(&self.file)
    }
}

fn is_whole(file: &Path) -> bool {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap() == "ok"
}

/// A process that commits without pause, and what it was acknowledged.
struct Committer {
    name: &'static str,
    child: Child,
    acknowledged: Arc<AtomicU64>,
    conflicts: Arc<AtomicU64>,
    listener: JoinHandle<()>,
}

impl Committer {
    fn start(name: &'static str, folder: &Folder) -> Self {
        let mut child = child(&["commit", folder.path(), name]);
        let output = BufReader::new(child.stdout.take().unwrap());
        let (acknowledged, conflicts) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let listener = std::thread::spawn({
            let (acknowledged, conflicts) = (acknowledged.clone(), conflicts.clone());
            move || {
                for line in output.lines() {
                    let line = line.unwrap();
                    // A line that was cut off was not heard, and so nothing was acknowledged.
                    let mut words = line.split(' ');
                    if let (Some("ACK"), Some(Ok(number)), Some(Ok(lost))) =
                        (words.next(), words.next().map(str::parse), words.next().map(str::parse))
                    {
                        conflicts.store(lost, Ordering::SeqCst);
                        acknowledged.store(number, Ordering::SeqCst);
                    }
                }
            }
        });
        Self { name, child, acknowledged, conflicts, listener }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Waits until it was acknowledged more than `number`.
    async fn beyond(&mut self, number: u64) {
        let began = SystemClock.monotonic();
        while self.acknowledged() <= number {
            assert!(SystemClock.monotonic() - began < Duration::from_secs(30), "{} stands still", self.name);
            assert!(self.child.try_wait().unwrap().is_none(), "{} ended", self.name);
            SystemClock.sleep(Duration::from_millis(1)).await;
        }
    }

    /// Kills it. Answers the last number it was acknowledged, and the races it lost.
    fn kill(self) -> (u64, u64) {
        kill(self.child);
        self.listener.join().unwrap();
        (self.acknowledged.load(Ordering::SeqCst), self.conflicts.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn what_was_acknowledged_outlives_two_hundred_kills_of_one_of_two_writers() {
    let folder = Folder::signed_in().await;
    let mut dice = Dice::seeded_by("ABSENTIA_KILL_SEED");
    let names = ["a", "b"];
    let mut running = names.map(|name| Some(Committer::start(name, &folder)));
    let (mut last, mut races) = ([0, 0], 0);
    let mut kills = 0;
    while kills < KILLS {
        let victim = dice.below(2) as usize;
        // Mostly amid its work, now and then while it starts; now and then both, so that the log is recovered.
        let amid = dice.below(8) != 0;
        let both = dice.below(16) == 0;
        if amid {
            let until = last[victim] + dice.below(4);
            running[victim].as_mut().unwrap().beyond(until).await;
        }
        spin(dice.below(3_000));
        for index in [victim, 1 - victim].into_iter().take(1 + usize::from(both)) {
            let (acknowledged, lost) = running[index].take().unwrap().kill();
            last[index] = last[index].max(acknowledged);
            races += lost;
            kills += 1;
        }
        for (index, committer) in running.iter().enumerate() {
            if let Some(committer) = committer {
                last[index] = last[index].max(committer.acknowledged());
            }
        }
        let (store, cache) = folder.open().await;
        let loaded = cache.load(&committing::identity(HOME)).await.unwrap();
        for (name, last) in names.iter().zip(last) {
            let found = committing::number(&loaded, name);
            assert!(found >= last, "kill {kills}: {name} was acknowledged {last}, found was {found}");
        }
        let row = store.account(CLIENT, HOME).await.unwrap().unwrap();
        assert_eq!((row.state(), row.grants.len()), (AccountState::Healthy, 1));
        assert!(folder.is_whole(), "kill {kills}");
        for (name, place) in names.iter().zip(&mut running) {
            // It starts from the file that the kill left: had that failed, it would never be acknowledged again.
            place.get_or_insert_with(|| Committer::start(name, &folder));
        }
    }
    for (index, committer) in running.iter_mut().enumerate() {
        let mut committer = committer.take().unwrap();
        committer.beyond(last[index]).await;
        races += committer.kill().1;
    }
    assert!(last.iter().all(|last| *last > 20) && races > 0, "they hardly met: {last:?}, {races} races");
    eprintln!("{kills} kills, {last:?} commits, {races} of them merged");
}

/// A process that goes from point to point and waits at each.
struct Stopped {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Stopped {
    fn start(arguments: &[&str]) -> Self {
        let mut child = child(arguments);
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn hears(&mut self, expected: &str) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        if line.trim() != expected {
            self.child.kill().unwrap();
            let mut said = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("expected {expected}, it said {line:?} {said}");
        }
    }

    fn go_on(&mut self) {
        self.input.write_all(b"go\n").unwrap();
    }

    fn kill(self) {
        kill(self.child);
    }
}

/// Runs `work` to the point, and kills it there.
async fn killed_at(folder: &Folder, work: &str, point: &str) {
    let mut process = Stopped::start(&[work, folder.path(), point]);
    process.hears(&format!("AT {point}"));
    process.kill();
    assert!(folder.is_whole(), "{work} {point}");
}

#[tokio::test]
async fn a_first_write_killed_at_each_of_its_points_leaves_what_the_next_flight_repairs() {
    // Where, whether its row is there, whether its entry is.
    for (point, row, entry) in [
        ("before-row", false, false),
        ("after-row", true, false),
        ("before-put", true, false),
        ("after-put", true, true),
        ("before-check", true, true),
        ("after-check", true, true),
    ] {
        let folder = Folder::new().await;
        killed_at(&folder, "first-write", point).await;
        assert_eq!(folder.state().await, row.then_some(AccountState::Healthy), "{point}");
        assert_eq!(committing::number(&folder.load().await, "a"), u64::from(entry), "{point}");
        // A row without an entry is claimed, and the flight says what the worker then writes into the row.
        assert_eq!(folder.claimed().await, usize::from(row), "{point}");
        let expected = (!entry).then(|| "entry_missing".to_owned());
        assert_eq!(folder.must_sign_in().await, expected, "{point}");

        // Each of the two ways on: she signs in again, or out.
        folder.sign_in().await;
        assert_eq!(folder.must_sign_in().await, None, "{point}");

        let folder = Folder::new().await;
        killed_at(&folder, "first-write", point).await;
        assert_eq!(folder.sign_out().await, usize::from(entry), "{point}");
        assert_eq!((folder.state().await, folder.grants().await), (Some(AccountState::Revoked), 0), "{point}");
        assert!(matches!(folder.load().await, Loaded::Absent), "{point}");
    }
}

#[tokio::test]
async fn a_superseded_first_write_killed_before_its_removal_does_not_outlive_the_next_refresh_or_sign_out() {
    for (point, left) in
        [("after-put", true), ("before-check", true), ("before-removal", true), ("after-removal", false)]
    {
        let folder = Folder::new().await;
        let mut process = Stopped::start(&["first-write", folder.path(), "before-put", point]);
        process.hears("AT before-put");
        // Her sign-out, in another process, between the row and the entry.
        assert_eq!(folder.sign_out().await, 0);
        process.go_on();
        process.hears(&format!("AT {point}"));
        process.kill();
        assert!(folder.is_whole(), "{point}");

        assert_eq!(matches!(folder.load().await, Loaded::Found { .. }), left, "{point}");
        assert_eq!((folder.state().await, folder.grants().await), (Some(AccountState::Revoked), 0), "{point}");
        assert_eq!(folder.claimed().await, 0, "{point}: no worker acts for her");
        // Each of the two ways on: a sign-out that finds it without a row, or a refresh that learns of the sign-out.
        if point == "before-check" {
            assert_eq!(folder.sign_out().await, 1);
        } else {
            assert!(!folder.could_refresh().await, "{point}: she signed out");
        }
        assert_eq!((folder.state().await, folder.grants().await), (Some(AccountState::Revoked), 0), "{point}");
        assert!(matches!(folder.load().await, Loaded::Absent), "{point}");
        assert_eq!(folder.sign_out().await, 0, "{point}");
        folder.sign_in().await;
        assert!(folder.could_refresh().await);
    }
    // Not killed, it keeps its word.
    let folder = Folder::new().await;
    let mut process = Stopped::start(&["first-write", folder.path(), "before-put"]);
    process.hears("AT before-put");
    folder.sign_out().await;
    process.go_on();
    process.hears("GONE");
    assert!(matches!(folder.load().await, Loaded::Absent));
    process.child.wait().unwrap();
}

#[tokio::test]
async fn a_sign_out_killed_at_each_of_its_points_is_finished_by_the_next() {
    for (point, revoked, entries, grants) in [
        ("before-revoke", false, 1, 1),
        ("after-revoke", true, 1, 1),
        ("before-removal", true, 1, 1),
        ("after-removal", true, 0, 1),
        ("before-forget", true, 0, 1),
        ("after-forget", true, 0, 0),
    ] {
        let folder = Folder::signed_in().await;
        killed_at(&folder, "sign-out", point).await;
        assert_eq!(folder.state().await == Some(AccountState::Revoked), revoked, "{point}");
        assert_eq!(folder.claimed().await, usize::from(!revoked), "{point}: no worker acts for a revoked account");
        assert_eq!(folder.grants().await, grants, "{point}");
        assert_eq!(usize::from(matches!(folder.load().await, Loaded::Found { .. })), entries, "{point}");
        if entries == 0 {
            assert_eq!(folder.must_sign_in().await.as_deref(), Some("entry_missing"), "{point}");
        }
        // The caller never heard that it was done, and calls again.
        assert_eq!(folder.sign_out().await, entries, "{point}");
        assert!(!folder.could_refresh().await, "{point}");
        assert_eq!((folder.state().await, folder.grants().await), (Some(AccountState::Revoked), 0), "{point}");
        assert!(matches!(folder.load().await, Loaded::Absent), "{point}");
        folder.sign_in().await;

        // Or nobody repeats it, and a refresh comes: it brings nothing back.
        let folder = Folder::signed_in().await;
        killed_at(&folder, "sign-out", point).await;
        assert_eq!(folder.could_refresh().await, !revoked, "{point}");
        assert_eq!(matches!(folder.load().await, Loaded::Found { .. }), !revoked, "{point}");
    }
}

#[tokio::test]
async fn a_killed_creation_of_a_key_ring_leaves_a_whole_ring_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice::seeded_by("ABSENTIA_KILL_SEED");
    let mut created = 0;
    for _ in 0..RING_KILLS {
        let mut process = Stopped::start(&["rings", folder.path().to_str().unwrap(), &created.to_string()]);
        for _ in 0..dice.below(3) {
            process.hears(&format!("RING {created}"));
            created += 1;
        }
        spin(dice.below(10_000));
        process.kill();
        // Those it had no time to tell of are there too, or not.
        while folder.path().join(format!("{created}.keys")).exists() {
            created += 1;
        }
    }
    let (mut rings, mut left) = (0, 0);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(".key-ring-") {
            left += 1;
        } else {
            KeyRing::load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            rings += 1;
        }
    }
    assert!(rings == created && left <= RING_KILLS, "{rings} of {created} rings, {left} temporary files");
    assert!(rings > RING_KILLS / 2 && left > 0, "the kills came too early or too late: {rings}, {left}");
    eprintln!("{rings} rings are whole, {left} temporary files were left");

    // At each draw of random bytes: the temporary file's name, the key's id, the key.
    for drawn in ["1", "2", "3"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.db.keys");
        let mut process = Stopped::start(&["ring", path.to_str().unwrap(), drawn]);
        process.hears("AT draw");
        process.kill();
        assert!(!path.exists(), "draw {drawn}");
        KeyRing::create(&path, SystemClock.now(), &OsRandom).unwrap();
        KeyRing::load(&path).unwrap();
    }
    // What a creation left behind is in nobody's way.
    let path = folder.path().join("tokens.db.keys");
    KeyRing::create(&path, SystemClock.now(), &OsRandom).unwrap();
    KeyRing::load(&path).unwrap();
}

#[tokio::test]
async fn a_killed_rotation_leaves_the_ring_as_it_was_or_as_it_will_be() {
    const HOURS: u64 = 3_600;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.db.keys");
    KeyRing::create(&path, SystemTime::UNIX_EPOCH, &OsRandom).unwrap();
    let mut dice = Dice::seeded_by("ABSENTIA_KILL_SEED");
    let (mut changes, mut untold) = (0, 0);
    for round in 1..=RING_KILLS as u64 {
        // What each time of a key that a killed process added lies before.
        let begin = round * 1_000_000 * HOURS;
        let mut present = ids(&path, begin);
        let mut process = Stopped::start(&["rotations", path.to_str().unwrap(), &begin.to_string()]);
        let mut first = String::new();
        process.output.read_line(&mut first).unwrap();
        spin(dice.below(20_000));
        let Stopped { child, input: _input, output } = process;
        kill(child);
        let rest: Vec<String> = output.lines().map(Result::unwrap).collect();
        for line in std::iter::once(first.trim_end()).chain(rest.iter().map(String::as_str)) {
            match line.split_once(' ').unwrap() {
                ("ADDED", id) => present.push(id.to_owned()),
                ("RETIRED", id) => present.retain(|there| there != id),
                _ => panic!("{line}"),
            }
            changes += 1;
        }
        // What it told of is there, and one more change at the most.
        let after = ids(&path, begin);
        let one_more = after.split_last().is_some_and(|(_, told)| told == present) || present.get(1..) == Some(&after);
        assert!(after == present || one_more, "{after:?} is not {present:?} and a change");
        untold += usize::from(one_more);
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count() - 2;
    assert!(
        left <= RING_KILLS && changes > RING_KILLS && left + untold > 0,
        "the kills came too early or too late: {changes}, {untold}, {left}"
    );
    eprintln!(
        "{changes} changes were told, {untold} kills came after one that was not, {left} temporary files were left"
    );
}

fn ids(path: &Path, now: u64) -> Vec<String> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
    KeyRing::load(path).unwrap().keys(now).unwrap().iter().map(|key| key.id.to_string()).collect()
}
