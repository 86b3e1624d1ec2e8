//! The emulator over HTTP. The router knows nothing of listeners: what accepts connections is in `serve`.

mod admin;
mod authorize;
pub(crate) mod call;
mod console;
mod discovery;
mod graph;
mod graph_mail;
mod graph_user;
mod locate;
mod logout;
pub(crate) mod params;
mod respond;
mod router;
pub(crate) mod serve;
mod token;

pub(crate) use router::router;
