use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{Clock, Error, ErrorKind, Result};

/// Which call a [`Gate`] holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Call {
    /// [`Store::get`](crate::Store::get) and [`get_many`](crate::Store::get_many).
    Get,
    /// [`Store::put`](crate::Store::put).
    Put,
    /// [`Store::remove`](crate::Store::remove).
    Remove,
    /// [`LeaseStore::acquire`](crate::LeaseStore::acquire).
    Acquire,
    /// Renewing: [`LeaseStore::renew`](crate::LeaseStore::renew) or [`AccountStore::renew`](crate::AccountStore::renew).
    Renew,
    /// [`LeaseStore::release`](crate::LeaseStore::release).
    Release,
    /// [`LeaseStore::look`](crate::LeaseStore::look).
    Look,
    /// Reading accounts: `generation`, `account`, `accounts`, `foreign_accounts`.
    Account,
    /// [`AccountStore::record`](crate::AccountStore::record).
    Record,
    /// [`AccountStore::claim`](crate::AccountStore::claim).
    Claim,
    /// [`AccountStore::finish`](crate::AccountStore::finish).
    Finish,
    /// [`AccountStore::revoke`](crate::AccountStore::revoke).
    Revoke,
    /// [`AccountStore::block`](crate::AccountStore::block) and [`unblock`](crate::AccountStore::unblock).
    Block,
    /// [`AccountStore::forget_grant`](crate::AccountStore::forget_grant) and
    /// [`sweep_accounts`](crate::AccountStore::sweep_accounts).
    Forget,
}

impl Call {
    fn reads(self) -> bool {
        matches!(self, Self::Get | Self::Look | Self::Account)
    }
}

/// Where a [`Gate`] stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// Before the store is asked.
    Before,
    /// After the store did it, before the caller hears of it.
    After,
}

/// The switchboard of a [`Faulty`](super::Faulty) store.
#[derive(Clone)]
pub struct Switches {
    clock: Arc<dyn Clock>,
    board: Arc<Mutex<Board>>,
}

#[derive(Default)]
struct Board {
    reads: Option<ErrorKind>,
    writes: Option<ErrorKind>,
    lost: bool,
    delay: Duration,
    gates: Vec<Arc<Held>>,
}

struct Held {
    call: Call,
    moment: Moment,
    arrived: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Switches {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, board: Arc::default() }
    }

    /// Reads end with an error of this kind, until healed.
    pub fn fail_reads(&self, kind: ErrorKind) {
        self.lock().reads = Some(kind);
    }

    /// Writes end with an error of this kind and do nothing, until healed. A full disk is `Full` here.
    pub fn fail_writes(&self, kind: ErrorKind) {
        self.lock().writes = Some(kind);
    }

    /// Every call is `Unavailable`, until healed.
    pub fn fail(&self) {
        self.fail_reads(ErrorKind::Unavailable);
        self.fail_writes(ErrorKind::Unavailable);
    }

    /// Writes happen, and their answer is lost: the caller hears `Unavailable`, until healed.
    pub fn lose_answers(&self) {
        self.lock().lost = true;
    }

    /// Every call waits this long before it begins, until healed.
    pub fn delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// In order again. Gates stay.
    pub fn heal(&self) {
        let mut board = self.lock();
        *board = Board { gates: std::mem::take(&mut board.gates), ..Board::default() };
    }

    /// Holds every such call that comes from now on until the gate is released or dropped.
    pub fn hold(&self, call: Call, moment: Moment) -> Gate {
        let held = Arc::new(Held { call, moment, arrived: watch::Sender::new(0), open: watch::Sender::new(false) });
        self.lock().gates.push(held.clone());
        Gate { held, board: self.board.clone() }
    }

    pub(super) async fn pass<T>(&self, call: Call, inner: impl Future<Output = Result<T>>) -> Result<T> {
        let delay = self.lock().delay;
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
        self.stop_at_gates(call, Moment::Before).await;
        let fault = if call.reads() { self.lock().reads } else { self.lock().writes };
        if let Some(kind) = fault {
            return Err(Error::new(kind, format!("faulty: {call:?} was made to fail")));
        }
        let answer = inner.await;
        self.stop_at_gates(call, Moment::After).await;
        if self.lock().lost && !call.reads() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!("faulty: the answer to {call:?} was made to be lost"),
            ));
        }
        answer
    }

    async fn stop_at_gates(&self, call: Call, moment: Moment) {
        let gates: Vec<_> =
            self.lock().gates.iter().filter(|gate| gate.call == call && gate.moment == moment).cloned().collect();
        for gate in gates {
            let mut open = gate.open.subscribe();
            gate.arrived.send_modify(|arrived| *arrived += 1);
            // Closed only if the gate is gone, which opens it too.
            let _ = open.wait_for(|open| *open).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gate in front of or behind a call. Dropping it releases what it holds.
#[must_use = "dropping a gate opens it"]
pub struct Gate {
    held: Arc<Held>,
    board: Arc<Mutex<Board>>,
}

impl Gate {
    /// Waits until `calls` calls stood at this gate, counted from its making. Cancel safe.
    pub async fn reached(&self, calls: usize) {
        let _ = self.held.arrived.subscribe().wait_for(|arrived| *arrived >= calls).await;
    }

    /// Lets everything go that stands here, and what comes later.
    pub fn release(self) {}
}

impl Drop for Gate {
    fn drop(&mut self) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.gates.retain(|gate| !Arc::ptr_eq(gate, &self.held));
        drop(board);
        self.held.open.send_replace(true);
    }
}
