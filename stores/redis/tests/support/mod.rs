//! Servers of Debian's packages on free ports of this machine, each in a folder of its own.

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "set-up; each test uses a part of it"
)]

mod groups;
pub(crate) use groups::{Cluster, Sentinels, Tls};

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// How long a server may take to be as it should.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends its server when its standard input is closed: when the server's value is dropped, or this process ends.
const KEEPER: &str = r#""$@" & child=$!; cat > /dev/null; kill -9 $child; wait $child"#;

/// One running server. Stopped when it is dropped, or with this process.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: TempDir,
    command: Vec<String>,
    keeper: Option<Child>,
}

impl Server {
    /// A server that keeps what it has when it is stopped, with these words of configuration besides.
    pub(crate) fn start(more: &[&str]) -> Self {
        let (port, folder) = (free_port(), folder());
        Self::start_in(folder, port, &[&["--port", &port.to_string()], more].concat())
    }

    fn start_in(folder: TempDir, port: u16, more: &[&str]) -> Self {
        let path = folder.path().to_str().unwrap().to_owned();
        let always = ["redis-server", "--bind", "127.0.0.1", "--dir", &path, "--logfile", "log", "--save", ""];
        let command = [&always[..], &["--appendonly", "yes", "--appendfsync", "no"], more].concat();
        Self::launch(port, folder, &command)
    }

    fn launch(port: u16, folder: TempDir, command: &[&str]) -> Self {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        let mut server = Self { port, folder, command, keeper: None };
        server.begin();
        server
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `127.0.0.1:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it, again on its port and with what it kept.
    pub(crate) fn begin(&mut self) {
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).args(&self.command);
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.keeper = Some(keeper.expect("sh starts"));
        let what = format!("{} listens on port {}", self.command[0], self.port);
        wait_until(&what, || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Kills it.
    pub(crate) fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }

    /// What redis-cli prints.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output();
        let output = output.expect("redis-cli starts: apt-get install redis-tools");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn wait_for_info(&self, section: &str, line: &str) {
        wait_until(&format!("{} says {line}", self.address()), || {
            self.cli(&["INFO", section]).lines().any(|said| said.trim() == line)
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn folder() -> TempDir {
    // Of the target folder: servers of a whole test run end with the process, and nobody takes theirs away.
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let step = Duration::from_millis(20);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        if is_so() {
            return;
        }
        thread::sleep(step);
    }
    panic!("{what}: not within {PATIENCE:?}; needed are Debian's redis-server, redis-sentinel and redis-tools");
}
