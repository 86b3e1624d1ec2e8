//! What lies on disk: 10,000 tokens are written, and every byte that is left anywhere is looked at.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

#[path = "../../stores/redis/tests/support/mod.rs"]
mod support;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use absentia_tests::canaries::{Found, TOKENS, scan};

/// Has another process write all tokens, and looks before that process ends. It leaves temporary files below the folder too.
fn written(folder: &Path, protection: &str, redis: Option<&support::Server>) -> Found {
    let temporary = folder.join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_canaries"));
    command.arg(folder).arg(protection).env("TMPDIR", &temporary).env("SQLITE_TMPDIR", &temporary);
    command.args(redis.map(|server| server.port.to_string()));
    let mut writer = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(writer.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "written\n");
    let mut found = scan(folder);
    if let Some(server) = redis {
        // What it keeps as a whole, beside the log of what it was told.
        assert_eq!(server.cli(&["SAVE"]), "OK");
        found.add(scan(server.folder()));
    }
    drop(writer.stdin.take());
    assert!(writer.wait().unwrap().success());
    found
}

fn assert_read(found: &Found, files: &[&str]) {
    for file in files {
        let read = found.files.iter().any(|(name, length)| name.ends_with(file) && *length > 0);
        assert!(read, "{file} was not among what was read: {:?}", found.files);
    }
}

#[test]
fn nothing_of_ten_thousand_tokens_lies_in_a_sqlite_file_that_is_sealed_and_all_of_them_in_one_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let found = written(folder.path(), "sealed", None);
    assert_read(&found, &["tokens.db", "tokens.db-wal", "tokens.db-shm", "keys/ring", "log"]);
    assert!(found.spelled.is_empty(), "{:?}", found.spelled);
    let folder = tempfile::tempdir().unwrap();
    let found = written(folder.path(), "plain", None);
    assert_eq!(found.raw, (0..TOKENS).collect(), "what looks must be able to find");
    let holding = &found.spelled["raw"];
    assert!(holding.iter().all(|file| file.contains("tokens.db")), "{holding:?}");
}

#[test]
fn nothing_of_ten_thousand_tokens_lies_in_the_files_of_a_redis_and_all_of_them_when_they_are_not_sealed() {
    if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(
            std::env::var_os("CI").is_none(),
            "redis-server is not installed: apt-get install redis-server redis-tools"
        );
        eprintln!(
            "skipped: canaries in Redis (redis-server is not installed: apt-get install redis-server redis-tools)"
        );
        return;
    }
    for protection in ["sealed", "plain"] {
        let server = support::Server::start(&["--rdbcompression", "no"]);
        let folder = tempfile::tempdir().unwrap();
        let found = written(folder.path(), protection, Some(&server));
        assert_read(&found, &["dump.rdb", ".aof", "log"]);
        match protection {
            "sealed" => {
                assert_read(&found, &["keys/ring"]);
                assert!(found.spelled.is_empty(), "{:?}", found.spelled);
            }
            _ => assert_eq!(found.raw, (0..TOKENS).collect(), "what looks must be able to find"),
        }
    }
}
