//! Tests of absentia across crates.
