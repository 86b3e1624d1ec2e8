//! `absentia emulator trust`

use absentia_emulator::cli::TrustOptions;

use crate::failure::Failure;

pub(crate) fn run(options: &TrustOptions) -> Result<(), Failure> {
    absentia_emulator::cli::trust(options).map_err(|error| Failure::NotDone(error.to_string()))
}
