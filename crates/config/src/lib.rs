//! appsettings.json, environment and connection strings for absentia.

mod environment;
mod error;
mod json;
mod layer;
mod values;

pub use environment::from_process;
pub use error::{Error, Problem};
pub use layer::Kind;
pub use values::{Configuration, Value};
