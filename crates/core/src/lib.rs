//! Vocabulary and protocol of the Microsoft identity platform: no I/O, no async, no clock.
