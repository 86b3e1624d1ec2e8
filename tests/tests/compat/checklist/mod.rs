//! What must be so for a cache to be shared with MSAL.NET, row by row. Each test has the number of its row.

mod document;
mod entry;
mod keys;
mod tokens;
