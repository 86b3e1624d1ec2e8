//! Stands between a store and its server, and does to the bytes what networks do.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use absentia_store::{Clock as _, SystemClock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How long an answer is held back.
const DELAY: Duration = Duration::from_millis(500);
/// How long each byte takes.
const DRIP: Duration = Duration::from_millis(100);

/// What goes wrong between the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// What is sent is never answered. A connection that met this stays as it is when the fault has ended, as behind a
    /// firewall that forgot it.
    BlackHole,
    /// Each answer comes half a second later.
    Delay,
    /// Ten bytes of an answer a second.
    Drip,
    /// Nobody listens, and what was connected is cut.
    Refused,
    /// The connection is reset after two bytes of an answer, which are never all of one.
    Reset,
}

/// Listens as long as it is held.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    fault: watch::Sender<Option<Fault>>,
    met: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, is) = watch::channel(None);
        let met = Arc::new(AtomicUsize::new(0));
        tokio::spawn(listen(listener, address, server, is, met.clone()));
        Self { port: address.port(), fault, met }
    }

    /// From now on this goes wrong.
    pub(crate) fn begin(&self, fault: Fault) {
        self.fault.send_replace(Some(fault));
    }

    /// From now on nothing does.
    pub(crate) fn end(&self) {
        self.fault.send_replace(None);
    }

    /// How often a fault was met: connections cut, answers lost, late or torn.
    pub(crate) fn met(&self) -> usize {
        self.met.load(Ordering::Acquire)
    }
}

async fn listen(
    listener: TcpListener,
    address: SocketAddr,
    server: u16,
    mut fault: watch::Receiver<Option<Fault>>,
    met: Arc<AtomicUsize>,
) {
    let mut listener = Some(listener);
    loop {
        let is_refused = *fault.borrow_and_update() == Some(Fault::Refused);
        listener = match listener {
            _ if is_refused => None,
            None => Some(TcpListener::bind(address).await.unwrap()),
            there => there,
        };
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.unwrap().0,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            client = accepted => {
                tokio::spawn(pass(client, server, fault.clone(), met.clone()));
            }
            changed = fault.changed() => if changed.is_err() { return },
        }
    }
}

async fn pass(mut client: TcpStream, server: u16, mut fault: watch::Receiver<Option<Fault>>, met: Arc<AtomicUsize>) {
    // Where there is no server, the connection ends at once.
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_dead = false;
    // Answers held back, with when they are due.
    let mut late: VecDeque<(Duration, Vec<u8>)> = VecDeque::new();
    loop {
        let next = late.front().map(|(due, _)| due.saturating_sub(SystemClock.monotonic()));
        let read = tokio::select! {
            () = SystemClock.sleep(next.unwrap_or_default()), if next.is_some() => {
                let (_, answer) = late.pop_front().unwrap();
                if client.write_all(&answer).await.is_err() {
                    return;
                }
                continue;
            }
            changed = fault.changed() => {
                if *fault.borrow() == Some(Fault::Refused) {
                    met.fetch_add(1, Ordering::AcqRel);
                    return;
                }
                if changed.is_err() {
                    return;
                }
                continue;
            }
            read = client.read(&mut asked) => match read {
                Ok(length) if length > 0 => {
                    if is_dead || *fault.borrow() == Some(Fault::BlackHole) {
                        is_dead = true;
                        met.fetch_add(1, Ordering::AcqRel);
                    } else if server.write_all(&asked[..length]).await.is_err() {
                        return;
                    }
                    continue;
                }
                _ => return,
            },
            read = server.read(&mut answered) => read,
        };
        let Some(answer) = read.ok().filter(|length| *length > 0).map(|length| &answered[..length]) else { return };
        let now = *fault.borrow();
        if now.is_some() {
            met.fetch_add(1, Ordering::AcqRel);
        }
        let passed = match now {
            _ if is_dead => Ok(()),
            Some(Fault::BlackHole) => {
                is_dead = true;
                Ok(())
            }
            Some(Fault::Reset) => {
                let _ = client.write_all(&answer[..2.min(answer.len())]).await;
                let _ = client.set_zero_linger();
                return;
            }
            Some(Fault::Drip) => drip(&mut client, answer, &fault).await,
            Some(Fault::Delay) => {
                late.push_back((SystemClock.monotonic() + DELAY, answer.to_vec()));
                Ok(())
            }
            _ if !late.is_empty() => {
                late.push_back((SystemClock.monotonic(), answer.to_vec()));
                Ok(())
            }
            Some(Fault::Refused) | None => client.write_all(answer).await,
        };
        if passed.is_err() {
            return;
        }
    }
}

async fn drip(client: &mut TcpStream, answer: &[u8], fault: &watch::Receiver<Option<Fault>>) -> std::io::Result<()> {
    for (at, byte) in answer.iter().enumerate() {
        if *fault.borrow() != Some(Fault::Drip) {
            return client.write_all(&answer[at..]).await;
        }
        client.write_all(&[*byte]).await?;
        SystemClock.sleep(DRIP).await;
    }
    Ok(())
}
