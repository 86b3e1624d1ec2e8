//! What a person is told instead of the page she asked for.

use std::{fmt, sync::Arc, time::Duration};

use axum::response::{Html, IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, RETRY_AFTER},
};

/// One message to a person. All of it is plain text: whoever renders it escapes it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Notice {
    /// The status it is answered with.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub title: String,
    /// What that means for her.
    pub text: String,
    /// What she can do, if there is something.
    pub next: Option<Next>,
    /// When trying again makes sense, if anybody said so.
    pub retry_after: Option<Duration>,
}

/// One step that is offered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Next {
    /// A path of this app.
    pub href: String,
    /// The words of the link.
    pub label: &'static str,
}

/// Turns a notice into a whole page.
pub(crate) type Render = Arc<dyn Fn(&Notice) -> String + Send + Sync>;

impl Notice {
    pub(crate) fn new(status: StatusCode, title: &str, text: impl Into<String>) -> Self {
        Self { status, title: title.to_owned(), text: text.into(), next: None, retry_after: None }
    }

    /// Offers to sign in and come back to `return_url`.
    pub(crate) fn offer_sign_in(mut self, return_url: &str) -> Self {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_url", return_url).finish();
        self.next = Some(Next { href: format!("{}?{query}", crate::sign_in::SIGN_IN_PATH), label: "Sign in" });
        self
    }

    pub(crate) fn offer(mut self, href: &str, label: &'static str) -> Self {
        self.next = Some(Next { href: href.to_owned(), label });
        self
    }

    pub(crate) fn respond(&self, render: Option<&Render>) -> Response {
        let page = render.map_or_else(|| self.to_string(), |render| render(self));
        let mut response = (self.status, Html(page)).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// A plain page, for apps without one of their own.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (title, text) = (escape(&self.title), escape(&self.text));
        write!(
            f,
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>{title}\
             </title><main><h1>{title}</h1><p>{text}</p>"
        )?;
        if let Some(next) = &self.next {
            write!(f, "<p><a href=\"{}\">{}</a></p>", escape(&next.href), escape(next.label))?;
        }
        f.write_str("</main></html>")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
