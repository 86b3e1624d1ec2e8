//! Acts for users who are not there: see `background-worker --help`.

fn main() -> std::process::ExitCode {
    absentia_apps::background_worker::main()
}
