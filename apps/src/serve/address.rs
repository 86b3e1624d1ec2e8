//! Where a server listens, from `Kestrel:Endpoints`.

use std::net::Ipv4Addr;

use absentia::Error;
use absentia_config::Settings;

/// One address, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Address {
    /// The name of its endpoint, if the settings have one.
    pub(super) endpoint: Option<String>,
    /// What to bind to.
    pub(super) bind: String,
    /// The host as a person writes it.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) https: bool,
}

impl Address {
    /// The one endpoint of the settings, else `default_port` of localhost over http.
    pub(super) fn of(settings: &Settings, default_port: u16) -> Result<Self, Error> {
        let wrong = |what: &str| {
            Err(Error::config(format!("Kestrel:Endpoints {what}"))
                .advise("Give one address, such as `https://localhost:44321` or `http://localhost:5000`"))
        };
        let endpoint = match settings.endpoints.as_slice() {
            [] => {
                let (bind, host) = (Ipv4Addr::LOCALHOST.to_string(), "localhost".to_owned());
                return Ok(Self { endpoint: None, bind, host, port: default_port, https: false });
            }
            [endpoint] => endpoint,
            _ => return wrong("holds several addresses; this program listens on one"),
        };
        let Some((scheme, rest)) = endpoint.url.split_once("://") else { return wrong("holds no URL") };
        let https = scheme.eq_ignore_ascii_case("https");
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => match port.parse() {
                Ok(port) => (host, port),
                Err(_) => return wrong("holds an address whose port is no number"),
            },
            _ => (rest, if https { 443 } else { 80 }),
        };
        if host.is_empty() || host.contains('/') {
            return wrong("holds an address without a host, or with a path");
        }
        let bind = match host {
            "*" | "+" => "0.0.0.0",
            host if host.eq_ignore_ascii_case("localhost") => "127.0.0.1",
            host => host.trim_start_matches('[').trim_end_matches(']'),
        };
        let host = if host == "*" || host == "+" { "localhost" } else { host };
        let endpoint = Some(endpoint.name.clone());
        Ok(Self { endpoint, bind: bind.to_owned(), host: host.to_owned(), port, https })
    }
}

#[cfg(test)]
mod tests {
    use absentia_config::Configuration;

    use super::*;

    fn at(url: &str) -> Result<Address, Error> {
        let json = format!(r#"{{"Kestrel":{{"Endpoints":{{"Web":{{"Url":"{url}"}}}}}}}}"#);
        let configuration = Configuration::parse("test", json.as_bytes(), []).unwrap();
        Address::of(&Settings::from_configuration(&configuration, &[]).unwrap(), 44321)
    }

    #[test]
    fn addresses_are_kestrels() {
        let is = |https, bind: &str, host: &str, port| Address {
            endpoint: Some("Web".to_owned()),
            bind: bind.to_owned(),
            host: host.to_owned(),
            port,
            https,
        };
        assert_eq!(at("http://localhost:0").unwrap(), is(false, "127.0.0.1", "localhost", 0));
        assert_eq!(at("http://*:5000/").unwrap(), is(false, "0.0.0.0", "localhost", 5000));
        assert_eq!(at("http://[::1]:5000").unwrap(), is(false, "::1", "[::1]", 5000));
        assert_eq!(at("http://[::1]").unwrap(), is(false, "::1", "[::1]", 80));
        assert_eq!(at("http://10.0.0.7").unwrap(), is(false, "10.0.0.7", "10.0.0.7", 80));
        assert_eq!(at("HTTPS://localhost:44321").unwrap(), is(true, "127.0.0.1", "localhost", 44321));
        assert_eq!(at("https://127.0.0.1").unwrap(), is(true, "127.0.0.1", "127.0.0.1", 443));
        for bad in ["http://localhost:x", "http://:1", "http://localhost/a"] {
            assert!(at(bad).unwrap_err().to_string().contains("Kestrel:Endpoints"), "{bad}");
        }
    }
}
