//! A worker that acts for absent users.
//!
//! It claims accounts that are due and idle, gets a token through one of their grants, runs your function, and writes back
//! how it went. Each kind of failure has one arm, and returning the error from your function is enough:
//!
//! | your function ends with | the account |
//! |---|---|
//! | a value | is due again after the [period](Worker::every) ± 10 % |
//! | `InteractionRequired` | is tried through its next grant; without one it waits for a sign-in, and is left alone |
//! | `Throttled` | is due again when the service said |
//! | `Unavailable` | is due again after a pause that doubles, up to an hour |
//! | `Rejected`, a panic | the same; a counted failure |
//! | `Config` | is let go, and the worker stops: nobody's account is at fault |
//!
//! One account never stops the others. Several workers, on one machine or many, share the accounts: each is claimed by one
//! at a time, and takes nothing to take over when that one dies.
//!
//! ```no_run
//! # struct Graph; struct Me;
//! # impl Graph { async fn me(&self, _: &absentia::AccessToken) -> Result<Me, absentia::Error> { Ok(Me) } }
//! # async fn example(client: absentia::ConfidentialClient, graph: &Graph, shutdown: impl Future<Output = ()>)
//! # -> Result<(), absentia_worker::Stop> {
//! use std::time::Duration;
//! use absentia_worker::{AbsentUser, Worker};
//!
//! // The client is built with `.background()`, so that what the worker does leaves its users as idle as they are.
//! Worker::new(&client)
//!     .idle(Duration::from_secs(30))
//!     .every(Duration::from_secs(3600))
//!     .run(shutdown, |absent: AbsentUser| async move {
//!         let me = graph.me(&absent.token("User.Read").await?).await?;
//!         println!("acted for {}", absent.account().username);
//!         Ok(me)
//!     })
//!     .await
//! # }
//! ```

mod absent;
mod attempt;
mod outcome;
mod pass;
mod report;
mod worker;

pub use absent::{AbsentTokenRequest, AbsentUser};
pub use report::{Acted, Counts, Failure, FailureKind, Report, Stop, Waiting};
pub use worker::Worker;
