//! A browser as far as signing in needs one: it keeps cookies, follows redirects and fills in forms.

use std::collections::HashMap;

use url::{Origin, Url};

use super::Failure;

/// Redirects and forms in a row before it gives up.
const STEPS: usize = 20;

/// One browser of one person.
pub(crate) struct Browser {
    http: reqwest::Client,
    /// Whose forms are filled in.
    entra: Origin,
    /// By host: cookies ignore ports, as in real browsers.
    cookies: HashMap<String, HashMap<String, String>>,
}

/// A page it came to.
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) html: String,
}

/// A form on a page.
struct Form {
    action: Url,
    fields: Vec<(String, String)>,
}

impl Browser {
    pub(crate) fn new(http: reqwest::Client, entra: &str) -> Result<Self, Failure> {
        Ok(Self { http, entra: Url::parse(entra)?.origin(), cookies: HashMap::new() })
    }

    /// Goes to `url`, and on until it comes to a page that is not Entra's, or to a redirect that `stop` accepts. Entra's pages
    /// are filled in: user name, password, consent.
    pub(crate) async fn sign_in(
        &mut self,
        url: Url,
        username: &str,
        password: &str,
        stop: impl Fn(&Url) -> bool,
    ) -> Result<Page, Failure> {
        let mut page = self.open(url, None, &stop).await?;
        for _ in 0..STEPS {
            if stop(&page.url) || page.url.origin() != self.entra {
                return Ok(page);
            }
            let Some(mut form) = form(&page) else { return Ok(page) };
            for (name, value) in &mut form.fields {
                match name.as_str() {
                    "username" | "login" | "loginfmt" => *value = username.to_owned(),
                    "password" | "passwd" => *value = password.to_owned(),
                    _ => {}
                }
            }
            page = self.open(form.action, Some(form.fields), &stop).await?;
        }
        Err("signing in went round in circles".into())
    }

    /// Opens a page, following redirects.
    pub(crate) async fn open(
        &mut self,
        mut url: Url,
        mut form: Option<Vec<(String, String)>>,
        stop: &impl Fn(&Url) -> bool,
    ) -> Result<Page, Failure> {
        for _ in 0..STEPS {
            let request = match form.take() {
                Some(fields) => {
                    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                    self.http
                        .post(url.clone())
                        .header("content-type", "application/x-www-form-urlencoded")
                        .header("origin", url.origin().ascii_serialization())
                        .body(body)
                }
                None => self.http.get(url.clone()),
            };
            let host = url.host_str().unwrap_or_default().to_owned();
            let cookies = self.cookies.entry(host).or_default();
            let header = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
            let answer = request.header("cookie", header).send().await?;
            for cookie in answer.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
                let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
                if let Some((name, value)) = pair.split_once('=') {
                    if attributes.to_ascii_lowercase().contains("max-age=0") || value.is_empty() {
                        cookies.remove(name.trim());
                    } else {
                        cookies.insert(name.trim().to_owned(), value.trim().to_owned());
                    }
                }
            }
            let status = answer.status().as_u16();
            let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
            match location {
                Some(location) if (300..400).contains(&status) => {
                    url = url.join(&location)?;
                    if stop(&url) {
                        return Ok(Page { url, status, html: String::new() });
                    }
                }
                _ => return Ok(Page { url, status, html: answer.text().await? }),
            }
        }
        Err("too many redirects".into())
    }
}

/// The first form of a page, with the values its fields have. Of the buttons, the one that says yes.
fn form(page: &Page) -> Option<Form> {
    let start = page.html.find("<form")?;
    let end = page.html[start..].find("</form>")? + start;
    let html = &page.html[start..end];
    let action = attribute(html, "action").unwrap_or_default();
    let mut fields = Vec::new();
    let mut pressed = false;
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let Some(name) = attribute(tag, "name") else { continue };
        let value = attribute(tag, "value").unwrap_or_default();
        let kind = attribute(tag, "type").unwrap_or_default();
        match () {
            () if tag.starts_with("button") || kind == "submit" => {
                let yes = !pressed && !["cancel", "no", "deny"].contains(&value.to_ascii_lowercase().as_str());
                if yes {
                    pressed = true;
                    fields.push((name, value));
                }
            }
            () if tag.starts_with("input") && kind == "checkbox" => {}
            () if tag.starts_with("input") => fields.push((name, value)),
            () => {}
        }
    }
    Some(Form { action: page.url.join(&action).ok()?, fields })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[start..];
    let value = &value[..value.find('"')?];
    Some(
        value
            .replace("&amp;", "&")
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#39;", "'"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_found_with_its_values() {
        let page = Page {
            url: Url::parse("http://localhost:1/a/b").unwrap(),
            status: 200,
            html: r#"<p><form method="post" action="?x=1&amp;y=2"><input type="hidden" name="t" value="&quot;v&quot;">
                <input name="username" type="email"><button name="answer" value="cancel">No</button>
                <button name="answer" value="accept">Yes</button></form>"#
                .to_owned(),
        };
        let form = form(&page).unwrap();
        assert_eq!(form.action.as_str(), "http://localhost:1/a/b?x=1&y=2");
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(form.fields, [field("t", "\"v\""), field("username", ""), field("answer", "accept")]);
    }
}
