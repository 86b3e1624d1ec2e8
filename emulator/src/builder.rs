//! How an emulator is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::clock::wall_millis;
use crate::directory::{Directory, DirectoryError};
use crate::emulator::Emulator;
use crate::entra::Entra;
use crate::http::{router, serve::Server};
use crate::issued::SecretKind;
use crate::keys::{KeyFileError, SigningKey, read_or_create};
use crate::tls::{self, Authority, Renewing, TlsError, TlsListener};

/// Settings of an emulator that is not started yet; see [`Emulator::builder`].
#[derive(Debug)]
#[must_use]
pub struct Builder {
    listen: SocketAddr,
    public_url: Option<String>,
    directory: Option<Directory>,
    data_folder: Option<PathBuf>,
    https: bool,
    authority_folder: Option<PathBuf>,
    remember_issued: bool,
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}{}", hint(source))]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The directory is not usable.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The signing key is not usable.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// There can be no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system's cryptography failed.
    #[error("the system's cryptography is not usable")]
    Cryptography,
}

fn hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            ". Another program, perhaps another emulator, has it: stop that one, or choose another \
            address with --listen"
        }
        _ => "",
    }
}

impl Default for Builder {
    fn default() -> Builder {
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Builder {
            listen,
            public_url: None,
            directory: None,
            data_folder: None,
            https: false,
            authority_folder: None,
            remember_issued: false,
        }
    }
}

impl Builder {
    /// Where to listen: `127.0.0.1` and any free port unless set. Use loopback addresses: the switches ask nobody for a
    /// password.
    pub fn listen(mut self, addr: SocketAddr) -> Builder {
        self.listen = addr;
        self
    }

    /// What clients call it, without a final slash: issuer and addresses in all documents. Set it when something in front
    /// of it has another name. Unless set, `http://localhost` or `https://localhost` and the port.
    pub fn public_url(mut self, url: impl Into<String>) -> Builder {
        self.public_url = Some(url.into());
        self
    }

    /// Who and what exists: [`Directory::built_in`] unless set.
    pub fn directory(mut self, directory: Directory) -> Builder {
        self.directory = Some(directory);
        self
    }

    /// Whether it speaks TLS, with a certificate for `localhost`, `127.0.0.1` and `::1` by an authority of its own, whose
    /// certificate is [`Emulator::ca_pem`]. The authority is that of the [`authority_folder`](Self::authority_folder) or
    /// else of the [`data_folder`](Self::data_folder); without either it is made anew in memory at each start.
    pub fn https(mut self, https: bool) -> Builder {
        self.https = https;
        self
    }

    /// The folder of the certificate authority, where it is not the data folder. Made at the first start.
    pub fn authority_folder(mut self, path: impl Into<PathBuf>) -> Builder {
        self.authority_folder = Some(path.into());
        self
    }

    /// A folder for the signing key, made at the first start. Unless set, the key published with this crate signs.
    pub fn data_folder(mut self, path: impl Into<PathBuf>) -> Builder {
        self.data_folder = Some(path.into());
        self
    }

    /// Whether to keep a copy of each secret that is given out, for [`Emulator::issued`]: grows without bound.
    pub fn remember_issued(mut self, remember: bool) -> Builder {
        self.remember_issued = remember;
        self
    }

    /// Starts it on the current Tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way and what to do.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let directory = match self.directory {
            // It may have been changed since it was read.
            Some(directory) => directory.checked()?,
            None => Directory::built_in()?,
        };
        let key = match &self.data_folder {
            Some(folder) => read_or_create(folder)?,
            None => SigningKey::built_in().map_err(|_| StartError::Cryptography)?,
        };
        let certificate = if self.https {
            let now = wall_millis().div_euclid(1000);
            let authority = match self.authority_folder.as_ref().or(self.data_folder.as_ref()) {
                Some(folder) => tls::in_folder(folder, now)?,
                None => Authority::in_memory(now)?,
            };
            Some(Arc::new(Renewing::new(authority, now)?))
        } else {
            None
        };
        let failed = |source| StartError::Listen { addr: self.listen, source };
        let listener = TcpListener::bind(self.listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let scheme = if self.https { "https" } else { "http" };
        let base = self.public_url.unwrap_or_else(|| format!("{scheme}://{}:{}", host_name(addr.ip()), addr.port()));
        let base = base.trim_end_matches('/').to_owned();
        let entra = Entra::new(base, directory, key, self.remember_issued).map_err(|_| StartError::Cryptography)?;
        for (_, app) in entra.directory.apps() {
            app.password_credentials.iter().for_each(|c| entra.issued.record(SecretKind::ClientSecret, &c.secret_text));
        }
        for user in entra.directory.tenants.iter().flat_map(|t| &t.users).filter(|u| !u.password.is_empty()) {
            entra.issued.record(SecretKind::Password, &user.password);
        }
        let entra = Arc::new(entra);
        let router = router(Arc::clone(&entra));
        let server = match &certificate {
            Some(certificate) => Server::start(TlsListener::new(listener, Arc::clone(certificate))?, router),
            None => Server::start(listener, router),
        };
        Ok(Emulator::new(entra, addr, server, certificate))
    }
}

/// Clients compare host names as text, and redirect URIs and certificates of local apps say `localhost`, which is
/// `127.0.0.1` everywhere and `::1` only on some systems.
fn host_name(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(Ipv4Addr::LOCALHOST | Ipv4Addr::UNSPECIFIED) => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}
