//! What accepts connections. The router does not know about it: another listener can take its place.

use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long requests in flight may take to end when the emulator stops.
const GRACE: Duration = Duration::from_secs(2);

/// A running server; dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `router` on the connections of a listener, plain or TLS.
    pub(crate) fn start<L>(listener: L, router: Router) -> Server
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let (stop, mut stopped) = watch::channel(false);
        let until = async move {
            // An error means the sender is gone, which is the other way to be told.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the emulator's listener failed");
            }
        });
        Server { stop, task: Some(task) }
    }

    /// Stops accepting, lets requests end, and returns when the address is free again.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.send(true);
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(GRACE, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}
