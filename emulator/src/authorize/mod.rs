//! The authorization endpoint without HTTP: from parameters and a session to the next step.

mod ask;
mod consent;
mod step;

pub(crate) use ask::{Asked, Mode, trust};
pub(crate) use consent::Part;
pub(crate) use step::{Choice, Step, next};
