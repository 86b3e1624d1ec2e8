//! A folder with settings, in which the command is run.

#![allow(dead_code, reason = "each test program uses its part")]

use std::{
    process::{Command, Output, Stdio},
    sync::Mutex,
};

use absentia::store::Backend;
use absentia_config::Settings;
use serde_json::Value;

pub(crate) const CLIENT: &str = "33333333-1234-4567-89ab-000000000003";
pub(crate) const TENANT: &str = "22222222-dddd-4eee-8fff-000000000002";
pub(crate) const SECRET: &str = "a-client-secret-nobody-may-see";

/// The folder, and all that the command said in it.
pub(crate) struct Folder(pub(crate) tempfile::TempDir, Mutex<String>);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::of("https://login.microsoftonline.com", TENANT, CLIENT, SECRET)
    }

    /// With the settings of an app at this Entra.
    pub(crate) fn of(instance: &str, tenant: &str, client_id: &str, secret: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap(), Mutex::default());
        let text = format!(
            r#"{{ // as the sample has it
                "AzureAd": {{
                    "Instance": "{instance}", "TenantId": "{tenant}", "ClientId": "{client_id}", "ClientSecret": "{secret}",
                }},
                "ConnectionStrings": {{ "TokenCacheDbConnStr": "Data Source={}" }},
            }}"#,
            folder.0.path().join("tokens.db").display()
        );
        std::fs::write(folder.0.path().join("appsettings.json"), text).unwrap();
        folder
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        let all = [output.stdout.clone(), output.stderr.clone()].concat();
        self.1.lock().unwrap().push_str(&String::from_utf8_lossy(&all));
        assert!(!String::from_utf8_lossy(&all).contains(SECRET), "the secret was printed");
        output
    }

    /// Everything that was printed by [`run`](Self::run).
    pub(crate) fn said(&self) -> String {
        self.1.lock().unwrap().clone()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_absentia"));
        command.current_dir(self.0.path()).args(arguments).env_remove("ABSENTIA_LOG");
        command
    }

    /// Standard output of a run that must end well.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// The exit code and standard error of a run that must not.
    pub(crate) fn failure(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::load(self.0.path().join("appsettings.json")).unwrap()
    }

    pub(crate) async fn backend(&self) -> Backend {
        self.settings().token_cache(&[absentia_sqlite::opener()]).await.unwrap().backend().clone()
    }
}
