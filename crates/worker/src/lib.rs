//! A worker that acts for absent users.
