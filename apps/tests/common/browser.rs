//! A browser without scripts: it keeps cookies by host and port, follows redirects, fills in Entra's forms, and sends those
//! that scripts would send. Of the rules for cookies it knows those of prefixes, `Secure` and `SameSite`; Entra and the app are
//! other sites to each other, as they are in the world.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

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
    /// The names of those that also go along with requests of other sites.
    cross_site: BTreeSet<String>,
    /// One that trusts another authority than the machine's.
    trusting: Option<reqwest::Client>,
}

/// Who makes a request.
#[derive(Clone, Copy, PartialEq)]
enum By {
    /// The person, or a page of the same site, or a link of another: what `Lax` cookies go along with.
    Navigation,
    /// A form or a frame of another site's page.
    OtherSite,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One that trusts this authority too.
    pub(crate) fn trusting(ca_pem: &str) -> Self {
        let _ = client(); // the provider
        let root = reqwest::Certificate::from_pem(ca_pem.as_bytes()).unwrap();
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = builder.pool_max_idle_per_host(0).tls_certs_merge([root]).build().unwrap();
        Self { trusting: Some(client), ..Self::default() }
    }

    /// One request, redirects not followed.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        url: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        self.send_by(By::Navigation, method, url, form, headers).await
    }

    /// A form that a page of another site sends.
    pub(crate) async fn post_from(&mut self, site: &str, url: &str, form: &[(&str, &str)]) -> Page {
        let headers = [("sec-fetch-site", "cross-site"), ("origin", site)];
        self.send_by(By::OtherSite, "POST", url, form, &headers).await
    }

    /// What a page of another site loads in a frame.
    pub(crate) async fn frame(&mut self, url: &str) -> Page {
        self.send_by(By::OtherSite, "GET", url, &[], &[("sec-fetch-site", "cross-site")]).await
    }

    async fn send_by(
        &mut self,
        by: By,
        method: &str,
        url: &str,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let url = Url::parse(url).unwrap();
        let client = self.trusting.clone().unwrap_or_else(|| client().clone());
        let mut request = client.request(method.parse().unwrap(), url.clone());
        let goes_along = |name: &str| by == By::Navigation || self.cross_site.contains(name);
        let jar = self.cookies.get(&url.origin().ascii_serialization()).into_iter().flatten();
        let pairs: Vec<_> =
            jar.filter(|(name, _)| goes_along(name)).map(|(name, value)| format!("{name}={value}")).collect();
        if !pairs.is_empty() {
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
            let has = |attribute: &str| cookie.split(';').skip(1).any(|a| a.trim().eq_ignore_ascii_case(attribute));
            let secure = has("Secure") && url.scheme() == "https";
            let domain = cookie.to_ascii_lowercase().contains("domain=");
            assert!(!name.starts_with("__Host-") || (secure && has("Path=/") && !domain), "a browser drops {cookie}");
            if has("SameSite=None") {
                assert!(secure, "a browser drops {cookie}");
                self.cross_site.insert(name.to_owned());
            }
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
            if let Some((action, pairs)) = page.posts() {
                page = self.post_back(&page, &action, &pairs).await;
                continue;
            }
            let Some(next) = page.location().or_else(|| page.way_back()) else { return page };
            page = self.send("GET", next.as_str(), &[], &[]).await;
        }
        panic!("redirects without end at {}", page.url.path());
    }

    /// Sends the form by which Entra's page answers an app.
    pub(crate) async fn post_back(&mut self, page: &Page, action: &str, pairs: &[(String, String)]) -> Page {
        let form: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post_from(&page.url.origin().ascii_serialization(), action, &form).await
    }

    /// Fills in Entra's login page and agrees to what it asks, up to the redirect to the app, which is not followed.
    pub(crate) async fn log_in(&mut self, mut page: Page, user: &UserHandle) -> Page {
        for _ in 0..6 {
            if page.location().is_some() || page.posts().is_some() {
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

    /// Says no on Entra's page that asks to allow something.
    pub(crate) async fn decline(&mut self, page: Page) -> Page {
        let (action, flow) = (page.attribute("action=\""), page.attribute("name=\"flow\" value=\""));
        self.send("POST", &action, &[("flow", &flow), ("decision", "decline")], &[]).await
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

    /// The address and the fields of the form by which Entra answers an app (`response_mode=form_post`), which a browser with
    /// scripts sends by itself.
    pub(crate) fn posts(&self) -> Option<(String, Vec<(String, String)>)> {
        self.body.contains("document.forms[0].submit()").then(|| {
            let fields = self.body.split("<input type=\"hidden\" name=\"").skip(1).map(|field| {
                let (name, rest) = field.split_once("\" value=\"").unwrap();
                (name.to_owned(), text(rest.split('"').next().unwrap()))
            });
            (self.attribute("action=\""), fields.collect())
        })
    }

    /// What it loads in frames.
    pub(crate) fn frames(&self) -> Vec<String> {
        let frames = self.body.split("<iframe src=\"").skip(1);
        frames.map(|frame| text(frame.split('"').next().unwrap())).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn attribute(&self, before: &str) -> String {
        let rest = self.body.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.body)).1;
        text(rest.split('"').next().unwrap())
    }
}

/// The text of an attribute.
fn text(attribute: &str) -> String {
    attribute.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
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
