//! Child processes: started, awaited until ready, and stopped however the demo ends.

use std::{
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::Failure;

/// How long a program may take to say that it is ready, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many lines of a program are kept for the case that it fails.
const KEPT: usize = 40;

/// A running program. Killed when dropped.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts `program` and waits until it prints a line that `ready` accepts.
    pub(crate) async fn start<T>(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        ready: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T), Failure> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{name} did not start ({}): {error}", program.display()))?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let stderr = child.stderr.take().ok_or("no standard error")?;
        tokio::spawn(keep(stderr, said.clone()));
        let mut lines = BufReader::new(stdout).lines();
        let first = timeout(PATIENCE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(found) = ready(&line) {
                    return Some(found);
                }
                remember(&said, line);
            }
            None
        })
        .await;
        let running = Self { name, child, said: said.clone() };
        let Ok(Some(found)) = first else {
            return Err(format!("{name} was not ready in time. It said:\n{}", running.last_words()).into());
        };
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                remember(&said, line);
            }
        });
        Ok((running, found))
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        if let Some(pid) = self.child.id() {
            terminate(pid).await;
        }
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => {
                Err(format!("{} ended badly ({status:?}). It said:\n{}", self.name, self.last_words()).into())
            }
            Err(_) => Err(format!("{} did not stop when asked", self.name).into()),
        }
    }

    fn last_words(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

async fn keep(output: impl AsyncRead + Unpin, said: Arc<Mutex<Vec<String>>>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        remember(&said, line);
    }
}

fn remember(said: &Mutex<Vec<String>>, line: String) {
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    if said.len() == KEPT {
        said.remove(0);
    }
    said.push(line);
}

/// SIGTERM, by the system's own command: the standard library can only kill.
#[cfg(unix)]
async fn terminate(pid: u32) {
    let _ = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await;
}

#[cfg(not(unix))]
async fn terminate(_: u32) {}
