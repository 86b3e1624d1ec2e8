//! appsettings.json, environment and connection strings for absentia.
