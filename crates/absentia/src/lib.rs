//! Tokens for users and apps of Entra ID, with a shared cache: the client library.
