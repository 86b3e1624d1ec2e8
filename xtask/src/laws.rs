//! The laws of stores by backend: a table of what ran, in which an empty cell is a failure.
//!
//! A law's test is `backend::group::law`, as `conformance_tests!` makes it in a module named after the backend.

use std::collections::{BTreeMap, BTreeSet};

use crate::step::Counts;

const GROUPS: [&str; 5] = ["store", "accounts", "leases", "scan", "watch"];

/// What was seen of laws: how often each passed on each backend.
#[derive(Debug, Default)]
pub(crate) struct Laws {
    passed: BTreeMap<String, BTreeMap<String, u64>>,
    backends: BTreeSet<String>,
}

impl Laws {
    /// Looks at a line of the tests' output.
    pub(crate) fn see(&mut self, line: &str) {
        let Some((name, verdict)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) else {
            return;
        };
        let [backend, group, law] = name.split("::").collect::<Vec<_>>()[..] else { return };
        if !GROUPS.contains(&group) {
            return;
        }
        self.backends.insert(backend.to_owned());
        let laws = self.passed.entry(format!("{group}::{law}")).or_default();
        *laws.entry(backend.to_owned()).or_default() += u64::from(verdict.trim() == "ok");
    }

    /// Prints the table. `expected` are the backends that were to run. One check: it fails when a law did not pass on one of
    /// them, or nothing was seen.
    pub(crate) fn conclude(&self, expected: &[&str]) -> Counts {
        let backends: BTreeSet<&str> =
            self.backends.iter().map(String::as_str).chain(expected.iter().copied()).collect();
        let width = self.passed.keys().map(String::len).max().unwrap_or(0);
        println!("\nlaws by backend");
        let heads: Vec<String> = backends.iter().map(|backend| format!("{backend:>14}")).collect();
        println!("{:width$} {}", "", heads.concat());
        let mut empty = Vec::new();
        for (law, by) in &self.passed {
            let mut cells = String::new();
            for backend in &backends {
                let passed = by.get(*backend).copied().unwrap_or(0);
                if passed == 0 {
                    empty.push(format!("{law} on {backend}"));
                }
                cells.push_str(&format!("{passed:>14}"));
            }
            println!("{law:width$} {cells}");
        }
        if self.passed.is_empty() {
            println!("no law was seen");
        }
        for cell in &empty {
            println!("empty: {cell}");
        }
        match self.passed.is_empty() || !empty.is_empty() {
            true => Counts { failed: 1, ..Counts::default() },
            false => Counts { passed: 1, ..Counts::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cell_fails() {
        let mut laws = Laws::default();
        for line in [
            "test memory::store::one ... ok",
            "test sqlite::store::one ... ok",
            "test memory::watch::two ... ok",
            "test other::thing::one ... ok",
        ] {
            laws.see(line);
        }
        assert_eq!(laws.conclude(&[]).failed, 1, "sqlite has no second law");
        laws.see("test sqlite::watch::two ... FAILED");
        assert_eq!(laws.conclude(&[]).failed, 1);
        laws.see("test sqlite::watch::two ... ok");
        assert_eq!(laws.conclude(&["memory", "sqlite"]).passed, 1);
        assert_eq!(laws.conclude(&["redis_single"]).failed, 1, "a backend that did not run");
        assert_eq!(Laws::default().conclude(&[]).failed, 1);
    }
}
