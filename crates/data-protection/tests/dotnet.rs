//! Microsoft's own Data Protection as the judge: it opens what we protect, we open what it protects, it uses the keys we make,
//! and it chooses the keys we choose.
//!
//! The program is `$ABSENTIA_SHARED/witness-dotnet` and does not belong to the repository. Where it is not there, every test
//! is skipped by name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up is a failed test")]

mod common;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::SystemTime,
};

use absentia_data_protection::{Algorithm, Certificate, KeyRing, KeySize, NewKey, Protector, Unopened, create_key};
use absentia_store::{Clock as _, SystemClock};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use common::{CASES, DAY, HOUR, Made, State, fixtures, id, pfx, random, write_ring};
use serde_json::Value;
use uuid::Uuid;

type Test = fn(&Witness);

const TESTS: [(&str, Test); 5] = [
    ("payloads_open_on_both_sides", payloads_open_on_both_sides),
    ("keys_we_make_work_in_dotnet", keys_we_make_work_in_dotnet),
    ("a_key_we_add_leaves_dotnets_ring_whole", a_key_we_add_leaves_dotnets_ring_whole),
    ("revocations_by_dotnet_are_seen", revocations_by_dotnet_are_seen),
    ("both_choose_the_same_key", both_choose_the_same_key),
];

fn main() -> ExitCode {
    let Some(shared) = env::var_os("ABSENTIA_SHARED") else {
        for (name, _) in TESTS {
            println!("skipped: {name} (ABSENTIA_SHARED is not set)");
        }
        println!("0 passed, 0 failed, {} skipped", TESTS.len());
        return ExitCode::SUCCESS;
    };
    let witness = Witness::unpack(Path::new(&shared));
    let mut failed = 0;
    for (name, test) in TESTS {
        let passed = std::panic::catch_unwind(|| test(&witness)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("{} passed, {failed} failed, 0 skipped", TESTS.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Witness(PathBuf);

impl Witness {
    /// Unpacks the archive below the target folder, once for each archive.
    fn unpack(shared: &Path) -> Self {
        let archive = shared.join("witness-dotnet/absentia-witness-dotnet-linux-x64.tar.xz");
        let length = fs::metadata(&archive).unwrap().len();
        let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = home.join(format!("witness-dotnet-{length}"));
        if !folder.exists() {
            let fresh = tempfile::tempdir_in(home).unwrap();
            let status = Command::new("tar").arg("xf").arg(&archive).arg("-C").arg(fresh.path()).status().unwrap();
            assert!(status.success(), "tar could not unpack {}", archive.display());
            // Whoever comes second keeps what is there.
            let _ = fs::rename(fresh.path(), &folder);
        }
        Self(folder.join("absentia-witness-dotnet/absentia-witness-dotnet"))
    }

    /// One command: its answer, or the message of the innermost error.
    fn run(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = Command::new(&self.0).args(arguments).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)));
        match output.status.code() {
            Some(0) => Ok(answer),
            Some(2) => Err(answer["error"].to_string()),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    fn protect(&self, ring: &str, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, String> {
        let plain = BASE64_STANDARD.encode(plain);
        let answer = self.run(&["protect", "--protect", ring, "--purpose", purpose, "--data", &plain])?;
        Ok(BASE64_STANDARD.decode(answer["data"].as_str().unwrap()).unwrap())
    }

    fn unprotect(&self, ring: &str, purpose: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        let payload = BASE64_STANDARD.encode(payload);
        let answer = self.run(&["unprotect", "--protect", ring, "--purpose", purpose, "--data", &payload])?;
        Ok(BASE64_STANDARD.decode(answer["data"].as_str().unwrap()).unwrap())
    }
}

fn now() -> SystemTime {
    SystemClock.now()
}

fn certificate_options() -> String {
    format!(";cert={};cert-password=fixture", fixtures().join("ring-x509.pfx").display())
}

fn protector(folder: &Path, name: Option<&str>, purpose: &str) -> Protector {
    let ring = KeyRing::from_folder(folder, &[pfx()]).unwrap();
    match name {
        Some(name) => Protector::new(ring, name, &[purpose]).unwrap(),
        None => Protector::without_application_name(ring, &[purpose]),
    }
}

fn payloads_open_on_both_sides(dotnet: &Witness) {
    let long = "lang é€😀 ".repeat(1500);
    let plains = [&b""[..], b"{}", "é€😀".as_bytes(), &[0xff; 4096], &b"0123456789abcdef"[..], long.as_bytes()];
    for (ring, name, more) in [
        ("ring-plain", Some("absentia-fixtures"), String::new()),
        // .NET takes the name as it is, blanks and all.
        ("ring-plain", Some(" Café "), String::new()),
        ("ring-gcm", Some("absentia-fixtures"), String::new()),
        ("ring-cbc128-sha512", Some("absentia-fixtures"), String::new()),
        ("ring-x509", Some("absentia-fixtures"), certificate_options()),
        ("ring-no-name", None, String::new()),
    ] {
        let folder = fixtures().join(ring);
        let app = name.map(|name| format!(";app={name}")).unwrap_or_default();
        let options = format!("dp:{}{app}{more};no-generate", folder.display());
        let ours = protector(&folder, name, "msal_cache");
        for plain in plains {
            let payload = ours.protect(plain, now(), &random).unwrap();
            assert_eq!(dotnet.unprotect(&options, "msal_cache", &payload).unwrap(), plain, "{ring} {name:?}");
            assert!(dotnet.unprotect(&options, "other", &payload).is_err());
            let payload = dotnet.protect(&options, "msal_cache", plain).unwrap();
            assert_eq!(*ours.unprotect(&payload).unwrap(), plain, "{ring} {name:?}");
        }
    }
}

fn keys_we_make_work_in_dotnet(dotnet: &Witness) {
    use absentia_data_protection::Hash::{Sha256, Sha512};
    let plain = |algorithm| (algorithm, None, String::new());
    for (algorithm, certificate, more) in [
        plain(Algorithm::default()),
        plain(Algorithm::Cbc(KeySize::Aes192, Sha512)),
        plain(Algorithm::Cbc(KeySize::Aes128, Sha256)),
        plain(Algorithm::Gcm(KeySize::Aes256)),
        plain(Algorithm::Gcm(KeySize::Aes192)),
        (Algorithm::default(), Some(pfx()), certificate_options()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let new = NewKey { algorithm, ..NewKey::default() };
        let key = create_key(folder.path(), new, certificate.as_ref(), now(), &random).unwrap();
        let options = format!("dp:{};app=app{more};no-generate", folder.path().display());
        let ours = protector(folder.path(), Some("app"), "msal_cache");
        let payload = dotnet.protect(&options, "msal_cache", b"by .NET").unwrap();
        assert_eq!(payload[4..20], key.to_bytes_le(), "{algorithm}");
        assert_eq!(&ours.unprotect(&payload).unwrap()[..], b"by .NET");
        let payload = ours.protect(b"by us", now(), &random).unwrap();
        assert_eq!(dotnet.unprotect(&options, "msal_cache", &payload).unwrap(), b"by us");
        let listed = dotnet.run(&["ring", "--protect", &options]).unwrap();
        assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
        let expires: jiff::Timestamp = listed["keys"][0]["expires"].as_str().unwrap().parse().unwrap();
        assert_eq!(expires, jiff::Timestamp::try_from(ours.ring().key(key).unwrap().expires()).unwrap());
        // It makes none of its own beside ours.
        let generate = options.replace(";no-generate", "");
        assert_eq!(dotnet.protect(&generate, "msal_cache", b"").unwrap()[4..20], key.to_bytes_le());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

fn a_key_we_add_leaves_dotnets_ring_whole(dotnet: &Witness) {
    for (certificate, more) in [(None, String::new()), (Some(pfx()), certificate_options())] {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("dp:{};app=app{more}", folder.path().display());
        let first = dotnet.run(&["new-ring", "--protect", &options]).unwrap();
        let first: Uuid = first["key"].as_str().unwrap().parse().unwrap();
        let path = folder.path().join(format!("key-{first}.xml"));
        let before = fs::read(&path).unwrap();
        let second = create_key(folder.path(), NewKey::default(), certificate.as_ref(), now(), &random).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        let listed = dotnet.run(&["ring", "--protect", &options]).unwrap();
        let keys = listed["keys"].as_array().unwrap();
        let of = |id: Uuid| keys.iter().find(|key| key["id"] == id.to_string()).unwrap();
        assert_eq!((keys.len(), &of(second)["activates"]), (2, &of(first)["expires"]));
        let payload = dotnet.protect(&options, "p", b"x").unwrap();
        assert_eq!(payload[4..20], first.to_bytes_le());
        assert!(protector(folder.path(), Some("app"), "p").unprotect(&payload).is_ok());
    }
}

fn revocations_by_dotnet_are_seen(dotnet: &Witness) {
    let folder = tempfile::tempdir().unwrap();
    let options = format!("dp:{};app=app", folder.path().display());
    let new = dotnet.run(&["new-ring", "--protect", &options]).unwrap();
    let key: Uuid = new["key"].as_str().unwrap().parse().unwrap();
    let payload = dotnet.protect(&options, "p", b"x").unwrap();
    assert!(protector(folder.path(), Some("app"), "p").unprotect(&payload).is_ok());
    dotnet.run(&["ring", "--protect", &options, "--revoke", &key.to_string()]).unwrap();
    assert_eq!(protector(folder.path(), Some("app"), "p").unprotect(&payload), Err(Unopened::Revoked(key)));

    // All that were made before a date: the key of a year ago, not the one of an hour ago.
    let folder = tempfile::tempdir().unwrap();
    let options = format!("dp:{};app=app;no-generate", folder.path().display());
    let keys = [
        Made(1, -365 * DAY, -365 * DAY, 365 * DAY, State::Good),
        Made(2, -HOUR, -365 * DAY - 1, 365 * DAY, State::Good),
    ];
    write_ring(folder.path(), &keys, now());
    let date = common::date(now() - std::time::Duration::from_secs(86400));
    dotnet.run(&["ring", "--protect", &options, "--revoke-before", &date]).unwrap();
    let ring = KeyRing::from_folder(folder.path(), &[]).unwrap();
    assert_eq!([1, 2].map(|number| ring.key(id(number)).unwrap().is_revoked()), [true, false]);
}

/// The written cases, and rings drawn at random.
fn both_choose_the_same_key(dotnet: &Witness) {
    for (name, keys, expected) in CASES {
        assert_eq!(same_choice(dotnet, keys, name), expected.map(id), "{name}");
    }
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = move |below: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state % below.unsigned_abs()).unwrap()
    };
    for _ in 0..24 {
        let keys: Vec<Made> = (1..=1 + u32::try_from(next(5)).unwrap())
            .map(|number| {
                let created = -next(6 * DAY);
                let activates = created + next(8 * DAY);
                // .NET tries an unusable key for two seconds, so they are rare here.
                let state = [State::Good, State::Good, State::Good, State::Revoked][usize::try_from(next(4)).unwrap()];
                Made(number, created, activates, activates + next(8 * DAY), state)
            })
            .collect();
        same_choice(dotnet, &keys, &format!("{keys:?}"));
    }
}

fn same_choice(dotnet: &Witness, keys: &[Made], name: &str) -> Option<Uuid> {
    let folder = tempfile::tempdir().unwrap();
    write_ring(folder.path(), keys, now());
    let options = format!("dp:{};app=app;no-generate", folder.path().display());
    let theirs = match dotnet.protect(&options, "p", b"x") {
        Ok(payload) => Some(Uuid::from_slice_le(&payload[4..20]).unwrap()),
        Err(error) => {
            assert!(error.contains("does not contain a valid default"), "{name}: {error}");
            None
        }
    };
    let certificates: [Certificate; 0] = [];
    let ours = KeyRing::from_folder(folder.path(), &certificates).unwrap().protecting_key(now()).map(|key| key.id());
    assert_eq!(ours, theirs, "{name}");
    ours
}
