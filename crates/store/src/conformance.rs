//! The laws of each trait, as functions that share no code with any store.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes one named test of each:
//!
//! ```
//! # use std::{sync::Arc, time::{Duration, UNIX_EPOCH}};
//! use absentia_store::{Backend, ManualClock, MemoryStore, conformance::Fixture};
//!
//! async fn fresh() -> Fixture {
//!     let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000));
//!     let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
//!     Fixture::new(Backend::of("memory", &store), clock)
//! }
//!
//! absentia_store::conformance_tests!(|| fresh());                // every law
//! # mod some { use super::*;
//! absentia_store::conformance_tests!(|| fresh(), store, leases); // those of two traits
//! # }
//! ```
//!
//! A law panics when it is broken. Each gets a store of its own that is empty.

#![expect(clippy::expect_used, clippy::panic, reason = "a law that does not hold ends its test")]

pub mod accounts;
pub mod blocks;
pub mod claims;
pub mod expiry;
mod fixture;
pub mod leases;
pub mod listing;
pub mod scan;
pub mod store;
pub mod watch;

pub use fixture::Fixture;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use crate::{Expiry, Version, Written};

/// Runs one law on a fresh fixture, on a runtime with two threads. What the tests of
/// [`conformance_tests!`](crate::conformance_tests) do.
pub fn run<F: Future<Output = Fixture>>(fixture: impl FnOnce() -> F, law: impl AsyncFnOnce(&Fixture)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    runtime.block_on(async {
        let fixture = fixture().await;
        law(&fixture).await;
    });
}

/// Makes a test of each law: `conformance_tests!(|| fixture())` of all, `conformance_tests!(|| fixture(), store, leases)`
/// of those traits. The groups are `store`, `accounts`, `leases`, `scan` and `watch`; each becomes a module of tests. The
/// closure makes a future of a [`Fixture`] with an empty store, once for each test.
#[macro_export]
macro_rules! conformance_tests {
    ($fixture:expr) => {
        $crate::conformance_tests!($fixture, store, accounts, leases, scan, watch);
    };
    ($fixture:expr, $($group:ident),+ $(,)?) => {
        $( $crate::__conformance_group!($group, $fixture); )+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_group {
    (store, $fixture:expr) => {
        $crate::__conformance_laws!(
            store,
            $fixture,
            store::what_is_put_is_read,
            store::an_expiry_is_read_as_it_was_put,
            store::what_was_never_put_is_absent,
            store::absent_conflicts_when_present,
            store::unchanged_replaces_only_what_it_names,
            store::racing_increments_lose_nothing,
            store::racing_first_writes_have_one_winner,
            store::racing_put_and_remove_have_one_winner,
            store::versions_never_come_back,
            store::remove_if_unchanged_removes_only_what_it_names,
            store::sign_out_removes_whatever_is_there,
            store::keys_are_strangers_to_each_other,
            store::odd_keys_are_keys,
            store::empty_and_large_values,
            store::get_many_answers_in_order,
            store::a_dropped_put_happened_whole_or_not_at_all,
            store::another_handle_sees_the_same,
            expiry::an_absolute_expiry_ends_however_often_it_is_read,
            expiry::a_sliding_expiry_moves_with_each_read,
            expiry::a_sliding_expiry_moves_at_most_once_per_tenth,
            expiry::whichever_line_comes_first_ends_it,
            expiry::rearming_changes_neither_version_nor_bytes,
            expiry::a_put_begins_the_window_anew,
            expiry::what_expired_counts_as_absent_everywhere,
            expiry::what_is_put_too_late_is_absent,
        );
    };
    (accounts, $fixture:expr) => {
        $crate::__conformance_laws!(
            accounts,
            $fixture,
            accounts::a_first_write_makes_account_and_grant,
            accounts::a_later_use_only_moves_the_time,
            accounts::a_use_adds_the_row_that_is_missing,
            accounts::a_name_changes_only_when_it_is_given,
            accounts::activity_never_goes_back,
            accounts::a_sign_in_heals_and_raises_the_epoch,
            accounts::a_first_write_from_before_a_sign_out_does_not_count,
            accounts::a_use_after_a_sign_out_does_nothing,
            accounts::a_sign_in_lifts_the_tombstone,
            accounts::racing_records_lose_nothing,
            accounts::a_sign_out_beats_racing_records,
            accounts::revoking_is_repeatable,
            accounts::an_unknown_account_can_be_revoked,
            accounts::a_grant_is_forgotten,
            accounts::epochs_never_come_back,
            accounts::client_ids_ignore_case_and_clients_are_strangers,
            listing::queries_filter,
            listing::queries_page,
            listing::sweeping_takes_only_what_nobody_needs,
            blocks::a_blocked_account_is_never_claimed,
            blocks::a_sign_in_does_not_lift_a_block,
            blocks::a_block_outlives_a_sign_out_and_its_tombstone,
            blocks::blocking_ends_a_claim,
            blocks::a_block_beats_racing_claims,
            blocks::unblocking_makes_due,
            blocks::an_unknown_account_can_be_blocked,
            blocks::a_block_is_of_one_client_and_account,
            claims::claims_what_is_due_idle_and_healthy,
            claims::claims_the_longest_idle_first,
            claims::racing_claimers_share_no_account,
            claims::a_claim_ends_with_its_lease,
            claims::a_renewed_claim_is_held_on,
            claims::an_outcome_under_an_old_fence_is_superseded,
            claims::an_outcome_after_a_sign_out_is_superseded,
            claims::an_outcome_counts_once,
            claims::an_outcome_does_not_mark_what_was_signed_in_to_since,
            claims::a_pass_claims_each_account_once,
            claims::healing_makes_due_but_not_while_held,
            claims::other_clients_are_never_touched,
            claims::a_dropped_claim_happened_whole_or_not_at_all,
        );
    };
    (leases, $fixture:expr) => {
        $crate::__conformance_laws!(
            leases,
            $fixture,
            leases::one_holder_at_a_time,
            leases::racing_askers_have_one_winner,
            leases::fences_grow,
            leases::a_renewed_lease_is_held_on,
            leases::a_lease_that_ran_out_is_taken_over,
            leases::an_outcome_is_remembered_for_a_while,
            leases::acquiring_forgets_the_outcome,
            leases::releasing_without_word_leaves_nothing,
            leases::a_stranger_changes_nothing,
            leases::keys_are_strangers_to_each_other,
        );
    };
    (scan, $fixture:expr) => {
        $crate::__conformance_laws!(
            scan,
            $fixture,
            scan::walks_in_ascending_byte_order,
            scan::pages_meet_without_gap_or_repeat,
            scan::what_expired_is_not_seen,
            scan::sweeps_what_expired_within_its_limit,
            scan::sweeps_by_the_latest_expiry,
        );
    };
    (watch, $fixture:expr) => {
        $crate::__conformance_laws!(
            watch,
            $fixture,
            watch::tells_what_another_handle_did_in_order,
            watch::tells_what_its_own_handle_did,
            watch::tells_nothing_of_what_did_not_happen,
            watch::tells_nothing_of_leases_rearming_and_accounts,
            watch::a_dropped_next_loses_nothing,
            watch::two_watches_both_hear,
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_laws {
    ($group:ident, $fixture:expr, $($module:ident :: $law:ident),+ $(,)?) => {
        #[allow(clippy::redundant_closure, reason = "the macro takes a closure also where a name would do")]
        mod $group {
            #[allow(unused_imports, reason = "the fixture may name what is around it")]
            use super::*;
            $(
                #[test]
                fn $law() {
                    $crate::conformance::run($fixture, $crate::conformance::$module::$law);
                }
            )+
        }
    };
}

/// Never ends.
const FOREVER: Expiry = Expiry { sliding: None, absolute: None };

/// How long a law waits, in real time, for something that must come.
const PATIENCE: Duration = Duration::from_secs(20);

fn done(written: Written) -> Version {
    match written {
        Written::Done(version) => version,
        Written::Conflict => panic!("the condition of this put holds, so it must not conflict"),
    }
}

/// Polls up to `polls` times, and drops what is not ready by then.
async fn polled<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
            return Some(answer);
        }
        // Whoever works on it gets a little further, so that each number of polls drops it at another place.
        std::thread::sleep(Duration::from_micros(20));
        tokio::task::yield_now().await;
    }
    None
}

async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(answer) => answer,
        Err(_) => panic!("{what} did not come within {PATIENCE:?}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_is_in_the_macro() {
        let this = include_str!("conformance.rs");
        for (module, source) in [
            ("accounts", include_str!("conformance/accounts.rs")),
            ("blocks", include_str!("conformance/blocks.rs")),
            ("claims", include_str!("conformance/claims.rs")),
            ("expiry", include_str!("conformance/expiry.rs")),
            ("leases", include_str!("conformance/leases.rs")),
            ("listing", include_str!("conformance/listing.rs")),
            ("scan", include_str!("conformance/scan.rs")),
            ("store", include_str!("conformance/store.rs")),
            ("watch", include_str!("conformance/watch.rs")),
        ] {
            for law in source.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let name = law.split('(').next().unwrap();
                assert!(this.contains(&format!(" {module}::{name},")), "{module}::{name} is run by nobody");
            }
        }
    }
}
