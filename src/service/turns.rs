//! A semaphore whose permits go to waiting keys in turn: however many waiters one key has, another key
//! waits for one permit at most.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Permits that are handed out in turn.
#[derive(Debug)]
pub struct Turns<K: Hash + Eq + Clone> {
    state: Mutex<State<K>>,
    /// How many waiters one key may have.
    waiting_max: usize,
}

#[derive(Debug)]
struct State<K> {
    free: usize,
    waiting: HashMap<K, VecDeque<oneshot::Sender<()>>>,
    /// The keys that have waiters, the next one first.
    order: VecDeque<K>,
}

/// One permit; dropping it gives it to the next key.
#[derive(Debug)]
pub struct Turn<K: Hash + Eq + Clone>(Arc<Turns<K>>);

/// The key has as many waiters as it may have.
#[derive(Debug, PartialEq, Eq)]
pub struct TooManyWait;

impl<K: Hash + Eq + Clone> Turns<K> {
    #[must_use]
    pub fn new(permits: usize, waiting_max: usize) -> Arc<Self> {
        let state = State { free: permits, waiting: HashMap::new(), order: VecDeque::new() };
        Arc::new(Self { state: Mutex::new(state), waiting_max })
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// At once, when too many wait for that key already.
    pub async fn take(self: &Arc<Self>, key: K) -> Result<Turn<K>, TooManyWait> {
        let Some(granted) = self.ask(key)? else { return Ok(Turn(Arc::clone(self))) };
        let mut waiter = Waiter { granted, turns: Some(self) };
        // The sender is dropped only with the state, which this holds.
        _ = (&mut waiter.granted).await;
        waiter.turns = None;
        Ok(Turn(Arc::clone(self)))
    }

    /// `None` when there is a permit at once.
    fn ask(&self, key: K) -> Result<Option<oneshot::Receiver<()>>, TooManyWait> {
        let mut state = self.lock();
        if state.free > 0 {
            state.free -= 1;
            return Ok(None);
        }
        let waiters = state.waiting.entry(key.clone()).or_default();
        if waiters.len() >= self.waiting_max {
            return Err(TooManyWait);
        }
        let (grant, granted) = oneshot::channel();
        waiters.push_back(grant);
        if waiters.len() == 1 {
            state.order.push_back(key);
        }
        Ok(Some(granted))
    }

    /// Hands a permit to the next waiter, or keeps it.
    fn give(&self) {
        let mut state = self.lock();
        while let Some(key) = state.order.pop_front() {
            let Some(waiters) = state.waiting.get_mut(&key) else { continue };
            let next = waiters.pop_front();
            if waiters.is_empty() {
                state.waiting.remove(&key);
            } else {
                state.order.push_back(key);
            }
            // One that has gone away meanwhile takes nothing.
            if next.is_some_and(|next| next.send(()).is_ok()) {
                return;
            }
        }
        state.free += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        self.0.give();
    }
}

/// A waiter that goes away in the moment in which it is granted a permit passes it on.
struct Waiter<'a, K: Hash + Eq + Clone> {
    granted: oneshot::Receiver<()>,
    turns: Option<&'a Arc<Turns<K>>>,
}

impl<K: Hash + Eq + Clone> Drop for Waiter<'_, K> {
    fn drop(&mut self) {
        if let Some(turns) = self.turns {
            self.granted.close();
            if self.granted.try_recv().is_ok() {
                turns.give();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_key_waits_for_one_permit_at_most() {
        let turns = Turns::new(1, 10);
        let first = turns.take("mallory").await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for key in ["mallory", "mallory", "mallory", "ann", "mallory", "bob"] {
            let (waiting, order) = (Arc::clone(&turns), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _turn = waiting.take(key).await.unwrap();
                order.lock().unwrap().push(key);
            }));
            tokio::task::yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(*order, ["mallory", "ann", "bob", "mallory", "mallory", "mallory"]);
    }

    #[tokio::test]
    async fn a_key_may_have_so_many_waiters() {
        let turns = Turns::new(1, 2);
        let first = turns.take(1).await.unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                tokio::spawn({
                    let turns = Arc::clone(&turns);
                    async move { turns.take(1).await.map(drop) }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(turns.take(1).await.map(drop), Err(TooManyWait));
        drop(first);
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        turns.take(2).await.unwrap();
    }

    #[tokio::test]
    async fn waiters_that_go_away_keep_no_permit() {
        let turns = Turns::new(1, 10);
        let first = turns.take(1).await.unwrap();
        let gone = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.take(1).await.map(drop) }
        });
        tokio::task::yield_now().await;
        gone.abort();
        _ = gone.await;
        drop(first);
        turns.take(2).await.map(drop).unwrap();
        let state = turns.lock();
        assert_eq!((state.free, state.waiting.len(), state.order.len()), (1, 0, 0));
    }
}
