//! web-api.
fn main() {}
