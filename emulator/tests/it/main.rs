//! The emulator over real HTTP, driven by a client that knows nothing of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests, also outside of their functions")]

mod admin;
mod admin_consent;
mod browser;
mod client_credentials;
mod code;
mod consent;
mod directory;
mod discovery;
mod graph;
mod http;
mod journal;
mod logout;
mod on_behalf_of;
mod pages;
mod program;
mod refresh;
mod step_up;
mod tls;
mod world;
