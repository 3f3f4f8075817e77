//! One line in which everything that changes the database and is told to sockets stands, so that
//! it is told in the order in which it was stored.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Step = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The line. Its length is bounded by the store's queue, which refuses what is too much.
pub struct Order {
    line: Mutex<UnboundedSender<Step>>,
}

impl Order {
    /// A line, served by a task of its own until it is dropped. Must run inside a tokio runtime.
    pub fn start() -> Self {
        let (line, waiting) = unbounded_channel();
        tokio::spawn(serve(waiting));
        Self { line: Mutex::new(line) }
    }

    /// `begin` calls the store, which gives its write a place in the order of writes, and returns
    /// what awaits the outcome and tells it: that runs after all that was begun before it.
    pub fn begin<F: Future<Output = ()> + Send + 'static>(&self, begin: impl FnOnce() -> F) {
        // Held over both calls: nobody's write comes between this write and its place in the line.
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let step = begin();
        if line.send(Box::pin(step)).is_err() {
            tracing::error!("the task that tells sockets what was stored has ended");
        }
    }
}

async fn serve(mut waiting: UnboundedReceiver<Step>) {
    while let Some(step) = waiting.recv().await {
        step.await;
    }
}
