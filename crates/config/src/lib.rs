//! appsettings.json, environment and connection strings for absentia.
//!
//! [`Settings::load`] reads what the .NET sample's apps read, as .NET reads it, and reports everything that is wrong at
//! once, naming key, place and what belongs there, never a value. Connection strings become a [`Target`] each; which
//! backend opens it is the app's choice, by the [`Opener`]s it registers.

mod ado;
mod check;
mod client;
mod connection_string;
mod data_protection;
mod environment;
mod error;
mod json;
mod keys;
mod keywords;
mod layer;
mod opener;
mod plan;
mod reader;
mod setting;
mod settings;
mod sql_server;
mod sqlite;
mod timespan;
mod token_cache;
mod values;

pub use absentia_store::{ConnectionText, Opener, RedisTarget, SqliteMode, SqliteTarget, Target};
pub use check::secret_advice;
pub use client::Created;
pub use connection_string::{ConnectionStringError, database_target, redis_target};
pub use environment::from_process;
pub use error::{Error, Problem};
pub use keys::DotNetKeys;
pub use layer::Kind;
pub use opener::pick;
pub use plan::StorePlan;
pub use settings::{AzureAd, ConnectionStrings, Endpoint, Need, Settings};

pub use token_cache::{DataProtectionSettings, TokenCacheSettings};

pub use timespan::{TimeSpanError, parse_time_span};
pub use values::{Configuration, Value};
