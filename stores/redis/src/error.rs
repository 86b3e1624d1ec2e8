use std::sync::Arc;

use absentia_store::{Error, ErrorKind};
use redis::{ErrorKind as Kind, RedisError, ServerErrorKind};

use crate::RedisConfig;

const SETTING: &str = "ConnectionStrings:TokenCacheRedisConnStr";

pub(crate) fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// A connection string that cannot be used. `what` completes "it …".
pub(crate) fn unreadable(what: &str) -> Error {
    config(format!("{SETTING} {what}"))
}

/// What Redis or the way to it said, as what the caller can do about it. `doing` completes "could not …".
pub(crate) fn explain(redis: &RedisConfig, doing: &str, error: RedisError) -> Error {
    let name = redis.name();
    let (kind, why) = match error.kind() {
        Kind::AuthenticationFailed => (ErrorKind::Config, refused()),
        Kind::RESP3NotSupported => {
            (ErrorKind::Config, "the server does not speak RESP3; Redis 6.2 or later is needed".to_owned())
        }
        Kind::MasterNameNotFoundBySentinel => (ErrorKind::Config, unknown_service(redis)),
        Kind::InvalidClientConfig => (ErrorKind::Config, format!("the connection cannot be set up; check {SETTING}")),
        Kind::Io if is_certificate(&error) => (
            ErrorKind::Config,
            "the server's certificate was not accepted; its name and authority must be right, and SSL_CERT_FILE may name further authorities".to_owned(),
        ),
        Kind::Io if error.is_timeout() => (ErrorKind::Unavailable, "no answer in time".to_owned()),
        Kind::Io if error.is_connection_refusal() => (ErrorKind::Unavailable, "nobody listens there".to_owned()),
        Kind::Io => (ErrorKind::Unavailable, "the connection failed".to_owned()),
        Kind::ClusterConnectionNotFound => (ErrorKind::Unavailable, "no node of the Cluster answers".to_owned()),
        Kind::Server(ServerErrorKind::NoPerm) => (
            ErrorKind::Config,
            "the ACL of the user does not allow it; docs of absentia-redis name the commands, keys and channels it needs".to_owned(),
        ),
        Kind::Server(ServerErrorKind::CrossSlot) => (
            ErrorKind::Config,
            "the server is a Cluster behind a proxy; name its nodes instead".to_owned(),
        ),
        _ => by_word(&error),
    };
    Error::new(kind, format!("{name}: could not {doing}: {why}")).caused_by(cause(&error))
}

/// Servers before 7 put what a script ran into behind words of their own, so the text is searched too.
fn by_word(error: &RedisError) -> (ErrorKind, String) {
    let (code, detail) = (error.code().unwrap_or_default(), error.detail().unwrap_or_default());
    let says = |word: &str| code == word || detail.contains(&format!("-{word} "));
    if says("WRONGPASS") || says("NOAUTH") || (code == "ERR" && detail.contains("AUTH")) {
        (ErrorKind::Config, refused())
    } else if says("READONLY") {
        (
            ErrorKind::ReadOnly,
            format!("the server is a read-only replica; name the primary, or all endpoints, in {SETTING}"),
        )
    } else if says("MISCONF") {
        (ErrorKind::ReadOnly, "the server takes no writes because it cannot save them; see its log".to_owned())
    } else if says("OOM") {
        (
            ErrorKind::Full,
            "the server has reached its maxmemory; raise it, or give the cache a server of its own".to_owned(),
        )
    } else if says("WRONGTYPE") {
        (
            ErrorKind::Config,
            "another program keeps something else under this key; set ConnectionStrings:TokenCacheRedisInstanceName"
                .to_owned(),
        )
    } else if says("NOREPLICAS") {
        (ErrorKind::Unavailable, "too few replicas are connected for a write (min-replicas-to-write)".to_owned())
    } else if code == "ERR" && (detail.contains("DB index") || detail.contains("SELECT")) {
        let why = "the server has no database of this number, and a Cluster only number 0";
        (ErrorKind::Config, format!("{why}; correct defaultDatabase in {SETTING}"))
    } else if code.is_empty() {
        (ErrorKind::Unavailable, error.category().to_owned())
    } else {
        (ErrorKind::Unavailable, format!("the server answered {code}"))
    }
}

fn refused() -> String {
    format!("the server refused the user or password; correct `user` and `password` in {SETTING}")
}

pub(crate) fn unknown_service(redis: &RedisConfig) -> String {
    let service = redis.sentinel.as_ref().map_or("", |sentinel| &sentinel.service);
    format!("the sentinels know no primary named {service}; correct serviceName in {SETTING}")
}

fn is_certificate(error: &RedisError) -> bool {
    type Shared = Arc<dyn std::error::Error + Send + Sync>;
    let shared = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Shared>());
    let io = shared.and_then(|shared| shared.downcast_ref::<std::io::Error>()).and_then(std::io::Error::get_ref);
    io.is_some_and(|inner| matches!(inner.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// What is kept as the cause. Not what a server said: that may repeat arguments, which may be stored values.
fn cause(error: &RedisError) -> String {
    match (error.kind(), error.code()) {
        (Kind::Server(_) | Kind::Extension, code) => code.unwrap_or("an error of the server").to_owned(),
        _ => error.to_string(),
    }
}

/// An answer that is not what the command gives.
pub(crate) fn garbled(redis: &RedisConfig, doing: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("{}: could not {doing}: the answer makes no sense; is this Redis 6.2 or later?", redis.name()),
    )
}

#[cfg(test)]
mod tests {
    use redis::make_extension_error;

    use super::*;

    #[test]
    fn each_answer_is_what_the_caller_can_do_about_it() {
        let redis = RedisConfig::new("cache1", 6379).password("hidden");
        let extension = |code: &str, detail: &str| make_extension_error(code.to_owned(), Some(detail.to_owned()));
        for (error, kind, says) in [
            (extension("WRONGPASS", "invalid username-password pair"), ErrorKind::Config, "password"),
            (extension("NOAUTH", "Authentication required."), ErrorKind::Config, "password"),
            (extension("OOM", "command not allowed when used memory > 'maxmemory'"), ErrorKind::Full, "maxmemory"),
            (extension("ERR", "Error running script: @user_script:1: -OOM command not"), ErrorKind::Full, "maxmemory"),
            (extension("READONLY", "You can't write against a read only replica."), ErrorKind::ReadOnly, "replica"),
            (extension("MISCONF", "Redis is configured to save RDB snapshots"), ErrorKind::ReadOnly, "log"),
            (extension("WRONGTYPE", "Operation against a key"), ErrorKind::Config, "InstanceName"),
            (extension("NOREPLICAS", "Not enough good replicas"), ErrorKind::Unavailable, "min-replicas"),
            (
                extension("ERR", "unknown command `EVALSHA`, with args beginning with: `hidden`"),
                ErrorKind::Unavailable,
                "ERR",
            ),
            (RedisError::from((Kind::AuthenticationFailed, "no")), ErrorKind::Config, "password"),
            (RedisError::from((Kind::RESP3NotSupported, "no")), ErrorKind::Config, "6.2"),
            (std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into(), ErrorKind::Unavailable, "listens"),
        ] {
            let error = explain(&redis, "write an entry", error);
            let text = format!("{error} {:?}", std::error::Error::source(&error));
            assert_eq!(error.kind(), kind, "{text}");
            assert!(text.contains("redis cache1:6379: could not write an entry") && text.contains(says), "{text}");
            assert!(!text.contains("hidden"), "{text}");
        }
    }
}
