//! Where processes meet: a store that each opens by its connection string, and the server behind it.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use absentia_config::{Opener, database_target, pick};
use absentia_store::{Backend, Clock};
use tempfile::TempDir;

/// Ends the server when its standard input is closed: when the value is dropped, or this process ends.
const KEEPER: &str = r#""$@" & child=$!; cat > /dev/null; kill -9 $child; wait $child"#;

/// The stores of a connection string, as any app opens them.
pub async fn open(text: &str, clock: Arc<dyn Clock>) -> Backend {
    let (openers, target) = (openers(), database_target(text).unwrap());
    pick(&openers, &target).unwrap().open(&target, clock).await.unwrap()
}

fn openers() -> Vec<Box<dyn Opener>> {
    vec![absentia_sqlite::opener(), absentia_redis::opener()]
}

/// A store of a test's own. It is gone when this is dropped.
pub struct Place {
    /// Its connection string.
    pub text: String,
    /// For what lies beside the store.
    pub folder: TempDir,
    keeper: Option<Child>,
}

impl Place {
    /// A new SQLite file. Patient: many processes write it without pause.
    pub async fn sqlite(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("Data Source={};Default Timeout=20", folder.path().join("tokens.db").display());
        let (openers, target) = (openers(), database_target(&text).unwrap());
        pick(&openers, &target).unwrap().create(&target, clock).await.unwrap();
        Self { text, folder, keeper: None }
    }

    /// A Redis server of Debian's package on a free port. `None`, where it is not installed: in CI that is a failure,
    /// elsewhere it is said.
    pub async fn redis(clock: &dyn Clock) -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "redis-server is not installed");
            eprintln!("skipped over Redis: redis-server is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh", "redis-server", "--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
            .arg(folder.path())
            .args(["--logfile", "log", "--save", ""])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let place = Self { text: format!("redis://127.0.0.1:{port}"), folder, keeper: Some(keeper) };
        for _ in 0..1500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(place);
            }
            clock.sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not listen on port {port} after 30 s");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}
