//! The samples: web app, web API, background worker, and the demo.
