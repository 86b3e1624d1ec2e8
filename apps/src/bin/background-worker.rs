//! background-worker.
fn main() {}
