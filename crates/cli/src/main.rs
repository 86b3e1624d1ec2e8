//! The absentia command.
fn main() {}
