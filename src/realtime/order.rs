//! One FIFO for each conversation holds the writes that change it, until sockets are told of them: in the
//! order in which they were stored. Conversations do not wait for each other.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use crate::domain::{Error, Pair, UserId};

/// How many writes of one person may wait at the same time: a client that was offline sends hundreds
/// of messages at once. The store's queue holds sixteen times as many.
const WAITING_MAX: u32 = 1024;
/// When a person whose writes all wait may try again, in seconds.
const RETRY_AFTER: u64 = 1;

type Step = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The FIFOs. Their length is bounded by the permits of each person, and by the store's queue.
#[derive(Default)]
pub struct Order {
    /// What waits behind the step that is under way, for each conversation that has one.
    waiting: Arc<Waiting>,
    permits: Arc<Permits>,
}

type Waiting = Mutex<HashMap<Pair, VecDeque<Step>>>;

/// How many writes of each person wait.
type Permits = Mutex<HashMap<UserId, u32>>;

/// One write of a person may wait; dropped when it has been told.
pub struct Permit {
    user: UserId,
    permits: Arc<Permits>,
}

impl Order {
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
    /// what awaits the outcome and tells it: that runs after all that was begun before it in that
    /// conversation. Must run inside a tokio runtime.
    pub fn begin<F: Future<Output = ()> + Send + 'static>(
        &self,
        conversation: Pair,
        permit: Permit,
        begin: impl FnOnce() -> F,
    ) {
        // Held across both calls so that writes and notifications keep the same order.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let step = begin();
        let told: Step = Box::pin(async move {
            step.await;
            drop(permit);
        });
        match waiting.entry(conversation) {
            Entry::Occupied(mut behind) => behind.get_mut().push_back(told),
            Entry::Vacant(entry) => {
                entry.insert(VecDeque::new());
                let waiting = Arc::clone(&self.waiting);
                tokio::spawn(serve(Line { waiting, conversation, has_ended: false }, told));
            }
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

/// The FIFO of one conversation, while a step is under way.
struct Line {
    waiting: Arc<Waiting>,
    conversation: Pair,
    /// It has no step any more. Another line may serve the conversation since then.
    has_ended: bool,
}

impl Line {
    /// The next step; the line has ended when there is none.
    fn next(&mut self) -> Option<Step> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let next = waiting.get_mut(&self.conversation).and_then(VecDeque::pop_front);
        if next.is_none() {
            waiting.remove(&self.conversation);
            self.has_ended = true;
        }
        next
    }
}

impl Drop for Line {
    /// A step that panics takes its task along, and must not keep those behind it.
    fn drop(&mut self) {
        if !self.has_ended
            && let Some(next) = self.next()
            && let Ok(runtime) = Handle::try_current()
        {
            let waiting = Arc::clone(&self.waiting);
            let line = Self { waiting, conversation: self.conversation, has_ended: false };
            runtime.spawn(serve(line, next));
        }
    }
}

/// Runs the steps of one conversation, the first one and what has come behind it.
async fn serve(mut line: Line, first: Step) {
    let mut next = Some(first);
    while let Some(step) = next {
        step.await;
        next = line.next();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn one_person_fills_only_a_share_of_the_queue() {
        let order = Order::default();
        let (go_on, waits) = oneshot::channel::<()>();
        let (ann, bob) = (UserId(1), UserId(2));
        let both = Pair::of(ann, bob);
        order.begin(both, order.permit(ann).unwrap(), || async { _ = waits.await });
        for _ in 1..WAITING_MAX {
            order.begin(both, order.permit(ann).unwrap(), || async {});
        }
        assert!(matches!(order.permit(ann), Err(Error::TooOften { .. })));
        let (tell, told) = oneshot::channel();
        order.begin(both, order.permit(bob).unwrap(), || async { _ = tell.send(()) });
        go_on.send(()).unwrap();
        told.await.unwrap();
        order.permit(ann).map(drop).unwrap();
        // Nothing is remembered of a conversation in which nothing is under way.
        while !order.waiting.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_conversation_waits_for_itself_alone_and_keeps_its_order() {
        let order = Order::default();
        let (ann, bob, carla) = (UserId(1), UserId(2), UserId(3));
        let (go_on, waits) = oneshot::channel::<()>();
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = |number: u32| {
            let told = Arc::clone(&told);
            async move { told.lock().unwrap().push(number) }
        };
        let stalled = async { _ = waits.await };
        order.begin(Pair::of(ann, bob), order.permit(ann).unwrap(), || stalled);
        for number in 0..100 {
            order.begin(Pair::of(bob, ann), order.permit(bob).unwrap(), || tell(number));
        }
        let (say, said) = oneshot::channel();
        let others = async { _ = say.send(()) };
        order.begin(Pair::of(ann, carla), order.permit(ann).unwrap(), || others);
        said.await.unwrap();
        assert!(told.lock().unwrap().is_empty());
        go_on.send(()).unwrap();
        while told.lock().unwrap().len() < 100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(*told.lock().unwrap(), (0..100).collect::<Vec<_>>());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_line_that_ends_while_another_begins_leaves_that_alone() {
        let order = Order::default();
        let told = Arc::new(Mutex::new(Vec::new()));
        let both = Pair::of(UserId(1), UserId(2));
        for number in 0..100_000 {
            let telling = Arc::clone(&told);
            let tell = async move {
                // A second line, if there were one, would overtake this.
                tokio::task::yield_now().await;
                telling.lock().unwrap().push(number);
            };
            order.begin(both, order.permit(UserId(1)).unwrap(), || tell);
            while number % 3 == 0 && told.lock().unwrap().len() <= number {
                tokio::task::yield_now().await;
            }
        }
        while !order.waiting.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(told.lock().unwrap().is_sorted());
    }

    #[tokio::test]
    async fn a_step_that_panics_keeps_nobody_behind_it() {
        let order = Order::default();
        let both = Pair::of(UserId(1), UserId(2));
        let (tell, told) = oneshot::channel();
        order.begin(both, order.permit(UserId(1)).unwrap(), || async { panic!("as a test of it") });
        let behind = async { _ = tell.send(()) };
        order.begin(both, order.permit(UserId(1)).unwrap(), || behind);
        told.await.unwrap();
    }
}
