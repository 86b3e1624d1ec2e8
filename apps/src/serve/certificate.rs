//! The certificate of an https endpoint, from the settings ASP.NET Core has for it.

use std::{path::PathBuf, sync::Arc};

use absentia::Error;
use absentia_config::Settings;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
};

/// Where Kestrel looks when the endpoint itself names no certificate.
const DEFAULT: &str = "Kestrel:Certificates:Default";

/// TLS with the certificate of `Kestrel:Endpoints:{endpoint}:Certificate`, else of `Kestrel:Certificates:Default`: `Path` is a
/// PEM file with the certificate and its chain, `KeyPath` one with its key. Both are read once, at the start.
///
/// # Errors
/// `Config`, naming the setting that is missing or the file that cannot be used.
pub(super) fn tls(settings: &Settings, endpoint: &str) -> Result<Arc<ServerConfig>, Error> {
    let own = format!("Kestrel:Endpoints:{endpoint}:Certificate");
    let of = |section: &str, key: &str| {
        settings.configuration().get(&format!("{section}:{key}")).map(|value| PathBuf::from(value.text().trim()))
    };
    let section = if of(&own, "Path").is_some() { own.as_str() } else { DEFAULT };
    let Some(path) = of(section, "Path") else {
        return Err(Error::config(format!("Kestrel:Endpoints:{endpoint}:Url is https, and there is no certificate"))
            .advise(format!(
                "Set {DEFAULT}:Path and {DEFAULT}:KeyPath to PEM files; for localhost, `absentia emulator certificate` \
                 makes them"
            )));
    };
    let Some(key_path) = of(section, "KeyPath") else {
        return Err(Error::config(format!("{section}:Path has no {section}:KeyPath beside it"))
            .advise(format!("Set {section}:KeyPath to the PEM file of the certificate's key")));
    };
    let unusable = |key: &str, file: &std::path::Path, what: String| {
        Error::config(format!("{section}:{key}: {} {what}", file.display())).advise(
            "Give PEM files that this user may read, and no password; `openssl pkcs12 -nodes` turns a PFX into PEM",
        )
    };
    let said = |error: pem::Error| match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        _ => "is not what belongs there in PEM".to_owned(),
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&path)
        .and_then(Iterator::collect)
        .map_err(|error| unusable("Path", &path, said(error)))?;
    if chain.is_empty() {
        return Err(unusable("Path", &path, "holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&key_path).map_err(|error| unusable("KeyPath", &key_path, said(error)))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| unusable("KeyPath", &key_path, format!("does not fit: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
