//! Servers of Debian's packages on free ports of this machine, each in a folder of its own.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test's set-up; each test uses its part"
)]

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ends its server when its standard input is closed: when the server's value is dropped, or this process ends.
const KEEPER: &str = r#""$@" & child=$!; cat > /dev/null; kill -9 $child; wait $child"#;

/// One running server. Stopped when dropped, or with this process.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: TempDir,
    more: Vec<String>,
    program: &'static str,
    keeper: Option<Child>,
}

impl Server {
    /// A server with these words of configuration besides.
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::start_program("redis-server", more)
    }

    pub(crate) fn start_program(program: &'static str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let more = more.iter().map(|&word| word.to_owned()).collect();
        let mut server = Self { port: free_port(), folder, more, program, keeper: None };
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

    /// Starts it again on its port, with what it saved.
    pub(crate) fn begin(&mut self) {
        let log = self.folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh", self.program]);
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--logfile"]);
        command.arg(&log).arg("--dir").arg(self.folder.path()).args(&self.more);
        let keeper = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.keeper = Some(keeper.expect("sh starts"));
        wait_until(&format!("{} on port {} listens", self.program, self.port), || {
            TcpStream::connect(("127.0.0.1", self.listening_port())).is_ok()
        });
    }

    /// The port that is listened on also when plain text is off.
    fn listening_port(&self) -> u16 {
        let tls = self.more.iter().position(|word| word == "--tls-port").and_then(|at| self.more.get(at + 1));
        tls.map_or(self.port, |port| port.parse().unwrap())
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
        cli(self.port, words)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn cli(port: u16, words: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output();
    let output = output.expect("redis-cli starts: install the Debian package redis-tools");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether Debian's packages are here. Their absence fails a test, it does not skip it.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let step = Duration::from_millis(10);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        if is_so() {
            return;
        }
        thread::sleep(step);
    }
    panic!("{what}: not within {PATIENCE:?}; apt-get install redis-server redis-sentinel redis-tools");
}

pub(crate) fn write(path: &PathBuf, bytes: &[u8]) {
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}
