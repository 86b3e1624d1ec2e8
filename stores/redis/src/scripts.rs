//! The programs that run in the server, each as one atomic step.

use std::sync::LazyLock;

use redis::Script;

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)+) => {
        $(pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("lua/", $file, ".lua"))),+)));)+
    };
}

scripts! {
    APPEND = "append";
    PUT = "entry" "put";
    REMOVE = "entry" "remove";
    REARM = "entry" "rearm";
    ACQUIRE = "acquire";
    RENEW_LEASE = "renew_lease";
    RELEASE = "release";
    RECORD = "accounts" "record";
    CLAIM = "accounts" "claim";
    RENEW_CLAIM = "accounts" "renew_claim";
    FINISH = "accounts" "finish";
    REVOKE = "accounts" "revoke";
    BLOCK = "accounts" "block";
    UNBLOCK = "accounts" "unblock";
    FORGET = "accounts" "forget";
    SWEEP = "accounts" "sweep";
}
