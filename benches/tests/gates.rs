//! What a hit in memory may cost, counted and not timed: no allocation, and as many instructions among 100,000 subjects as
//! among ten.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io::Write as _,
    pin::pin,
    process::Command,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use absentia::{Counter, TokenAcquirer};
use absentia_benches::{SCOPES, cache, client, fill, user};
use absentia_store::SystemClock;

const HITS: usize = 10_000;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

// SAFETY: everything is the system allocator's; counting neither allocates nor unwinds. `realloc` and `alloc_zeroed` are the
// trait's own, which come here.
#[expect(unsafe_code, reason = "a counting allocator is an allocator")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_hit_in_memory_allocates_nothing() {
    let cache = cache(Arc::new(SystemClock));
    let client = client(&cache);
    fill(&cache, &client, 100, 2_000);
    let acquirers: Vec<TokenAcquirer> = (0..100).map(|number| client.account(&user(number))).collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut ask = |acquirer: &TokenAcquirer| {
        let answer = pin!(acquirer.token(SCOPES)).poll(&mut context);
        assert!(matches!(answer, Poll::Ready(Ok(_))), "not from memory");
    };
    let counted_before = cache.counters().get(Counter::L1Hit);
    let before = allocations();
    for acquirer in acquirers.iter().cycle().take(HITS) {
        ask(acquirer);
    }
    let during = allocations() - before;
    // The meter ran: what is free of charge is the path that everybody uses.
    assert_eq!(cache.counters().get(Counter::L1Hit) - counted_before, HITS as u64);
    assert_eq!(during, 0, "{HITS} hits allocated {during} times");
    // And so did the counting.
    let before = allocations();
    drop(client.account(&user(1)));
    assert!(allocations() > before);
}

#[test]
fn a_hit_among_100_000_subjects_costs_what_it_costs_among_10() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "valgrind is not installed: apt-get install valgrind");
        // Not by a macro, whose output nobody sees while the test succeeds.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: a_hit_among_100_000_subjects_costs_what_it_costs_among_10 (valgrind is not installed: apt-get install \
             valgrind)"
        );
        return;
    }
    let (few, many) = (instructions_per_hit(10), instructions_per_hit(100_000));
    println!("instructions per hit: {few:.0} among 10 subjects, {many:.0} among 100,000");
    assert!(many <= few * 1.05, "{many:.0} instructions per hit among 100,000 subjects, {few:.0} among 10");
}

/// Runs `l1_hits` under callgrind, which counts nothing but the hits.
fn instructions_per_hit(subjects: usize) -> f64 {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--instr-atstart=no",
            "--callgrind-out-file=/dev/null",
            env!("CARGO_BIN_EXE_l1_hits"),
        ])
        .args([subjects.to_string(), HITS.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let counted = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<f64>().ok());
    let counted = counted.unwrap_or_else(|| panic!("callgrind did not say what it counted: {said}"));
    // A hit takes some hundred instructions at least: less means that nothing was counted.
    assert!(counted > HITS as f64 * 100.0, "{counted} instructions for {HITS} hits");
    counted / HITS as f64
}
