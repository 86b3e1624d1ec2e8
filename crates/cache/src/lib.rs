//! The two-level token cache of absentia: partitions, merge, seal, memory.
