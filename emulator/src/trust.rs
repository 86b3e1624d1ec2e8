//! What `emulator trust` says.

use std::path::Path;

/// How each kind of client is told to trust the authority whose certificate is `file`. `hash` is that of its key, once
/// the file is there.
pub(crate) fn text(file: &Path, hash: Option<&str>) -> String {
    let missing =
        if hash.is_some() { "" } else { "\nThe file is not there yet: it is made when `emulator run` first starts.\n" };
    // Where a shell reads it.
    let ca = quoted(&file.display().to_string());
    let hash = hash.unwrap_or("<hash of the key: shown once the file is there>");
    format!(
        r#"The emulator's certificate authority: {shown}
It vouches for localhost, 127.0.0.1 and ::1 and can vouch for nothing else. Its key stays beside it.
{missing}
One program at a time, nothing else is changed:

curl        curl --cacert {ca} https://localhost:8400/
            or for all: export CURL_CA_BUNDLE={ca}
Python      requests, msal: export REQUESTS_CA_BUNDLE={ca}
            httpx, urllib: export SSL_CERT_FILE={ca}
            msal also takes verify=…, azure-identity connection_verify=…; the variable wins over both
Node.js     export NODE_EXTRA_CA_CERTS={ca}
Java        keytool -importcert -noprompt -alias entra-emulator -file {ca} \
              -keystore emulator.p12 -storetype PKCS12 -storepass changeit
            java -Djavax.net.ssl.trustStore=emulator.p12 -Djavax.net.ssl.trustStorePassword=changeit …
            (that store replaces the JDK's: import into a copy of lib/security/cacerts to keep both)
.NET        on Linux: export SSL_CERT_FILE={ca}   (replaces the system's file, not its folder of certificates)
absentia    in appsettings.json: "AzureAd": {{ "ExtraRootCertificates": {json} }}
            or export SSL_CERT_FILE={ca}   (replaces the system's)
Chromium    certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "Entra emulator" -i {ca}
            (libnss3-tools; make the store with: certutil -d sql:$HOME/.pki/nssdb -N --empty-password)
            or for one profile, in tests:
            chromium --user-data-dir=PROFILE --ignore-certificate-errors-spki-list={hash}
Firefox     reads no system store: Settings, Certificates, Import, and choose the file

All programs of the machine that ask the system:

Debian      sudo cp {ca} /usr/local/share/ca-certificates/entra-emulator.crt && sudo update-ca-certificates
            back: sudo rm /usr/local/share/ca-certificates/entra-emulator.crt && sudo update-ca-certificates --fresh
macOS       security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {ca}
Windows     certutil -user -addstore Root {ca}
"#,
        shown = file.display(),
        json = serde_json::Value::from(file.display().to_string()),
    )
}

/// As a POSIX shell takes it as one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_one_word_for_a_shell() {
        assert_eq!(quoted("/var/lib/a-b_1.pem"), "/var/lib/a-b_1.pem");
        assert_eq!(quoted("/it's here/ca.pem"), r"'/it'\''s here/ca.pem'");
        let text = text(Path::new("/srv/entra data/ca.pem"), Some("aGFzaA=="));
        assert!(text.contains("NODE_EXTRA_CA_CERTS='/srv/entra data/ca.pem'") && text.contains("list=aGFzaA=="));
        assert!(!text.contains("not there yet"));
    }
}
