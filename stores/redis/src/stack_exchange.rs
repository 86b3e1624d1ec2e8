//! StackExchange.Redis' configuration text, as far as it has a meaning here.

use std::time::Duration;

use absentia_store::{Error, Result};

use crate::{RedisConfig, Sentinel, Tls, config::Password, error::unreadable};

/// Accepted and without effect: nothing a caller could notice depends on them, or they tell that client what this one
/// finds out by itself.
const NO_EFFECT: [&str; 17] = [
    "allowadmin",
    "configchannel",
    "configcheckseconds",
    "connectretry",
    "highintegrity",
    "highprioritythreads",
    "keepalive",
    "name",
    "preserveasyncorder",
    "resolvedns",
    "responsetimeout",
    "setlib",
    "tcpkeepalive",
    "tiebreaker",
    "version",
    "writebuffer",
    "heartbeatinterval",
];

/// Hosts of Azure Cache for Redis.
const AZURE_CACHE: [&str; 5] = [
    ".redis.cache.windows.net",
    ".redis.cache.chinacloudapi.cn",
    ".redis.cache.usgovcloudapi.net",
    ".redis.cache.sovcloud-api.de",
    ".redis.cache.sovcloud-api.fr",
];

/// Hosts of Azure Managed Redis, where TLS is on unless said otherwise.
const AZURE_MANAGED: [&str; 6] = [
    ".redis.azure.net",
    ".redis.chinacloudapi.cn",
    ".redis.usgovcloudapi.net",
    ".redis.sovcloud-api.de",
    ".redis.sovcloud-api.fr",
    ".redisenterprise.cache.azure.net",
];

#[derive(Default)]
struct Options {
    endpoints: Vec<(String, Option<u16>)>,
    user: Option<String>,
    password: Option<String>,
    ssl: Option<bool>,
    ssl_host: Option<String>,
    database: u32,
    service: Option<String>,
    sentinel_user: Option<String>,
    sentinel_password: Option<String>,
    connect_timeout: Option<Duration>,
    sync_timeout: Option<Duration>,
    async_timeout: Option<Duration>,
    abort_connect: Option<bool>,
    channel_prefix: String,
}

pub(crate) fn parse(text: &str) -> Result<RedisConfig> {
    let mut options = Options::default();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        match item.split_once('=') {
            Some((key, value)) if !key.is_empty() => options.set(key.trim(), value.trim())?,
            // It may be a piece of the password, and endpoints are shown.
            _ if options.password.is_some() || options.sentinel_password.is_some() => {
                return Err(unreadable(
                    "has an endpoint after a password; name endpoints first, and give a password that holds a comma in \
                     a redis:// URL, percent-encoded",
                ));
            }
            _ => options.endpoints.push(endpoint(item)?),
        }
    }
    options.config()
}

impl Options {
    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty());
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "user" => self.user = text(),
            "password" => self.password = text(),
            "ssl" => self.ssl = Some(boolean(&key, value)?),
            "sslhost" => self.ssl_host = text(),
            "defaultdatabase" => self.database = number(&key, value)?,
            "servicename" => self.service = text(),
            "sentineluser" => self.sentinel_user = text(),
            "sentinelpassword" => self.sentinel_password = text(),
            "connecttimeout" => self.connect_timeout = Some(millis(&key, value)?),
            "synctimeout" => self.sync_timeout = Some(millis(&key, value)?),
            "asynctimeout" => self.async_timeout = Some(millis(&key, value)?),
            "abortconnect" => self.abort_connect = Some(boolean(&key, value)?),
            "channelprefix" => value.clone_into(&mut self.channel_prefix),
            "protocol" if ["3", "resp3"].contains(&value.to_ascii_lowercase().as_str()) => {}
            "protocol" => return Err(without_meaning("protocol", "this backend speaks resp3, so leave it out")),
            "proxy" if value.eq_ignore_ascii_case("none") => {}
            "proxy" | "tunnel" => return Err(without_meaning(&key, "connect to the server itself")),
            "checkcertificaterevocation" if !boolean(&key, value)? => {}
            "checkcertificaterevocation" => {
                return Err(without_meaning(&key, "revocation lists are not read here, so write false"));
            }
            "sslprotocols" => {
                let mut names = value.split('|').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<_>>();
                names.sort();
                if names != ["tls12", "tls13"] {
                    return Err(without_meaning(&key, "TLS 1.2 and 1.3 are both offered, so leave it out"));
                }
            }
            _ if NO_EFFECT.contains(&key.as_str()) => {}
            _ if key.starts_with('$') => {
                return Err(without_meaning("a command map ($…)", "commands cannot be renamed here"));
            }
            // Not named: it may be a piece of a password that holds a comma.
            _ => {
                return Err(unreadable(
                    "has a keyword that StackExchange.Redis does not know; a password cannot hold a comma there: use a redis:// URL with the password percent-encoded",
                ));
            }
        }
        Ok(())
    }

    fn config(self) -> Result<RedisConfig> {
        let host_in = |suffixes: &[&str]| {
            self.endpoints.iter().any(|(host, _)| {
                let host = host.to_ascii_lowercase();
                suffixes.iter().any(|suffix| host.ends_with(suffix))
            })
        };
        let (cache, managed) = (host_in(&AZURE_CACHE), host_in(&AZURE_MANAGED));
        let implied = managed || (cache && self.endpoints.iter().any(|(_, port)| *port == Some(6380)));
        let ssl = self.ssl.unwrap_or(implied);
        let port = match (&self.service, ssl) {
            (Some(_), _) => 26379,
            (None, true) => 6380,
            (None, false) => 6379,
        };
        let response = self.async_timeout.or(self.sync_timeout).unwrap_or(Duration::from_secs(5));
        if self.ssl_host.is_some() && !ssl {
            return Err(without_meaning("sslHost", "it needs ssl=true"));
        }
        RedisConfig {
            endpoints: self.endpoints.into_iter().map(|(host, given)| (host, given.unwrap_or(port))).collect(),
            user: self.user,
            password: self.password.map(Password),
            tls: ssl.then_some(Tls { server_name: self.ssl_host, authorities: None }),
            database: self.database,
            sentinel: self.service.map(|service| Sentinel {
                service,
                user: self.sentinel_user,
                password: self.sentinel_password.map(Password),
            }),
            connect_timeout: self.connect_timeout.unwrap_or(response.max(Duration::from_secs(5))),
            response_timeout: response,
            abort_connect: self.abort_connect.unwrap_or(!(cache || managed)),
            channel_prefix: self.channel_prefix,
            ..RedisConfig::new(String::new(), 0)
        }
        .check()
    }
}

fn endpoint(item: &str) -> Result<(String, Option<u16>)> {
    if item.starts_with('!') {
        return Err(without_meaning("a Unix socket (!…)", "name a host and port"));
    }
    let bad = || {
        unreadable(
            "has an item that is neither host:port nor keyword=value; a password cannot hold a comma there: use a redis:// URL with the password percent-encoded",
        )
    };
    let (host, port) = match item.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            (host, rest.strip_prefix(':'))
        }
        // More than one colon without brackets: an IPv6 address alone.
        None if item.matches(':').count() > 1 => (item, None),
        None => item.split_once(':').map_or((item, None), |(host, port)| (host, Some(port))),
    };
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:%".contains(c));
    let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(bad)).transpose()?;
    if is_host { Ok((host.to_owned(), port)) } else { Err(bad()) }
}

fn boolean(key: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(unreadable(&format!("has a {key} that is neither true nor false"))),
    }
}

fn number(key: &str, value: &str) -> Result<u32> {
    value.parse().map_err(|_| unreadable(&format!("has a {key} that is no whole number")))
}

fn millis(key: &str, value: &str) -> Result<Duration> {
    match number(key, value)? {
        0 => Err(unreadable(&format!("has a {key} of 0; give milliseconds"))),
        millis => Ok(Duration::from_millis(millis.into())),
    }
}

fn without_meaning(what: &str, instead: &str) -> Error {
    unreadable(&format!("has {what}, which has no meaning here: {instead}"))
}
