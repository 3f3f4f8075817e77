//! What signals do, from the first moment on: as process 1 of a container, a signal without a handler
//! is ignored, so every stage needs one.

use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use visavis::store::sqlite::abandon_new_files;

/// A write beyond the limit on file sizes, on Linux.
const SIGXFSZ: i32 = 25;

/// What the signal thread and the program share.
#[derive(Default)]
pub struct Signals {
    /// Whether this process is a server, once the arguments say so.
    is_server: OnceLock<bool>,
    /// Whether the program ends by itself when it is asked to.
    serves: AtomicBool,
    stop: Notify,
    reload: Notify,
}

impl Signals {
    /// Starts to listen, before the arguments are read: what a signal does waits for [`Self::begin`].
    /// SIGTERM or Ctrl-C ends the program at once until [`Self::serve`] is called, with exit code 0
    /// where it is a server; SQLite rolls back at the next start what was not complete, and new files
    /// are removed. Once it serves, the second one ends it at once. SIGHUP ends subcommands only.
    ///
    /// # Errors
    /// Signals that cannot be listened to.
    pub fn listen() -> anyhow::Result<Arc<Self>> {
        let signals = Arc::new(Self::default());
        let (ready, is_ready) = mpsc::channel();
        let shared = Arc::clone(&signals);
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            match runtime {
                Ok(runtime) => runtime.block_on(shared.follow(&ready)),
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        is_ready.recv().context("cannot listen to signals")??;
        Ok(signals)
    }

    /// Says whether this is a server or a subcommand.
    pub fn begin(&self, is_server: bool) {
        // Called once.
        _ = self.is_server.set(is_server);
    }

    /// From now on the program stops by itself after [`Self::stopped`].
    pub fn serve(&self) {
        self.serves.store(true, Ordering::SeqCst);
    }

    /// Resolves when the program is asked to stop.
    pub async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// Resolves at each SIGHUP.
    pub async fn reload(&self) {
        self.reload.notified().await;
    }

    async fn follow(&self, ready: &mpsc::Sender<std::io::Result<()>>) {
        let mut heard = match Heard::new() {
            Ok(heard) => heard,
            Err(error) => return drop(ready.send(Err(error))),
        };
        drop(ready.send(Ok(())));
        let mut is_stopping = false;
        loop {
            let number = heard.next().await;
            // This thread has nothing else to do, and the arguments are read in some milliseconds.
            let is_server = *self.is_server.wait();
            let at_once = if is_server && !is_stopping { 0 } else { 128 + number };
            if number == SignalKind::hangup().as_raw_value() && is_server {
                self.reload.notify_one();
            } else if is_stopping || !self.serves.load(Ordering::SeqCst) {
                end_at_once(is_server, at_once);
            } else {
                is_stopping = true;
                self.stop.notify_one();
            }
        }
    }
}

fn end_at_once(is_server: bool, code: i32) -> ! {
    let removed = abandon_new_files();
    if is_server {
        tracing::info!("stopped at once");
    } else if removed > 0 {
        eprintln!("visavis: interrupted; what was not complete is removed");
    } else {
        eprintln!("visavis: interrupted");
    }
    exit(code)
}

struct Heard {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// A write beyond a limit on file sizes is an error like a full disk, not the end of the program.
    _file_too_large: Signal,
}

impl Heard {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            _file_too_large: signal(SignalKind::from_raw(SIGXFSZ))?,
        })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> i32 {
        let kind = tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        };
        kind.as_raw_value()
    }
}
