//! absentia for axum: sign-in routes, extractors, bearer validation.
