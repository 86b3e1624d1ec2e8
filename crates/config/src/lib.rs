//! appsettings.json, environment and connection strings for absentia.

mod environment;
mod error;
mod json;
mod layer;
mod timespan;
mod values;

pub use environment::from_process;
pub use error::{Error, Problem};
pub use layer::Kind;
pub use timespan::{TimeSpanError, parse_time_span};
pub use values::{Configuration, Value};
