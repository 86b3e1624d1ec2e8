//! A browser without scripts: it keeps cookies by host and port, follows redirects, and fills in Entra's forms.

use std::{collections::BTreeMap, sync::OnceLock};

use absentia_emulator::UserHandle;
use axum::http::{HeaderMap, StatusCode};
use url::Url;

/// What the browser shows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Cloned, it is another browser with the same cookies.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    /// By origin, then name. Real browsers share cookies among ports; Entra and the app are on one host only in tests.
    pub(crate) cookies: BTreeMap<String, BTreeMap<String, String>>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One request, redirects not followed.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        url: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let url = Url::parse(url).unwrap();
        let mut request = client().request(method.parse().unwrap(), url.clone());
        if let Some(cookies) = self.cookies.get(&url.origin().ascii_serialization()).filter(|jar| !jar.is_empty()) {
            let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if method == "POST" {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        let answer = request.send().await.unwrap();
        let jar = self.cookies.entry(url.origin().ascii_serialization()).or_default();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        Page { url, status, headers, body: answer.text().await.unwrap() }
    }

    /// Goes there, and on until there is a page.
    pub(crate) async fn get(&mut self, url: &str) -> Page {
        let page = self.send("GET", url, &[], &[]).await;
        self.follow(page).await
    }

    /// Sends a form of the page's own site, as a browser does.
    pub(crate) async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Page {
        let page = self.send("POST", url, form, &[("sec-fetch-site", "same-origin")]).await;
        self.follow(page).await
    }

    pub(crate) async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..10 {
            let Some(next) = page.location().or_else(|| page.way_back()) else { return page };
            page = self.send("GET", next.as_str(), &[], &[]).await;
        }
        panic!("redirects without end at {}", page.url.path());
    }

    /// Fills in Entra's login page and agrees to what it asks, up to the redirect to the app, which is not followed.
    pub(crate) async fn log_in(&mut self, mut page: Page, user: &UserHandle) -> Page {
        for _ in 0..6 {
            if page.location().is_some() {
                return page;
            }
            let (action, flow) = (page.attribute("action=\""), page.attribute("name=\"flow\" value=\""));
            let form = match page.body.as_str() {
                body if body.contains("name=\"password\"") => {
                    vec![("flow", flow.as_str()), ("username", user.upn()), ("password", user.password())]
                }
                body if body.contains("name=\"decision\"") => vec![("flow", flow.as_str()), ("decision", "accept")],
                _ => vec![("flow", flow.as_str()), ("account", user.oid())],
            };
            page = self.send("POST", &action, &form, &[]).await;
        }
        panic!("Entra asks and asks: {}", page.body);
    }

    /// Signs in from `start` to the page it leads to.
    pub(crate) async fn sign_in(&mut self, start: &str, user: &UserHandle) -> Page {
        let login = self.get(start).await;
        let back = self.log_in(login, user).await;
        self.follow(back).await
    }
}

impl Page {
    /// Where it redirects to.
    pub(crate) fn location(&self) -> Option<Url> {
        let to = self.headers.get("location").filter(|_| self.status.is_redirection())?;
        Some(self.url.join(to.to_str().unwrap()).unwrap())
    }

    /// The link on Entra's page that signed a user out of all apps, which a browser with scripts follows by itself.
    fn way_back(&self) -> Option<Url> {
        let link = &self.body[self.body.find("id=\"back\"")?..];
        let link = link.split_once("href=\"")?.1.split_once('"')?.0;
        Some(Url::parse(&link.replace("&amp;", "&")).unwrap())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn attribute(&self, before: &str) -> String {
        let rest = self.body.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.body)).1;
        rest.split('"').next().unwrap().replace("&amp;", "&")
    }
}

/// One for all tests. It keeps no connection: each test has a runtime of its own.
pub(crate) fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        // reqwest is built without a provider; absentia's client installs one.
        let _ = absentia::transport::SystemHttp::new().unwrap();
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        builder.pool_max_idle_per_host(0).build().unwrap()
    })
}
