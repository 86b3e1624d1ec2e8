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
    ready(program(arguments).arg("--http"))
}

fn ready(command: &mut Command) -> (Child, Value) {
    let mut child = command.args(["--listen", "127.0.0.1:0", "--print-json"]).stdout(Stdio::piped()).spawn().unwrap();
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
    let error = fails(&["--http", "--directory", file.to_str().unwrap()]);
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
    let error = fails(&["--http", "--listen", "127.0.0.1:0", "--data", data]);
    assert!(error.contains("signing-key.pem") && error.contains("remove it"), "{error}");
    std::fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
    assert!(fails(&["--http", "--listen", "127.0.0.1:0", "--data", data]).contains("remove it"));
}

#[test]
fn a_port_in_use_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let error = fails(&["--http", "--listen", &addr]);
    assert!(error.contains(&addr) && error.contains("--listen"), "{error}");
}

#[test]
fn tls_is_what_it_speaks_under_an_authority_that_stays() {
    let home = tempfile::tempdir().unwrap();
    let run = || ready(program(&[]).env("XDG_DATA_HOME", home.path()));
    let (child, first) = run();
    assert!(first["url"].as_str().unwrap().starts_with("https://localhost:"));
    let file = first["ca_file"].as_str().unwrap();
    assert_eq!(std::path::Path::new(file), home.path().join("absentia-emulator/ca.pem"));
    let pem = std::fs::read_to_string(file).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| {
            let file = home.path().join("absentia-emulator").join(name);
            std::fs::metadata(file).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("ca-key.pem"), 0o600);
        assert_eq!(mode("ca.pem") & 0o444, 0o444);
    }
    terminate(child);
    let (child, second) = run();
    assert_eq!(second["ca_file"], first["ca_file"]);
    assert_eq!(std::fs::read_to_string(file).unwrap(), pem);
    terminate(child);

    // A certificate that was lost is made again, for the same key; one of another key is not used.
    std::fs::remove_file(file).unwrap();
    terminate(run().0);
    let elsewhere = tempfile::tempdir().unwrap();
    let (child, other) = ready(program(&[]).env("XDG_DATA_HOME", elsewhere.path()));
    terminate(child);
    std::fs::copy(other["ca_file"].as_str().unwrap(), file).unwrap();
    let output = program(&["--listen", "127.0.0.1:0"]).env("XDG_DATA_HOME", home.path()).output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("do not belong together") && error.contains("trusted anew"), "{error}");
}

#[test]
fn starts_at_once_with_one_data_folder_agree_on_an_authority() {
    let home = tempfile::tempdir().unwrap();
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let path = home.path().to_owned();
            std::thread::spawn(move || ready(program(&[]).env("XDG_DATA_HOME", path)).0)
        })
        .collect();
    starts.into_iter().for_each(|start| terminate(start.join().unwrap()));
    let left: Vec<_> = std::fs::read_dir(home.path().join("absentia-emulator")).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn trust_is_explained_with_the_file_and_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    terminate(ready(program(&["--data", data]).env_remove("XDG_DATA_HOME")).0);
    let output =
        Command::new(env!("CARGO_BIN_EXE_absentia-emulator")).args(["trust", "--data", data]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains(&format!("{data}/ca.pem")), "{text}");
    for word in
        ["curl", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "keytool", ".NET", "certutil", "spki-list=", "Debian"]
    {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert!(!text.contains("not there yet"), "{text}");
}

#[test]
fn a_certificate_for_another_server_is_made_and_its_key_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("entra"), folder.path().join("app"));
    let make = |hosts: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_absentia-emulator"));
        command.arg("certificate").arg("--data").arg(&data).arg("--out").arg(&out);
        for host in hosts {
            command.args(["--host", host]);
        }
        command.output().unwrap()
    };
    let made = make(&[]);
    let said = String::from_utf8(made.stdout).unwrap();
    assert!(made.status.success() && said.contains("Kestrel:Certificates:Default:KeyPath"), "{said}");
    let (file, key) = (out.join("certificate.pem"), out.join("certificate-key.pem"));
    let first = std::fs::read_to_string(&file).unwrap();
    assert_eq!(first.matches("BEGIN CERTIFICATE").count(), 2, "the authority is in the chain");
    assert!(first.ends_with(&std::fs::read_to_string(data.join("ca.pem")).unwrap()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(make(&["app.localhost", "127.0.0.2"]).status.success());
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_ne!(std::fs::read_to_string(&file).unwrap(), first, "it is replaced");
    for host in ["contoso.example", "10.0.0.1", "localhost.example", "a b.localhost"] {
        let refused = make(&[host]);
        let why = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && why.contains(host) && why.contains("loopback"), "{why}");
    }
}
