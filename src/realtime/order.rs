//! A FIFO of everything that changes the database and is told to sockets, so that clients are notified
//! of writes in the order in which they were stored.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::domain::{Error, UserId};

/// How many writes of one person may wait at the same time: a client that was offline sends hundreds
/// of messages at once. The store's queue holds sixteen times as many.
const WAITING_MAX: u32 = 1024;
/// When a person whose writes all wait may try again, in seconds.
const RETRY_AFTER: u64 = 1;

type Step = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The FIFO. Its length is bounded by the permits of each person, and by the store's queue.
pub struct Order {
    steps: Mutex<UnboundedSender<Step>>,
    permits: Arc<Permits>,
}

/// How many writes of each person wait.
type Permits = Mutex<HashMap<UserId, u32>>;

/// One write of a person may wait; dropped when it has been told.
pub struct Permit {
    user: UserId,
    permits: Arc<Permits>,
}

impl Order {
    /// An empty FIFO, served by a task of its own until it is dropped. Must run inside a tokio runtime.
    pub fn start() -> Self {
        let (steps, waiting) = unbounded_channel();
        tokio::spawn(serve(waiting));
        Self { steps: Mutex::new(steps), permits: Arc::default() }
    }

    /// # Errors
    /// `TooOften` when too many writes of the user wait already.
    pub fn permit(&self, user: UserId) -> Result<Permit, Error> {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = permits.entry(user).or_default();
        if *waiting >= WAITING_MAX {
            return Err(Error::TooOften { retry_after: RETRY_AFTER });
        }
        *waiting += 1;
        Ok(Permit { user, permits: Arc::clone(&self.permits) })
    }

    /// `begin` calls the store, which gives its write a place in the order of writes, and returns
    /// what awaits the outcome and tells it: that runs after all that was begun before it.
    pub fn begin<F: Future<Output = ()> + Send + 'static>(
        &self,
        permit: Permit,
        begin: impl FnOnce() -> F,
    ) {
        // Held across both calls so that writes and notifications keep the same order.
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let step = begin();
        let told = async move {
            step.await;
            drop(permit);
        };
        if steps.send(Box::pin(told)).is_err() {
            tracing::error!("the task that tells sockets what was stored has ended");
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = permits.get_mut(&self.user) {
            *waiting -= 1;
            if *waiting == 0 {
                permits.remove(&self.user);
            }
        }
    }
}

async fn serve(mut waiting: UnboundedReceiver<Step>) {
    while let Some(step) = waiting.recv().await {
        step.await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn one_person_fills_only_a_share_of_the_queue() {
        let order = Order::start();
        let (go_on, waits) = oneshot::channel::<()>();
        let (ann, bob) = (UserId(1), UserId(2));
        order.begin(order.permit(ann).unwrap(), || async { _ = waits.await });
        for _ in 1..WAITING_MAX {
            order.begin(order.permit(ann).unwrap(), || async {});
        }
        assert!(matches!(order.permit(ann), Err(Error::TooOften { .. })));
        let (tell, told) = oneshot::channel();
        order.begin(order.permit(bob).unwrap(), || async { _ = tell.send(()) });
        go_on.send(()).unwrap();
        told.await.unwrap();
        order.permit(ann).map(drop).unwrap();
    }
}
