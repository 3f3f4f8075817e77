//! The queue of writes, and the one thread that takes them from it: whatever waits goes into one
//! transaction, so that one sync to disk serves them all. An action that fails takes back what it has
//! written, and leaves the others alone but where it says otherwise. Answers leave after the commit, and
//! only then: whatever was acknowledged is on disk, in the file that has the database's name.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

use super::database::{Database, Erased};
use super::file_watch::{Extent, FileWatch};
use super::statements::{Keeping, Prepared};
use super::{store_error, unavailable};
use crate::store::{Reply, StoreError};

/// How many actions may wait. A caller beyond that is told at once that the store is unavailable,
/// which is kinder than an answer that comes after a minute.
const QUEUE_MAX: usize = 16_384;

/// How many actions share a transaction at most: enough to make the sync cheap for each of them,
/// few enough that the first of them does not wait long for the last.
const BATCH_MAX: usize = 512;

/// What waits in the queue.
enum Task {
    Write(Action),
    /// Looks at the database and answers with `PRAGMA data_version`.
    Look(oneshot::Sender<Result<i64, StoreError>>),
    Close,
}

/// Runs inside the transaction and gives what is to be done once the outcome is known.
type Action = Box<dyn FnOnce(&Keeping<'_>) -> Answer + Send>;
/// Tells the caller how it went: the action's own result, or why the commit failed.
type Answer = Box<dyn FnOnce(Result<(), NotStored>) + Send>;

/// Why a transaction was not stored.
#[derive(Debug, Clone, thiserror::Error)]
enum NotStored {
    #[error(transparent)]
    Sqlite(Arc<rusqlite::Error>),
    #[error("the database is out of service")]
    OutOfService,
}

impl From<rusqlite::Error> for NotStored {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl From<NotStored> for StoreError {
    fn from(error: NotStored) -> Self {
        match error {
            NotStored::Sqlite(cause) => unavailable(cause),
            NotStored::OutOfService => Self::OutOfService,
        }
    }
}

/// The answers of one transaction. Dropping them gives them, so that they are given in any case.
struct Answers {
    each: Vec<Answer>,
    outcome: Result<(), NotStored>,
}

impl Drop for Answers {
    fn drop(&mut self) {
        for answer in self.each.drain(..) {
            answer(self.outcome.clone());
        }
    }
}

/// The runtime whose workers give the answers: the first one with several workers from which something was
/// submitted. The thread gives them itself where there is none.
type Answering = Arc<OnceLock<Handle>>;

pub(super) struct Writer {
    queue: SyncSender<Task>,
    runtime: Answering,
    watch: Arc<FileWatch>,
    erased: Erased,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread over a connection that may write.
    pub(super) fn start(connection: Connection, watch: Arc<FileWatch>) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(QUEUE_MAX);
        let erased = Erased::after_start();
        let (ready, is_ready) = sync_channel(1);
        let (watched, noted) = (Arc::clone(&watch), erased.clone());
        let runtime = Answering::default();
        let answering = Arc::clone(&runtime);
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || {
            let mut database = Database::new(&connection, watched, noted);
            _ = ready.send(());
            write_all(&mut database, &waiting, &answering);
            let end = database.end();
            end.apply(connection);
        })?;
        // What is done to the file from now on is noticed. Fails only when the thread has panicked.
        _ = is_ready.recv();
        Ok(Self { queue, runtime, watch, erased, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn erased(&self) -> Erased {
        self.erased.clone()
    }

    /// Queues an action; the answer comes when its transaction is on disk. The order of calls is
    /// the order of actions.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Keeping<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<T> {
        self.enqueue(move |connection| behind_savepoint(connection, act))
    }

    /// As [`Writer::submit`], without the savepoint, which costs a tenth of a message: when `act` fails after
    /// it has changed something, nothing is stored of all that shares the transaction. For actions that
    /// only a failing disk can end there, which seldom spares the others. `act` finds in the tables what
    /// [`super::unsaved::Unsaved`] has not written yet only after it has had that written.
    pub(super) fn submit_bare<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Keeping<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<T> {
        self.enqueue(move |connection| {
            let before = connection.total_changes();
            act(connection).inspect_err(|_| {
                if connection.total_changes() != before {
                    roll_back(connection);
                }
            })
        })
    }

    fn enqueue<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Keeping<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<T> {
        if self.runtime.get().is_none()
            && let Ok(runtime) = Handle::try_current()
            && runtime.runtime_flavor() == RuntimeFlavor::MultiThread
        {
            _ = self.runtime.set(runtime);
        }
        let (sender, receiver) = oneshot::channel();
        let watch = Arc::clone(&self.watch);
        let action: Action = Box::new(move |connection| {
            let outcome = act(connection).inspect_err(|error| watch.note(error));
            Box::new(move |committed| {
                let answer = match committed {
                    Ok(()) => outcome.map_err(store_error),
                    Err(cause) => Err(cause.into()),
                };
                // The caller may have gone away; what was stored stays stored.
                _ = sender.send(answer);
            })
        });
        self.answer_to(Task::Write(action), receiver)
    }

    /// Looks whether the file is still the one that was opened, and folds the write-ahead log into
    /// it when nothing was written since the last look, or a message was deleted. Answers with `PRAGMA data_version`.
    pub(super) fn look(&self) -> Reply<i64> {
        let (sender, receiver) = oneshot::channel();
        self.answer_to(Task::Look(sender), receiver)
    }

    /// Queues a task, and awaits its answer.
    fn answer_to<T: Send + 'static>(
        &self,
        task: Task,
        receiver: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Reply<T> {
        let refused = self.queue(task).err();
        let watch = Arc::clone(&self.watch);
        Box::pin(async move {
            if let Some(refused) = refused {
                return Err(refused);
            }
            receiver.await.unwrap_or_else(|_| {
                let is_lost = watch.is_lost();
                Err(if is_lost {
                    StoreError::OutOfService
                } else {
                    unavailable("the write was not begun")
                })
            })
        })
    }

    fn queue(&self, task: Task) -> Result<(), StoreError> {
        if self.watch.is_lost() {
            return Err(StoreError::OutOfService);
        }
        self.queue.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => unavailable("too many writes are waiting"),
            TrySendError::Disconnected(_) => unavailable("the writer has stopped"),
        })
    }

    /// Waits until everything that was queued is stored and the connection is closed. What is
    /// submitted later is refused.
    pub(super) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        // Fails only when the thread has panicked, which the join tells.
        _ = self.queue.send(Task::Close);
        if thread.join().is_err() {
            tracing::error!("the store's writer thread panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_all(database: &mut Database<'_>, waiting: &Receiver<Task>, runtime: &OnceLock<Handle>) {
    let mut next = None;
    while let Some(task) = next.take().or_else(|| waiting.recv().ok()) {
        match task {
            Task::Write(first) => {
                let more = std::iter::from_fn(|| match waiting.try_recv() {
                    Ok(Task::Write(action)) => Some(action),
                    Ok(other) => {
                        next = Some(other);
                        None
                    }
                    Err(_) => None,
                });
                // Fused: after a task of another kind nothing more is taken from the queue.
                let batch = std::iter::once(first).chain(more.fuse()).take(BATCH_MAX);
                write_batch(database, batch, runtime);
            }
            Task::Look(sender) => _ = sender.send(database.look()),
            Task::Close => return,
        }
    }
}

/// Runs the actions in one transaction, or in several where an error ends one early.
fn write_batch(
    database: &mut Database<'_>,
    batch: impl Iterator<Item = Action>,
    runtime: &OnceLock<Handle>,
) {
    let mut batch = batch.peekable();
    while batch.peek().is_some() {
        // Before anything is written: the log may belong to another file by now.
        if !database.is_sound() {
            drop(batch.collect::<Vec<Action>>());
            return;
        }
        let mut answers = Vec::new();
        let before = database.connection.total_changes();
        let outcome = run_transaction(database, &mut batch, &mut answers);
        if database.connection.total_changes() != before {
            database.has_stored();
        }
        match &outcome {
            Ok(Some(extent)) => database.leave(*extent),
            Ok(None) => {}
            // Logged once, when it was found.
            Err(NotStored::OutOfService) => database.abandon(),
            Err(cause) => {
                tracing::error!(error = %cause, "{} writes were not stored: {cause}", answers.len());
            }
        }
        let answers = Answers { each: answers, outcome: outcome.map(drop) };
        // One task for all: tasks that this thread woke one by one would each need a lock, and a worker.
        match runtime.get() {
            Some(runtime) => drop(runtime.spawn(async move { drop(answers) })),
            None => drop(answers),
        }
        database.fold_if_long();
    }
}

/// At the end either everything in `answers` is on disk, or nothing of it is. Gives how the file was found
/// after the commit; `None` when the transaction could not begin.
fn run_transaction(
    database: &Database<'_>,
    batch: &mut impl Iterator<Item = Action>,
    answers: &mut Vec<Answer>,
) -> Result<Option<Extent>, NotStored> {
    let Database { connection, watch, .. } = database;
    connection.unsaved.forget();
    if let Err(cause) = run(connection, "BEGIN IMMEDIATE") {
        // Nobody's action can run now; dropping an action tells its caller so. Who has been told may
        // come again at once, and is for the next attempt: so all are taken before any is dropped.
        let not_run: Vec<Action> = batch.collect();
        tracing::error!(error = %cause, "{} writes were not begun: {cause}", not_run.len());
        return Ok(None);
    }
    for action in batch {
        answers.push(action(connection));
        // A full disk or a failing one makes SQLite roll back the whole transaction, not just the
        // statement: what ran before this action is gone as well.
        if connection.is_autocommit() {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
                Some("the transaction was rolled back".into()),
            )
            .into());
        }
        if watch.is_lost() {
            roll_back(connection);
            return Err(NotStored::OutOfService);
        }
    }
    let saved = connection.unsaved.save(connection);
    saved.and_then(|()| run(connection, "COMMIT")).inspect_err(|error| {
        watch.note(error);
        roll_back(connection);
    })?;
    // After the commit, so that nothing is acknowledged that went into a file without the name.
    watch.look().map(Some).ok_or(NotStored::OutOfService)
}

pub(super) fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "cannot roll back: {error}");
    }
}

fn behind_savepoint<T>(
    connection: &Keeping<'_>,
    act: impl FnOnce(&Keeping<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.unsaved.save(connection)?;
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

fn run(connection: &impl Prepared, sql: &'static str) -> rusqlite::Result<()> {
    connection.with(sql, |statement| statement.execute(())).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const NUMBER: &str = "INSERT INTO numbers VALUES (?1)";

    /// A writer over a new file with a table of numbers, held up by its first action until something is sent.
    fn held_up() -> (Writer, std::sync::mpsc::Sender<()>, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("numbers.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch("CREATE TABLE numbers (number UNIQUE)").unwrap();
        let watch = Arc::new(FileWatch::start(&path).unwrap());
        let writer = Writer::start(connection, watch).unwrap();
        let (go_on, waits) = channel();
        drop(writer.submit(move |_| Ok(waits.recv().is_ok())));
        (writer, go_on, dir)
    }

    fn add(number: i64) -> impl FnOnce(&Keeping<'_>) -> rusqlite::Result<usize> {
        move |connection| connection.prepare_cached(NUMBER)?.execute([number])
    }

    /// Fails after it has written `number`.
    fn fail_after(number: i64) -> impl FnOnce(&Keeping<'_>) -> rusqlite::Result<usize> {
        move |connection| {
            add(number)(connection)?;
            add(number)(connection)
        }
    }

    async fn numbers(writer: &Writer) -> Vec<i64> {
        let read = writer.submit(|connection| {
            let mut query = connection.prepare("SELECT number FROM numbers ORDER BY number")?;
            query.query_map((), |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()
        });
        read.await.unwrap()
    }

    #[tokio::test]
    async fn an_action_that_fails_takes_nothing_along_but_what_it_has_written_itself() {
        let (writer, go_on, _dir) = held_up();
        let before = writer.submit(add(1));
        let failed = writer.submit(fail_after(2));
        // It has written nothing.
        let refused = writer.submit_bare(add(1));
        let after = writer.submit_bare(add(3));
        go_on.send(()).unwrap();
        before.await.unwrap();
        assert!(matches!(failed.await, Err(StoreError::Conflict)));
        assert!(matches!(refused.await, Err(StoreError::Conflict)));
        after.await.unwrap();
        assert_eq!(numbers(&writer).await, [1, 3]);
    }

    #[tokio::test]
    async fn of_an_action_without_a_savepoint_that_fails_halfway_nothing_is_stored() {
        let (writer, go_on, _dir) = held_up();
        let shares = writer.submit(add(1));
        let failed = writer.submit_bare(fail_after(2));
        let after = writer.submit(add(3));
        go_on.send(()).unwrap();
        assert!(matches!(shares.await, Err(StoreError::Unavailable(_))));
        assert!(matches!(failed.await, Err(StoreError::Unavailable(_))));
        after.await.unwrap();
        assert_eq!(numbers(&writer).await, [3]);
    }
}
