//! The authorization and admin consent endpoints without HTTP: from parameters and a session to the next step.

mod admin;
mod ask;
mod consent;
mod session;
mod step;

pub(crate) use ask::{Asked, Mode, Purpose, Request, trust};
pub(crate) use consent::Part;
pub(crate) use step::{Choice, Step, next};
