//! Benchmarks of absentia.
