//! Decorators: a store in front of a store, each for one reason.

mod faulty;
mod meter;
mod timeout;

pub use faulty::{Call, Faulty, Gate, Moment, Switches};
pub use meter::{Calls, Meter};
pub use timeout::Timeout;
