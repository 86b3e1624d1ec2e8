//! The program itself.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use absentia_emulator::Directory;
use serde_json::Value;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_absentia-emulator"));
    command.arg("run").args(arguments).env_remove("RUST_LOG");
    command
}

fn start(arguments: &[&str]) -> (Child, Value) {
    let mut child =
        program(arguments).args(["--listen", "127.0.0.1:0", "--print-json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

fn terminate(mut child: Child) {
    let status = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
    assert!(child.wait().unwrap().success(), "SIGTERM is a way to stop");
}

fn fails(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = program(arguments).output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

#[test]
fn one_line_says_everything_and_a_signal_ends_it() {
    let (child, ready) = start(&[]);
    assert!(ready["url"].as_str().unwrap().starts_with("http://localhost:"));
    assert_eq!(ready["tenant_id"], "22222222-dddd-4eee-8fff-000000000002");
    assert_eq!(ready["users"][0]["upn"], "ada@contoso.example");
    assert!(ready["users"][0]["password"].is_string() && ready["apps"][0]["secret"].is_string());
    assert!(ready["apps"][1].get("secret").is_none());
    terminate(child);
}

#[test]
fn secrets_of_a_directory_of_ones_own_are_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("directory.json");
    std::fs::write(&file, include_str!("../../src/directory/built-in.json")).unwrap();
    let (child, ready) = start(&["--directory", file.to_str().unwrap()]);
    let text = ready.to_string();
    let directory = Directory::built_in().unwrap();
    assert!(!text.contains(&directory.tenants[0].users[0].password));
    assert!(!text.contains(&directory.tenants[0].applications[0].password_credentials[0].secret_text));
    terminate(child);

    std::fs::write(&file, "{\"tenants\": [], \"tenents\": []}").unwrap();
    let error = fails(&["--directory", file.to_str().unwrap()]);
    assert!(error.contains("directory.json") && error.contains("tenents"), "{error}");
}

#[test]
fn a_data_folder_keeps_the_key_and_a_damaged_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    terminate(start(&["--data", data]).0);
    let file = folder.path().join("data/signing-key.pem");
    let first = std::fs::read(&file).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    terminate(start(&["--data", data]).0);
    assert_eq!(std::fs::read(&file).unwrap(), first);

    std::fs::write(&file, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    let error = fails(&["--listen", "127.0.0.1:0", "--data", data]);
    assert!(error.contains("signing-key.pem") && error.contains("remove it"), "{error}");
    std::fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
    assert!(fails(&["--listen", "127.0.0.1:0", "--data", data]).contains("remove it"));
}

#[test]
fn a_port_in_use_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let error = fails(&["--listen", &addr]);
    assert!(error.contains(&addr) && error.contains("--listen"), "{error}");
}
