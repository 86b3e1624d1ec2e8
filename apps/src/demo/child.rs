//! Child processes: started, awaited until ready, and stopped however the demo ends.

use std::{
    fs::File,
    io::Write as _,
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

use super::{Failure, say};

/// How long a program may take to say that it is ready, and to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many lines of a program are kept for the case that it fails.
const KEPT: usize = 40;
/// A folder into which everything that programs say is written, for whoever wants to search it.
pub(crate) const OUTPUT: &str = "ABSENTIA_DEMO_OUTPUT";

/// A running program. Killed when dropped.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    said: Said,
}

/// What a program said: its last lines, and all of it in a file if somebody wants it.
#[derive(Clone)]
struct Said {
    last: Arc<Mutex<Vec<String>>>,
    file: Option<Arc<Mutex<File>>>,
    /// Under which name it is shown as it comes.
    aloud: Option<&'static str>,
}

impl Said {
    fn new(name: &str) -> Result<Self, Failure> {
        let file = match std::env::var_os(OUTPUT) {
            Some(folder) => {
                let path = Path::new(&folder).join(format!("{}.txt", name.replace(' ', "-")));
                Some(Arc::new(Mutex::new(File::options().create(true).append(true).open(path)?)))
            }
            None => None,
        };
        Ok(Self { last: Arc::default(), file, aloud: None })
    }

    fn add(&self, line: String) {
        if let Some(name) = self.aloud {
            say::by(name, &line);
        }
        if let Some(file) = &self.file {
            let _ = writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == KEPT {
            last.remove(0);
        }
        last.push(line);
    }
}

/// Writes what a program that ended said into the folder, if somebody wants it.
pub(crate) fn note(name: &str, text: &str) -> Result<(), Failure> {
    Said::new(name)?.add(text.to_owned());
    Ok(())
}

impl Program {
    /// Starts `program` and waits until it prints a line that `ready` accepts.
    pub(crate) async fn start<T>(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        ready: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T), Failure> {
        let mut child = spawn(name, program, arguments)?;
        let said = Said::new(name)?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let stderr = child.stderr.take().ok_or("no standard error")?;
        tokio::spawn(keep(stderr, said.clone()));
        let mut lines = BufReader::new(stdout).lines();
        let first = timeout(PATIENCE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                let found = ready(&line);
                said.add(line);
                if found.is_some() {
                    return found;
                }
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
                said.add(line);
            }
        });
        Ok((running, found))
    }

    /// Starts `program`, and shows what it says as it comes.
    pub(crate) fn start_aloud(name: &'static str, program: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let mut child = spawn(name, program, arguments)?;
        let said = Said { aloud: Some(name), ..Said::new(name)? };
        tokio::spawn(keep(child.stdout.take().ok_or("no standard output")?, said.clone()));
        tokio::spawn(keep(child.stderr.take().ok_or("no standard error")?, said.clone()));
        Ok(Self { name, child, said })
    }

    /// Waits until it ends by itself, which is a failure. Cancel safe.
    pub(crate) async fn ended(&mut self) -> Failure {
        let status = self.child.wait().await;
        format!("{} ended by itself ({status:?}). It said:\n{}", self.name, self.last_words()).into()
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
        self.said.last.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

fn spawn(name: &str, program: &Path, arguments: &[&str]) -> Result<Child, Failure> {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{name} did not start ({}): {error}", program.display()).into())
}

async fn keep(output: impl AsyncRead + Unpin, said: Said) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        said.add(line);
    }
}

/// SIGTERM, by the system's own command: the standard library can only kill.
#[cfg(unix)]
async fn terminate(pid: u32) {
    let _ = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await;
}

#[cfg(not(unix))]
async fn terminate(_: u32) {}

/// Ends when somebody wants the demo to end: Ctrl-C or, where there is such a thing, SIGTERM.
#[cfg(unix)]
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let one = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = one(SignalKind::interrupt()) => {}
        () = one(SignalKind::terminate()) => {}
    }
}

#[cfg(not(unix))]
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
