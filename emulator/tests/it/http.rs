//! A client for tests: HTTP/1.1 over a socket, one connection for each request.

use absentia_emulator::Emulator;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// A parameter of the `Location`, in its query or fragment.
    pub(crate) fn sent_back(&self, name: &str) -> Option<String> {
        let location = self.header("location").unwrap_or_else(|| panic!("no location: {self:?}"));
        let url = url::Url::parse(location).unwrap();
        let pairs = url.fragment().filter(|f| !f.is_empty()).or(url.query()).unwrap_or_default().to_owned();
        url::form_urlencoded::parse(pairs.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }
}

pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

/// One request to the emulator.
pub(crate) async fn send(entra: &Emulator, method: &str, target: &str, headers: Headers<'_>, body: &str) -> Answer {
    let target = target.strip_prefix(entra.url()).unwrap_or(target);
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", entra.addr());
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n{body}", body.len());
    let mut socket = TcpStream::connect(entra.addr()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    parse(&text)
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("not HTTP: {text:?}"));
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

pub(crate) async fn get(entra: &Emulator, target: &str, headers: Headers<'_>) -> Answer {
    send(entra, "GET", target, headers, "").await
}

/// A form as browsers and identity libraries post it.
pub(crate) async fn post(entra: &Emulator, target: &str, form: &[(&str, &str)], headers: Headers<'_>) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let kind = ("content-type", "application/x-www-form-urlencoded;charset=utf-8");
    let headers: Vec<_> = headers.iter().copied().chain([kind]).collect();
    send(entra, "POST", target, &headers, &body).await
}

/// A browser with one window: follows nothing, keeps the cookie, fills in forms.
#[derive(Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
    /// Everything that was shown.
    pub(crate) seen: String,
}

impl Browser {
    pub(crate) async fn get(&mut self, entra: &Emulator, target: &str) -> Answer {
        let cookie = self.cookie.clone().unwrap_or_default();
        let answer = get(entra, target, &[("cookie", &cookie)]).await;
        self.keep(answer)
    }

    /// Submits the form of a page with its hidden fields and these.
    pub(crate) async fn submit(&mut self, entra: &Emulator, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let action = between(&page.body, "action=\"", "\"");
        let flow = between(&page.body, "name=\"flow\" value=\"", "\"");
        let fields: Vec<_> = [("flow", flow)].into_iter().chain(fields.iter().copied()).collect();
        let cookie = self.cookie.clone().unwrap_or_default();
        let answer = post(entra, action, &fields, &[("cookie", &cookie)]).await;
        self.keep(answer)
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        if let Some(cookie) = answer.header("set-cookie") {
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        }
        self.seen += &answer.body;
        answer
    }
}

pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let at = text.find(before).unwrap_or_else(|| panic!("no {before:?} in {text}"));
    text[at + before.len()..].split(after).next().unwrap()
}
