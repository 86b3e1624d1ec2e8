//! `absentia emulator run`

use absentia_emulator::cli::RunOptions;

use crate::{context::Context, failure::Failure};

pub(crate) async fn run(context: &Context, mut options: RunOptions) -> Result<(), Failure> {
    options.print_json |= context.json;
    absentia_emulator::cli::run(&options)
        .await
        .map_err(|error| Failure::NotDone(format!("The emulator did not start: {error}")))
}
