//! appsettings.json, environment and connection strings for absentia.

mod ado;
mod connection_string;
mod environment;
mod error;
mod json;
mod keywords;
mod layer;
mod opener;
mod secret;
mod sql_server;
mod sqlite;
mod target;
mod timespan;
mod values;

pub use connection_string::ConnectionStringError;
pub use environment::from_process;
pub use error::{Error, Problem};
pub use layer::Kind;
pub use opener::{Opener, pick};
pub use secret::Secret;
pub use target::{SqliteMode, SqliteTarget, StorePlan, Target};
pub use timespan::{TimeSpanError, parse_time_span};
pub use values::{Configuration, Value};
