//! Accepting connections, in the clear or over TLS.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use absentia::store::{Clock as _, SystemClock};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client may take to greet.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// So many clients may be greeting at once.
const GREETING: usize = 1000;

/// Where a server listens.
#[derive(Debug)]
pub enum Listener {
    /// Plain http.
    Http(TcpListener),
    /// https.
    Https(TlsListener),
}

/// A listener whose connections are TLS by the time they are accepted.
pub struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    greeting: JoinSet<Option<Accepted>>,
}

type Accepted = (TlsStream<TcpStream>, SocketAddr);

impl TlsListener {
    pub(super) fn new(tcp: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self { tcp, acceptor: TlsAcceptor::from(config), greeting: JoinSet::new() }
    }
}

impl std::fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsListener").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Accepted {
        loop {
            // A client that is slow to greet must not keep others waiting.
            tokio::select! {
                // axum's own: it waits where the system has no more handles, and goes on.
                (tcp, from) = axum::serve::Listener::accept(&mut self.tcp), if self.greeting.len() < GREETING => {
                    self.greeting.spawn(greet(self.acceptor.clone(), tcp, from));
                }
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

async fn greet(acceptor: TlsAcceptor, mut tcp: TcpStream, from: SocketAddr) -> Option<Accepted> {
    let greeted = async {
        let mut first = [0];
        if tcp.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
            // What it sent is read: a socket closed before that takes the answer back.
            let _ = tcp.read(&mut [0; 4096]).await?;
            tcp.write_all(SPEAKS_TLS).await?;
            tcp.shutdown().await?;
            return Err(std::io::Error::other("it speaks plain http"));
        }
        acceptor.accept(tcp).await
    };
    tokio::select! {
        greeted = greeted => greeted
            .inspect_err(|error| tracing::debug!(%error, "a client turned away"))
            .ok()
            .map(|stream| (stream, from)),
        () = SystemClock.sleep(HANDSHAKE) => None,
    }
}

/// For those who typed `http:`.
const SPEAKS_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\
    This address speaks https: write https:// before it.\n";
