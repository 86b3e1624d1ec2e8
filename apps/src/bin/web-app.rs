//! web-app.
fn main() {}
