//! TLS, with a client that knows nothing of the emulator but its authority.

use std::net::SocketAddr;
use std::sync::Arc;

use absentia_emulator::Emulator;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::world::*;

/// What a client that trusts this authority gets when it calls the emulator by this name.
async fn ask(addr: SocketAddr, ca_pem: &str, name: &str, request: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(addr).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn loopback_names_are_vouched_for_and_no_others() {
    let entra = Emulator::builder().https(true).start().await.unwrap();
    let ca = entra.ca_pem().unwrap();
    assert!(entra.url().starts_with("https://localhost:"));
    for name in ["localhost", "127.0.0.1", "::1"] {
        let answer = ask(entra.addr(), ca, name, &get("/common/discovery/instance")).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
    assert!(ask(entra.addr(), ca, "login.microsoftonline.com", &get("/")).await.is_err());
    let other = Emulator::builder().https(true).start().await.unwrap();
    let error = ask(entra.addr(), other.ca_pem().unwrap(), "localhost", &get("/")).await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    let metadata = get(&format!("/{}/v2.0/.well-known/openid-configuration", entra.tenant_id()));
    let answer = ask(entra.addr(), ca, "localhost", &metadata).await.unwrap();
    assert!(answer.contains(&format!("\"issuer\":\"{}/v2.0\"", entra.authority())), "{answer}");
    let addr = entra.addr();
    entra.stop().await;
    assert!(TcpStream::connect(addr).await.is_err(), "its address is free");
    assert!(Emulator::start().await.ca_pem().is_none());
}

#[tokio::test]
async fn a_slow_or_plain_client_disturbs_nobody() {
    let entra = Emulator::builder().https(true).start().await.unwrap();
    let _silent = TcpStream::connect(entra.addr()).await.unwrap();
    let mut plain = TcpStream::connect(entra.addr()).await.unwrap();
    plain.write_all(get("/").as_bytes()).await.unwrap();
    let mut said = vec![0; 200];
    let length = plain.read(&mut said).await.unwrap();
    let said = String::from_utf8_lossy(&said[..length]);
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("https"), "{said}");
    assert!(ask(entra.addr(), entra.ca_pem().unwrap(), "localhost", &get("/")).await.is_ok());
}

#[tokio::test]
async fn the_session_cookie_reaches_frames_of_other_sites() {
    let entra = Emulator::builder().https(true).start().await.unwrap();
    let ca = entra.ca_pem().unwrap();
    let (ada, id) = (entra.user("ada"), entra.app("contoso-web").client_id().to_owned());
    let path = format!(
        "/{}/oauth2/v2.0/authorize?client_id={id}&response_type=code&redirect_uri={WEB}&scope=User.Read",
        entra.tenant_id()
    );
    let page = ask(entra.addr(), ca, "localhost", &get(&path)).await.unwrap();
    let form = [
        ("flow", crate::http::between(&page, "name=\"flow\" value=\"", "\"")),
        ("username", ada.upn()),
        ("password", ada.password()),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let post = format!(
        "POST /{}/login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{body}",
        entra.tenant_id(),
        body.len()
    );
    let answer = ask(entra.addr(), ca, "localhost", &post).await.unwrap();
    let cookie = answer.lines().find(|line| line.starts_with("set-cookie")).unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=None; Secure"), "{cookie}");
}
