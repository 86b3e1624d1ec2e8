//! A small client of Microsoft Graph.
