//! What a backend of absentia implements: store traits, their contracts, and the laws that check them.
