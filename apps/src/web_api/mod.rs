//! The web API.
