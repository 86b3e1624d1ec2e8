//! Which pages of other origins may call an API.

use std::time::Duration;

use absentia::Error;
use http::{
    HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// Lets pages of these origins call the API with a bearer token and read what it refused them with: `WWW-Authenticate`
/// carries claims challenges. No cookies. An empty list lets nobody; `*` alone lets everybody.
///
/// # Errors
/// `Config` when an origin is none.
pub fn cors(origins: &[String]) -> Result<CorsLayer, Error> {
    let origins = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::from(Any)
    } else {
        let values: Result<Vec<_>, _> = origins.iter().map(|origin| HeaderValue::from_str(origin)).collect();
        AllowOrigin::list(
            values.map_err(|_| Error::config("Cors:AllowedOrigins holds something that is not an origin"))?,
        )
    };
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER])
        .max_age(Duration::from_secs(600)))
}
