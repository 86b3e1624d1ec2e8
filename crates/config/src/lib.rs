//! appsettings.json, environment and connection strings for absentia.
//!
//! [`Settings::load`] reads what the .NET sample's apps read, as .NET reads it, and reports everything that is wrong at
//! once, naming key, place and what belongs there, never a value. Connection strings become a [`Target`] each; which
//! backend opens it is the app's choice, by the [`Opener`]s it registers.

mod ado;
mod check;
mod connection_string;
mod environment;
mod error;
mod json;
mod keywords;
mod layer;
mod opener;
mod reader;
mod secret;
mod setting;
mod settings;
mod sql_server;
mod sqlite;
mod target;
mod timespan;
mod values;

pub use check::secret_advice;
pub use connection_string::ConnectionStringError;
pub use environment::from_process;
pub use error::{Error, Problem};
pub use layer::Kind;
pub use opener::{Opener, pick};
pub use secret::Secret;
pub use settings::{AzureAd, ConnectionStrings, Endpoint, Need, Settings};
pub use target::{SqliteMode, SqliteTarget, StorePlan, Target};
pub use timespan::{TimeSpanError, parse_time_span};
pub use values::{Configuration, Value};
