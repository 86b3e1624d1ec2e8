//! `absentia emulator certificate`

use absentia_emulator::cli::CertificateOptions;

use crate::failure::Failure;

pub(crate) fn run(options: &CertificateOptions) -> Result<(), Failure> {
    absentia_emulator::cli::certificate(options).map(drop).map_err(|error| Failure::NotDone(error.to_string()))
}
