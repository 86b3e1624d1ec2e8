//! `absentia keys`, run as a process over our ring beside a SQLite file and over .NET's in a folder.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use absentia::{
    KeyRing, OsRandom,
    store::{Clock as _, Expiry, Key, SystemClock, When},
};
use serde_json::{Value, json};

/// A program's folder with these settings besides the usual.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(settings: Value) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.path("appsettings.json"), settings.to_string()).unwrap();
        folder
    }

    fn sqlite() -> Self {
        let folder = Self::new(json!({ "ConnectionStrings": { "TokenCacheDbConnStr": "Data Source=tokens.db" } }));
        folder.done(&["store", "create"]);
        folder
    }

    /// .NET's layout over a Redis that nobody runs: what is about keys in a folder alone does not ask it.
    fn dotnet() -> Self {
        let folder = Self::new(json!({
            "ConnectionStrings": { "TokenCacheRedisConnStr": "localhost:1" },
            "TokenCache": { "Layout": "dotnet", "Encrypt": true },
            "DataProtection": { "ApplicationName": "shop", "KeyFolder": "keys" },
        }));
        std::fs::create_dir(folder.path("keys")).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The exit code, standard output and standard error; none of them holds a key.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_absentia"));
        command.current_dir(self.0.path()).args(arguments).env_remove("ABSENTIA_LOG").stdin(Stdio::null());
        let output = command.output().unwrap();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        for secret in self.secrets() {
            assert!(!out.contains(&secret) && !err.contains(&secret), "{arguments:?} printed a key");
        }
        (output.status.code(), out, err)
    }

    fn done(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {err}");
        out
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).unwrap()
    }

    fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let (was, out, err) = self.run(arguments);
        assert_eq!((was, out.as_str()), (Some(code), ""), "{arguments:?}: {err}");
        err
    }

    fn ring(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("tokens.db.keys")).unwrap()).unwrap()
    }

    fn secrets(&self) -> Vec<String> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ours = std::fs::read(self.path("tokens.db.keys"))
            .ok()
            .map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap());
        let ours = ours
            .iter()
            .flat_map(|ring| ring["keys"].as_array().unwrap())
            .map(|key| key["key"].as_str().unwrap().to_owned());
        let dotnet = files(&self.path("keys"))
            .into_values()
            .map(|bytes| text(bytes).split_once("<value>").unwrap().1.split_once("</value>").unwrap().0.to_owned());
        ours.chain(dotnet).filter(|secret| !secret.is_empty()).collect()
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let Ok(folder) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    folder.map(|file| file.unwrap().path()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn states(list: &Value) -> Vec<&str> {
    list["keys"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn our_ring_is_listed_rotated_and_retired() {
    let folder = Folder::sqlite();
    let list = folder.json(&["keys", "list"]);
    assert_eq!((states(&list["key_ring"]), &list["data_protection"]), (vec!["active"], &Value::Null));
    let first = list["key_ring"]["keys"][0]["id"].as_str().unwrap().to_owned();
    assert!(folder.refused(1, &["keys", "retire", &first]).contains("absentia keys rotate"));

    let next = folder.json(&["keys", "rotate"])["added"].as_str().unwrap().to_owned();
    assert!(folder.refused(1, &["keys", "rotate"]).contains(&format!("Key {next} waits already")));
    assert!(folder.refused(1, &["keys", "retire", &next]).contains("about to"));
    assert!(folder.refused(1, &["keys", "retire", "0000000000000000"]).contains("no such key"));
    assert!(folder.refused(2, &["keys", "retire", "first"]).contains("16 hexadecimal digits"));
    assert_eq!(states(&folder.json(&["keys", "list"])["key_ring"]), ["active", "next"]);
    let text = folder.done(&["keys", "list"]);
    assert!(text.contains(&first) && text.contains("next") && !text.contains("ENTRIES"), "{text}");

    // Under the first key: an entry, and one that does not open.
    let ring = KeyRing::load(&folder.path("tokens.db.keys")).unwrap();
    let config = absentia_sqlite::SqliteConfig::new(folder.path("tokens.db"));
    let store = absentia_sqlite::SqliteStore::open(&config, std::sync::Arc::new(SystemClock)).await.unwrap();
    let put = async |name: &str, sealed_for: &str| {
        let value = ring.seal_entry(&Key::new(sealed_for), b"{}", SystemClock.now(), &OsRandom).unwrap();
        let expiry = Expiry { sliding: Some(std::time::Duration::from_secs(86_400)), absolute: None };
        absentia::store::Store::put(&store, &Key::new(name), value.into(), When::Absent, expiry).await.unwrap();
    };
    put("good", "good").await;
    put("copied", "good").await;

    // Half an hour later: as far as the file is concerned.
    let mut later = folder.ring();
    for key in later["keys"].as_array_mut().unwrap() {
        key["active_from"] = json!(key["active_from"].as_u64().unwrap() - 1_800);
    }
    std::fs::write(folder.path("tokens.db.keys"), later.to_string()).unwrap();
    let list = folder.json(&["keys", "list", "--count"]);
    let counts: Vec<_> = list["key_ring"]["keys"].as_array().unwrap().iter().map(|key| &key["entries"]).collect();
    assert_eq!((states(&list["key_ring"]), counts), (vec!["old", "active"], vec![&json!(2), &json!(0)]));

    let retired = folder.json(&["keys", "retire", &first]);
    assert_eq!((&retired["resealed_entries"], &retired["unreadable_entries"]), (&json!(1), &json!(1)));
    let list = folder.json(&["keys", "list", "--count"]);
    assert_eq!(list["key_ring"]["keys"].as_array().unwrap().len(), 1);
    assert_eq!(list["key_ring"]["keys"][0]["id"], next.as_str());
    assert_eq!(list["key_ring"]["keys"][0]["entries"], 1);
    assert_eq!(list["key_ring"]["entries_under_unknown_keys"], 1);
    assert!(folder.refused(1, &["keys", "retire", &first]).contains("no such key"));
    assert!(folder.refused(2, &["keys", "create"]).contains("absentia keys rotate"));
}

#[test]
fn a_ring_that_is_missing_or_damaged_is_said_to_be() {
    let folder = Folder::sqlite();
    std::fs::remove_file(folder.path("tokens.db.keys")).unwrap();
    for command in [&["keys", "list"][..], &["keys", "rotate"], &["keys", "retire", "0000000000000000"]] {
        assert!(folder.refused(2, command).contains("absentia store create"), "{command:?}");
    }
    assert!(!folder.path("tokens.db.keys").exists());
}

#[test]
fn dotnets_ring_is_listed_and_added_to_and_never_rewritten() {
    let folder = Folder::dotnet();
    let text = folder.done(&["keys", "list"]);
    assert!(text.contains("No key is in its time") && text.contains("absentia keys create"), "{text}");

    let created = folder.json(&["keys", "create"]);
    let first = created["created"].as_str().unwrap();
    assert_eq!(states(&created["data_protection"]), ["active"]);
    let before = files(&folder.path("keys"));
    assert!(before.contains_key(&folder.path("keys").join(format!("key-{first}.xml"))));
    let text = folder.done(&["keys", "create", "--days", "30"]);
    assert!(!text.contains("once a day"), "it begins when the first ends: {text}");
    let text = folder.done(&["keys", "create", "--activate", "2001-02-03", "--days", "7"]);
    assert!(text.contains("2001-02-03T00:00:00Z") && text.contains("2001-02-10T00:00:00Z"), "{text}");
    assert!(text.contains("once a day"), "{text}");
    let list = folder.json(&["keys", "list"]);
    assert_eq!(states(&list["data_protection"]), ["expired", "active", "next"]);
    assert_eq!(list["data_protection"]["keys"][1]["id"], first);
    assert_eq!(list["data_protection"]["keys"][1]["expires"], list["data_protection"]["keys"][2]["activates"]);
    assert_eq!(list["key_ring"], Value::Null);
    let after = files(&folder.path("keys"));
    assert!(after.len() == 3 && before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));

    for command in [&["keys", "rotate"][..], &["keys", "retire", first]] {
        let why = folder.refused(2, command);
        assert!(why.contains("never rewritten") && why.contains("absentia keys create"), "{why}");
    }
    assert!(folder.refused(2, &["keys", "create", "--days", "6"]).contains("--days"));
    assert!(folder.refused(2, &["keys", "create", "--activate", "soon"]).contains("2027-01-31"));
    // What is damaged is shown, and nothing is made beside what may be a revocation.
    std::fs::write(folder.path("keys").join("key-x.xml"), "<key><value></value>").unwrap();
    assert_eq!(folder.json(&["keys", "list"])["data_protection"]["skipped"][0]["source"], "key-x.xml");
    std::fs::write(folder.path("keys").join("revocation-x.xml"), "<revocation><value></value>").unwrap();
    assert!(folder.refused(2, &["keys", "create"]).contains("may be a revocation"));
    assert_eq!(files(&folder.path("keys")).len(), 5);
}
