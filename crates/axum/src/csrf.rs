//! Refusing requests that another site's page sent.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode};
use tower_http::csrf::{CsrfLayer, ProtectionError, ResponseForProtectionError};

use crate::notice::{Notice, Render};

/// Answers with a page.
#[derive(Clone)]
pub(crate) struct CrossSite(pub(crate) Render);

impl ResponseForProtectionError<Body> for CrossSite {
    fn response_for_protection_error(&mut self, _: ProtectionError) -> Response {
        let text = "Another site sent this request for you, so it was not carried out. Use the buttons of this app.";
        let notice = Notice::new(StatusCode::FORBIDDEN, "Not done", text).offer("/", "Home");
        let mut response = notice.respond(Some(&self.0));
        response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        response
    }
}

/// The layer: `Sec-Fetch-Site`, else `Origin` against `Host` and the configured address.
pub(crate) fn layer(public_url: Option<&str>, render: &Render) -> CsrfLayer<CrossSite> {
    let layer = CsrfLayer::new();
    let layer = match public_url {
        // An address that was accepted as an origin before.
        Some(url) => layer.add_trusted_origin(url).unwrap_or_else(|_| CsrfLayer::new()),
        None => layer,
    };
    layer.with_rejection_response(CrossSite(render.clone()))
}
