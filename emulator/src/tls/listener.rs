//! Accepting TLS connections, with a server certificate that is replaced before it ends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::authority::{Authority, Issued, TlsError};
use crate::clock::{UnixSeconds, pause, wall_millis};
use crate::lock;

/// A server certificate is replaced when it has less than this to live, in seconds.
const RENEW: i64 = 30 * 24 * 3600;
/// How long a client may take to greet.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// So many clients may be greeting at once.
const GREETING: usize = 1000;

/// The server certificate in use.
pub(crate) struct Renewing {
    authority: Authority,
    provider: Arc<CryptoProvider>,
    current: Mutex<Issued>,
}

impl std::fmt::Debug for Renewing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewing").finish_non_exhaustive()
    }
}

impl Renewing {
    pub(crate) fn new(authority: Authority, now: UnixSeconds) -> Result<Renewing, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = Mutex::new(authority.issue(&provider, now)?);
        Ok(Renewing { authority, provider, current })
    }

    /// The authority's certificate in PEM.
    pub(crate) fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// A certificate for another server, see [`Authority::issue_pem`].
    pub(crate) fn issue_pem(&self, hosts: &[&str]) -> Result<(String, String), TlsError> {
        self.authority.issue_pem(hosts, wall_millis().div_euclid(1000))
    }

    /// The certificate to show at that time.
    fn at(&self, now: UnixSeconds) -> Arc<CertifiedKey> {
        let mut current = lock(&self.current);
        if current.until - now < RENEW {
            match self.authority.issue(&self.provider, now) {
                Ok(issued) => *current = issued,
                Err(error) => tracing::error!(%error, "the server certificate was not renewed"),
            }
        }
        Arc::clone(&current.key)
    }
}

impl ResolvesServerCert for Renewing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.at(wall_millis().div_euclid(1000)))
    }
}

/// Listens for TLS.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    greeting: JoinSet<Option<Accepted>>,
}

type Accepted = (TlsStream<TcpStream>, SocketAddr);

impl TlsListener {
    pub(crate) fn new(tcp: TcpListener, certificate: Arc<Renewing>) -> Result<TlsListener, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&certificate.provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsError::Cryptography)?
            .with_no_client_auth()
            .with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsListener { tcp, acceptor: TlsAcceptor::from(Arc::new(config)), greeting: JoinSet::new() })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Accepted {
        loop {
            // A client that is slow to greet must not keep others waiting.
            tokio::select! {
                arrived = self.tcp.accept(), if self.greeting.len() < GREETING => match arrived {
                    Ok((tcp, addr)) => {
                        self.greeting.spawn(greet(self.acceptor.clone(), tcp, addr));
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a connection was not accepted");
                        pause(Duration::from_millis(100)).await;
                    }
                },
                Some(greeted) = self.greeting.join_next() => {
                    if let Ok(Some(accepted)) = greeted {
                        return accepted;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

async fn greet(acceptor: TlsAcceptor, mut tcp: TcpStream, addr: SocketAddr) -> Option<Accepted> {
    let greeted = async {
        let mut first = [0];
        if tcp.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
            // What it sent is read: a socket closed before that takes the answer back.
            let _ = tcp.read(&mut [0; 4096]).await?;
            tcp.write_all(SPEAKS_TLS).await?;
            tcp.shutdown().await?;
            return Err(std::io::Error::other("it speaks plain HTTP"));
        }
        acceptor.accept(tcp).await
    };
    match tokio::time::timeout(HANDSHAKE, greeted).await {
        Ok(Ok(stream)) => Some((stream, addr)),
        // Mostly clients that do not trust the authority.
        Ok(Err(error)) => {
            tracing::debug!(%error, "a client turned away");
            None
        }
        Err(_) => None,
    }
}

/// For those who typed `http:`.
const SPEAKS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\
    This address speaks https: write https:// before it, or start the emulator with --http.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_renewed_before_it_ends_and_not_earlier() {
        let now = 1_795_291_882;
        let renewing = Renewing::new(Authority::in_memory(now).unwrap(), now).unwrap();
        let first = renewing.at(now).cert.clone();
        assert_eq!(renewing.at(now + 59 * 24 * 3600).cert, first);
        let second = renewing.at(now + 61 * 24 * 3600).cert.clone();
        assert_ne!(second[0], first[0]);
        assert_eq!(second[1], first[1], "the authority stays");
    }
}
