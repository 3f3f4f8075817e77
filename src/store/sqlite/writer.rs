//! The one thread that writes. It takes whatever waits in its queue into one transaction, each
//! action behind a savepoint of its own, so that one sync to disk serves them all. Answers leave
//! after the commit, and only then: whatever was acknowledged is on disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{store_error, unavailable};
use crate::store::Reply;

/// How many actions may wait. A caller beyond that is told at once that the store is unavailable,
/// which is kinder than an answer that comes after a minute.
const QUEUE_MAX: usize = 16_384;

/// How many actions share a transaction at most: enough to make the sync cheap for each of them,
/// few enough that the first of them does not wait long for the last.
const BATCH_MAX: usize = 512;

/// Runs inside the transaction and gives what is to be done once the outcome is known.
type Action = Box<dyn FnOnce(&Connection) -> Answer + Send>;
/// Tells the caller how it went: the action's own result, or why the commit failed.
type Answer = Box<dyn FnOnce(Result<(), Arc<rusqlite::Error>>) + Send>;

pub(super) struct Writer {
    // Options, so that `drop` can close the queue first and wait for the thread then.
    queue: Option<SyncSender<Action>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread over a connection that may write.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write_all(&connection, &waiting))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues an action; the answer comes when its transaction is on disk. The order of calls is
    /// the order of actions.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<T> {
        let (sender, receiver) = oneshot::channel();
        let action: Action = Box::new(move |connection| {
            let outcome = behind_savepoint(connection, act);
            Box::new(move |committed| {
                let answer = match committed {
                    Ok(()) => outcome.map_err(store_error),
                    Err(cause) => Err(unavailable(cause)),
                };
                // The caller may have gone away; what was stored stays stored.
                _ = sender.send(answer);
            })
        });
        let refused = match self.queue.as_ref().map(|queue| queue.try_send(action)) {
            Some(Ok(())) => None,
            Some(Err(TrySendError::Full(_))) => Some("too many writes are waiting"),
            Some(Err(TrySendError::Disconnected(_))) | None => Some("the writer has stopped"),
        };
        Box::pin(async move {
            if let Some(reason) = refused {
                return Err(unavailable(reason));
            }
            receiver.await.unwrap_or_else(|_| Err(unavailable("the write was not begun")))
        })
    }
}

impl Drop for Writer {
    /// Waits until everything that was queued is stored.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer thread panicked");
        }
    }
}

fn write_all(connection: &Connection, waiting: &Receiver<Action>) {
    while let Ok(first) = waiting.recv() {
        let batch = std::iter::once(first).chain(waiting.try_iter()).take(BATCH_MAX);
        write_batch(connection, batch);
    }
}

/// Runs the actions in one transaction, or in several where an error ends one early.
fn write_batch(connection: &Connection, batch: impl Iterator<Item = Action>) {
    let mut batch = batch.peekable();
    while batch.peek().is_some() {
        let mut answers = Vec::new();
        let outcome = run_transaction(connection, &mut batch, &mut answers).map_err(Arc::new);
        if let Err(cause) = &outcome {
            tracing::error!(error = %cause, "{} writes were not stored: {cause}", answers.len());
        }
        for answer in answers {
            answer(outcome.clone());
        }
    }
}

/// At the end either everything in `answers` is on disk, or nothing of it is.
fn run_transaction(
    connection: &Connection,
    batch: &mut impl Iterator<Item = Action>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    if let Err(cause) = connection.execute_batch("BEGIN IMMEDIATE") {
        // Nobody's action can run now; dropping an action tells its caller so. Who has been told may
        // come again at once, and is for the next attempt: so all are taken before any is dropped.
        let not_run: Vec<Action> = batch.collect();
        tracing::error!(error = %cause, "{} writes were not begun: {cause}", not_run.len());
        return Ok(());
    }
    for action in batch {
        answers.push(action(connection));
        // A full disk or a failing one makes SQLite roll back the whole transaction, not just the
        // statement: what ran before this action is gone as well.
        if connection.is_autocommit() {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
                Some("the transaction was rolled back".into()),
            ));
        }
    }
    connection.execute_batch("COMMIT").inspect_err(|_| {
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "cannot roll back: {error}");
        }
    })
}

fn behind_savepoint<T>(
    connection: &Connection,
    act: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    run(connection, "SAVEPOINT action")?;
    match act(connection) {
        Ok(value) => run(connection, "RELEASE action").map(|()| value),
        Err(error) => {
            if !connection.is_autocommit() {
                run(connection, "ROLLBACK TO action")?;
                run(connection, "RELEASE action")?;
            }
            Err(error)
        }
    }
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}
