//! SQLite backend of absentia.
