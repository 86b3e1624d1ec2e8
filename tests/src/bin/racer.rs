//! A process that races: its tasks sign users in, refresh and sign out, with delays in between, and it writes down what
//! was done. Arguments: the connection string, its name, its seed, how many operations, whether the store compares
//! (`compare` or `blind`), and the file for the history.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test, seen by whoever started it")]

use std::{io::BufWriter, sync::Arc, time::Duration};

use absentia::{ConfidentialClient, TokenCache};
use absentia_cache::{Base, ChangeKind, Loaded};
use absentia_store::{
    Backend, Store, SystemClock,
    wrap::{Faulty, Switches},
};
use absentia_tests::{
    committing::{self, CLIENT},
    dice::Dice,
    history::Act,
    place,
    racing::{Blind, Recorder, Recording, TASKS, USERS, shared_time, user},
};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [store, name, seed, operations, compare, file] = arguments.as_slice() else { panic!("what is {arguments:?}?") };
    let backend = place::open(store, Arc::new(SystemClock)).await;
    let recorder = Recorder::default();
    let (backend, delays) = slowed(backend, &recorder, *compare == "blind");
    let cache = TokenCache::plain(backend).build();
    let client = committing::client(&cache);
    println!("READY");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|index| {
            let racer = Racer {
                name: format!("{name}{index}"),
                cache: cache.clone(),
                client: client.clone(),
                recorder: recorder.clone(),
                delays: delays.clone(),
                dice: Dice::of(seed.parse::<u64>().unwrap().wrapping_add(index)),
                number: 0,
                gave_up: 0,
            };
            tokio::spawn(racer.race(operations.parse::<u64>().unwrap() / TASKS))
        })
        .collect();
    let mut gave_up = 0;
    for task in tasks {
        gave_up += task.await.unwrap();
    }
    serde_json::to_writer(BufWriter::new(std::fs::File::create(file).unwrap()), &recorder.events()).unwrap();
    println!("DONE {gave_up}");
}

/// The stores, each call written down and made to wait.
fn slowed(backend: Backend, recorder: &Recorder, blind: bool) -> (Backend, [Switches; 2]) {
    let entries: Arc<dyn Store> = if blind { Arc::new(Blind(backend.entries)) } else { backend.entries };
    let entries = Recording { inner: entries, recorder: recorder.clone() };
    let entries = Faulty::new(Arc::new(entries), Arc::new(SystemClock));
    let accounts = Faulty::new(backend.accounts.unwrap(), Arc::new(SystemClock));
    let switches = [entries.switches(), accounts.switches()];
    let backend = Backend {
        entries: Arc::new(entries),
        accounts: Some(Arc::new(accounts)),
        leases: None,
        scan: None,
        watch: None,
        name: backend.name,
    };
    (backend, switches)
}

struct Racer {
    name: String,
    cache: TokenCache,
    client: ConfidentialClient,
    recorder: Recorder,
    delays: [Switches; 2],
    dice: Dice,
    /// Of its last commit.
    number: u64,
    gave_up: u64,
}

impl Racer {
    /// Answers how many commits lost too many races.
    async fn race(mut self, operations: u64) -> u64 {
        for _ in 0..operations {
            for store in &self.delays {
                let delay = self.dice.below(10_000).saturating_sub(8_000); // four times of five none
                store.delay(Duration::from_micros(delay));
            }
            let home = user(self.dice.below(USERS));
            match self.dice.below(10) {
                0..6 => self.refresh(&home).await,
                6..9 => self.sign_in(&home).await,
                _ => self.sign_out(&home).await,
            }
        }
        self.gave_up
    }

    async fn refresh(&mut self, home: &str) {
        let loaded = self.cache.load(&committing::identity(home)).await.unwrap();
        match loaded {
            Loaded::Absent => self.sign_in(home).await,
            loaded => self.commit(home, ChangeKind::Refresh, loaded, None).await,
        }
    }

    async fn sign_in(&mut self, home: &str) {
        let generation = self.cache.generation(CLIENT, home).await.unwrap();
        let began = shared_time();
        let identity = committing::identity(home);
        let loaded = self.cache.load(&identity).await.unwrap();
        self.commit(home, ChangeKind::SignIn, loaded, Some(generation)).await;
        let sign_in = Act::SignIn(format!("{} {}", self.name, self.number));
        self.recorder.add(identity.key().as_str(), began, sign_in);
    }

    async fn commit(&mut self, home: &str, kind: ChangeKind, loaded: Loaded, generation: Option<u64>) {
        self.number += 1;
        let change = committing::change(home, kind, &self.name, self.number);
        let activity = committing::activity(home, generation);
        let identity = committing::identity(home);
        match self.cache.commit(&identity, Base::from(loaded), &change, Some(&activity)).await {
            Ok(_) => {}
            Err(error) if error.message().contains("changed too often") => self.gave_up += 1,
            Err(error) => panic!("{error}"),
        }
    }

    async fn sign_out(&self, home: &str) {
        let began = shared_time();
        self.client.sign_out(&committing::account(home)).await.unwrap();
        self.recorder.add(committing::identity(home).key().as_str(), began, Act::SignOut);
    }
}
