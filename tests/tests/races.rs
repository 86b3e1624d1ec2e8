//! Two processes race for a few users: refreshes, sign-ins and sign-outs, with delays in between. What they wrote down
//! must be a history that can have happened; where the store does not compare, the checker must see it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use absentia_store::{Store as _, SystemClock};
use absentia_tests::{
    committing,
    dice::Dice,
    history::{Act, Event, Violation, check},
    place::{self, Place},
    racing::{Recorder, Recording, USERS, user},
};

/// In the test command, over each store.
const RACES: u64 = 20_000;
/// In the soak, over each store.
const SOAK: u64 = 100_000;
/// Within a fifth of 10,000 a store without a compare must be found out.
const BLIND: u64 = 2_000;

struct Racer {
    child: Child,
    output: BufReader<ChildStdout>,
    file: std::path::PathBuf,
}

impl Racer {
    fn start(place: &Place, name: &str, seed: u64, operations: u64, compare: &str) -> Self {
        let file = place.folder.path().join(format!("{name}.json"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_racer"))
            .args([&place.text, name, &seed.to_string(), &operations.to_string(), compare])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output, file }
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn begin(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }

    /// What it wrote down, and how many commits lost too many races.
    fn end(&mut self) -> (Vec<Event>, u64) {
        let said = self.hear();
        let gave_up = said.strip_prefix("DONE ").unwrap_or_else(|| panic!("it failed: {said}")).parse().unwrap();
        (serde_json::from_reader(BufReader::new(std::fs::File::open(&self.file).unwrap())).unwrap(), gave_up)
    }
}

impl Drop for Racer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole history, with what is read at the end.
async fn race(place: &Place, operations: u64, compare: &str) -> Vec<Event> {
    let mut dice = Dice::seeded_by("ABSENTIA_RACE_SEED");
    let start = |name| Racer::start(place, name, dice.below(u64::MAX), operations / 2, compare);
    let mut racers: Vec<_> = ["a", "b"].map(start).into();
    for racer in &mut racers {
        assert_eq!(racer.hear(), "READY");
    }
    racers.iter_mut().for_each(Racer::begin);
    let (mut events, mut gave_up) = (Vec::new(), 0);
    for racer in &mut racers {
        let (done, lost) = racer.end();
        events.extend(done);
        gave_up += lost;
    }
    let (recorder, backend) = (Recorder::default(), place::open(&place.text, Arc::new(SystemClock)).await);
    let store = Recording { inner: backend.entries, recorder: recorder.clone() };
    for number in 0..USERS {
        store.get(&committing::identity(&user(number)).key()).await.unwrap();
    }
    events.extend(recorder.events());
    let count = |is: fn(&Act) -> bool| events.iter().filter(|event| is(&event.act)).count();
    let stored = count(|act| matches!(act, Act::Put { done: Some(_), .. }));
    let conflicts = count(|act| matches!(act, Act::Put { done: None, .. }));
    let (sign_ins, sign_outs) = (count(|act| matches!(act, Act::SignIn(_))), count(|act| matches!(act, Act::SignOut)));
    eprintln!(
        "{operations} operations, {} calls: {stored} writes, {conflicts} conflicts, {sign_ins} sign-ins, \
         {sign_outs} sign-outs, {gave_up} given up",
        events.len()
    );
    assert!(gave_up < operations / 1_000, "{gave_up} of {operations} commits lost too many races");
    events
}

async fn nothing_is_lost(place: &Place, operations: u64) {
    let events = race(place, operations, "compare").await;
    let conflicts = events.iter().filter(|event| matches!(event.act, Act::Put { done: None, .. })).count();
    assert!(conflicts as u64 > operations / 50, "they hardly met: {conflicts} conflicts");
    let began = absentia_store::Clock::monotonic(&SystemClock);
    let found = check(&events);
    eprintln!("checked in {:?}", absentia_store::Clock::monotonic(&SystemClock) - began);
    assert!(found.is_empty(), "{}", found.iter().map(Violation::to_string).collect::<Vec<_>>().join("\n"));
}

async fn no_compare_is_found_out(place: &Place) {
    let events = race(place, BLIND, "blind").await;
    let found = check(&events);
    assert!(found.iter().any(|found| matches!(found, Violation::NotLinearizable(_))), "{found:?}");
}

#[tokio::test]
async fn nothing_is_lost_or_resurrected_over_sqlite() {
    nothing_is_lost(&Place::sqlite(Arc::new(SystemClock)).await, RACES).await;
}

#[tokio::test]
async fn nothing_is_lost_or_resurrected_over_redis() {
    if let Some(place) = Place::redis(&SystemClock).await {
        nothing_is_lost(&place, RACES).await;
    }
}

#[tokio::test]
async fn a_store_without_a_compare_is_found_out_over_sqlite() {
    no_compare_is_found_out(&Place::sqlite(Arc::new(SystemClock)).await).await;
}

#[tokio::test]
async fn a_store_without_a_compare_is_found_out_over_redis() {
    if let Some(place) = Place::redis(&SystemClock).await {
        no_compare_is_found_out(&place).await;
    }
}

#[tokio::test]
#[ignore = "long: cargo xtask soak"]
async fn nothing_is_lost_or_resurrected_for_long() {
    nothing_is_lost(&Place::sqlite(Arc::new(SystemClock)).await, SOAK).await;
    if let Some(place) = Place::redis(&SystemClock).await {
        nothing_is_lost(&place, SOAK).await;
    }
}
