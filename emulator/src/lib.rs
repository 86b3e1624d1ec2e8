//! A local Entra ID and a slice of Microsoft Graph, for development and tests.
