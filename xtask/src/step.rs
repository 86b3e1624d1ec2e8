//! One step of a run: what it is called, how long it took, how many tests it counted.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

/// What became of tests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// Runs one command as one check: it passed if the command did.
pub(crate) fn check(name: &str, command: &mut Command) -> Counts {
    timed(name, || match command.status() {
        Ok(status) if status.success() => Counts { passed: 1, ..Counts::default() },
        Ok(status) => {
            println!("{name}: {status}");
            Counts { failed: 1, ..Counts::default() }
        }
        Err(error) => {
            println!("{name} did not start: {error}");
            Counts { failed: 1, ..Counts::default() }
        }
    })
}

/// Runs a command that runs tests, and counts what it says: each `test result:` of `cargo test`, or a closing line
/// `N passed, N failed`, with or without `N skipped`. Ignored tests are long work with a command of its own, and count as skipped.
/// `see` is shown each line.
pub(crate) fn tests(name: &str, command: &mut Command, mut see: impl FnMut(&str)) -> Counts {
    timed(name, || {
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                println!("{name} did not start: {error}");
                return Counts { failed: 1, ..Counts::default() };
            }
        };
        let mut counts = Counts::default();
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                println!("{line}");
                counts.add(verdict(&line).unwrap_or_default());
                see(&line);
            }
        }
        let succeeded = child.wait().is_ok_and(|status| status.success());
        if !succeeded && counts.failed == 0 {
            counts.failed = 1; // it did not build, or a binary died without a verdict
        }
        counts
    })
}

/// The counts of a line that closes a run of tests.
fn verdict(line: &str) -> Option<Counts> {
    let line = line.trim();
    let number = |text: &str, separators: &[char], word: &str| {
        text.split(separators).find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
    };
    if let Some(rest) = line.strip_prefix("test result:") {
        let of = |word| number(rest, &[';', '.'], word).unwrap_or(0);
        return Some(Counts { passed: of("passed"), failed: of("failed"), skipped: of("ignored") });
    }
    let of = |word| number(line, &[','], word);
    Some(Counts { passed: of("passed")?, failed: of("failed")?, skipped: of("skipped").unwrap_or(0) })
}

#[expect(clippy::disallowed_methods, reason = "steps are timed for people, by the machine's clock")]
fn timed(name: &str, work: impl FnOnce() -> Counts) -> Counts {
    println!("\n==> {name}");
    let began = Instant::now();
    let counts = work();
    let verdict = if counts.failed == 0 { "ok" } else { "FAILED" };
    println!("<== {name}: {verdict}, {:.1} s", began.elapsed().as_secs_f64());
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted_and_no_other() {
        let of = |line| verdict(line).map(|counts| (counts.passed, counts.failed, counts.skipped));
        assert_eq!(of("test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out"), Some((12, 1, 2)));
        assert_eq!(of("61 passed, 0 failed"), Some((61, 0, 0)));
        assert_eq!(of("18 passed, 1 failed, 2 skipped"), Some((18, 1, 2)));
        assert_eq!(of("test a_test_that_passed ... ok"), None);
    }
}
