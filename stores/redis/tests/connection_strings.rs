//! Which texts are read, as what, and what is said about the others.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use absentia_redis::RedisConfig;
use absentia_store::ErrorKind;

fn read(text: &str) -> RedisConfig {
    RedisConfig::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    let error = match RedisConfig::parse(text) {
        Ok(config) => panic!("{text} is read as {config:?}"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Config);
    let says = error.to_string();
    assert!(says.contains("ConnectionStrings:TokenCacheRedisConnStr"), "{says} names no setting");
    for secret in ["hidden", "s3cret"] {
        assert!(!says.contains(secret), "{says}");
    }
    says
}

#[test]
fn urls() {
    let plain = read("redis://cache1.example.net");
    assert_eq!(plain.endpoints, [("cache1.example.net".to_owned(), 6379)]);
    assert!(plain.tls.is_none() && plain.user.is_none() && plain.database == 0 && plain.abort_connect);
    let full = read("rediss://app:p%2Fa%2B%2Cs%3D@cache1.example.net:6380/3?protocol=resp3");
    assert_eq!(full.endpoints, [("cache1.example.net".to_owned(), 6380)]);
    assert_eq!((full.user.as_deref(), full.database), (Some("app"), 3));
    assert!(full.tls.is_some());
    assert_eq!(read("REDIS://[::1]:7000").endpoints, [("::1".to_owned(), 7000)]);
    assert_eq!(read("redis://:hidden@h").user, None);
    for (text, says) in [
        ("redis://", "host"),
        ("redis://:hidden@", "URL"),
        ("redis://h/hidden", "database number"),
        ("redis://:hidden@h:99999", "URL"),
        ("rediss://:hidden@h#insecure", "fragment"),
        ("redis://h?protocol=resp2", "resp3"),
        ("redis://h?password=hidden", "query parameter"),
        ("redis://:%ff@h", "UTF-8"),
    ] {
        let said = refused(text);
        assert!(said.contains(says), "{text}: {said}");
    }
}

#[test]
fn the_samples_text() {
    let config = read("cache1.example.net:6380,password=s3cret/+==,ssl=True,abortConnect=False");
    assert_eq!(config.endpoints, [("cache1.example.net".to_owned(), 6380)]);
    assert!(config.tls.is_some() && !config.abort_connect);
    assert_eq!(config.name(), "redis cache1.example.net:6380");
    assert!(!format!("{config:?}").contains("s3cret"), "{config:?}");
}

#[test]
fn keywords_mean_what_they_mean_there() {
    let seeds = read(" a , b:7001,,[::1]:7002,10.0.0.1,fe80::1 ");
    let ports: Vec<_> = seeds.endpoints.iter().map(|(host, port)| (host.as_str(), *port)).collect();
    assert_eq!(ports, [("a", 6379), ("b", 7001), ("::1", 7002), ("10.0.0.1", 6379), ("fe80::1", 6379)]);
    let tls = read("a,SSL=on,sslHost=other.example.net,user=app,defaultDatabase=2,channelPrefix=x:");
    assert_eq!(tls.endpoints[0].1, 6380);
    assert_eq!(tls.tls.unwrap().server_name.as_deref(), Some("other.example.net"));
    assert_eq!((tls.user.as_deref(), tls.database, tls.channel_prefix.as_str()), (Some("app"), 2, "x:"));
    let sentinels = read("s1,s2:26380,serviceName=tokens,sentinelUser=watch,sentinelPassword=hidden,password=s3cret");
    assert_eq!(sentinels.endpoints, [("s1".to_owned(), 26379), ("s2".to_owned(), 26380)]);
    let sentinel = sentinels.sentinel.unwrap();
    assert_eq!((sentinel.service.as_str(), sentinel.user.as_deref()), ("tokens", Some("watch")));
    let times = read("a,connectTimeout=700,syncTimeout=900");
    assert_eq!(
        (times.connect_timeout, times.response_timeout),
        (Duration::from_millis(700), Duration::from_millis(900))
    );
    assert_eq!(read("a,syncTimeout=900,asyncTimeout=800").response_timeout, Duration::from_millis(800));
    assert_eq!(read("a,syncTimeout=9000").connect_timeout, Duration::from_millis(9_000));
    for taken in [
        "name=app,keepAlive=30,tcpKeepAlive=true,connectRetry=5,configChannel=,tiebreaker=x,configCheckSeconds=9",
        "version=6.0,allowAdmin=true,resolveDns=1,setlib=no,highIntegrity=off,writeBuffer=1,responseTimeout=2",
        "protocol=3,proxy=None,checkCertificateRevocation=false,sslProtocols=Tls13|Tls12",
    ] {
        read(&format!("a,{taken}"));
    }
}

#[test]
fn azures_hosts_have_their_defaults() {
    for (text, is_tls, port, aborts) in [
        ("x.redis.cache.windows.net", false, 6379, false),
        ("x.redis.cache.windows.net:6380", true, 6380, false),
        ("X.REDIS.CACHE.WINDOWS.NET:6380,abortConnect=true", true, 6380, true),
        ("x.redis.azure.net", true, 6380, false),
        ("x.westeurope.redisenterprise.cache.azure.net:10000", true, 10000, false),
        ("x.redis.azure.net,ssl=false", false, 6379, false),
        ("x.example.net:6380", false, 6380, true),
    ] {
        let config = read(text);
        assert_eq!(
            (config.tls.is_some(), config.endpoints[0].1, config.abort_connect),
            (is_tls, port, aborts),
            "{text}"
        );
    }
}

#[test]
fn what_has_no_meaning_here_is_named() {
    for (text, says) in [
        ("", "host"),
        ("password=hidden", "host"),
        ("a,password=s3cret,hidden part", "comma"),
        ("a,password=s3cret,hidden", "comma"),
        ("a,password=s3cret,hid:den", "comma"),
        ("a,password=s3cret,hidden=x", "comma"),
        ("a:0", "host:port"),
        ("a:port", "host:port"),
        ("a,ssl=perhaps", "ssl"),
        ("a,defaultDatabase=hidden", "defaultdatabase"),
        ("a,syncTimeout=0", "synctimeout"),
        ("a,sslHost=b", "ssl=true"),
        ("a,b,ssl=true,sslHost=c", "sslHost"),
        ("a,protocol=resp2", "resp3"),
        ("a,proxy=Twemproxy", "proxy"),
        ("a,tunnel=http:hidden:8080", "tunnel"),
        ("a,$CONFIG=hidden", "command map"),
        ("a,checkCertificateRevocation=true", "checkcertificaterevocation"),
        ("a,sslProtocols=Tls13", "sslprotocols"),
        ("!/run/redis.sock", "Unix socket"),
    ] {
        let said = refused(text);
        assert!(said.contains(says), "{text}: {said}");
    }
}
