//! What a socket is still owed: bounds the memory that somebody who asks and does not read can take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Mutex, Semaphore};

use super::queued::Queued;
use crate::transport::SocketContext;

/// How many questions of a socket may wait for their answers. Clients ask for the next thing when
/// they have got the last.
const QUESTIONS_MAX: usize = 64;
/// How many of a user's sockets may be behind with an answer at the same time: more wait until one
/// has caught up, or was cut off. Fewer than the connections that read.
const ANSWERS_A_USER: usize = 2;
/// A socket that is owed less gets its next answer at once, in bytes.
const OWED_LITTLE: u64 = 256 * 1024;
/// A socket that is owed more has not read for a while: an answer of 4 MB, and 2 MB of messages
/// that came behind it.
const OWED_MAX: u64 = 6_000_000;

/// How many answers are under way for one user.
pub type Answers = Arc<Semaphore>;

pub fn answers() -> Answers {
    Arc::new(Semaphore::new(ANSWERS_A_USER))
}

/// What one socket is owed.
pub struct Backlog {
    context: Arc<SocketContext>,
    /// The reading of the meter when everything will have been written.
    settled_at: AtomicU64,
    questions: AtomicUsize,
    turn: Mutex<()>,
    pub answers: Answers,
    /// What is queued for all sockets.
    queued: Arc<Queued>,
}

impl Backlog {
    pub fn new(context: Arc<SocketContext>, answers: Answers, queued: Arc<Queued>) -> Self {
        let (settled_at, questions) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { context, settled_at, questions, turn: Mutex::default(), answers, queued }
    }

    /// Notes that `bytes` were handed over, or more: were it less, what is never written would stay
    /// owed for ever, and add up.
    /// `written` is the reading before anything of it could leave.
    pub fn owe(&self, bytes: usize, written: u64) {
        self.queued.add(bytes);
        let bytes = bytes as u64;
        let later = |settled_at: u64| Some(settled_at.max(written) + bytes);
        // The closure always gives a value.
        _ = self.settled_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }

    /// Nothing is owed any more.
    pub fn forgive(&self) {
        self.settled_at.store(0, Ordering::Relaxed);
    }

    pub fn written(&self) -> u64 {
        self.context.meter.written()
    }

    /// About how many bytes have not been written yet.
    pub fn owed(&self) -> u64 {
        self.settled_at.load(Ordering::Relaxed).saturating_sub(self.written())
    }

    pub fn is_little(&self) -> bool {
        self.owed() <= OWED_LITTLE
    }

    pub fn is_too_much(&self) -> bool {
        self.owed() > OWED_MAX
    }

    /// Cuts the connection that the socket uses.
    pub fn cut(&self) {
        self.context.cut();
    }

    /// Whether one more question may wait. [`Backlog::answered`] is called in the end.
    pub fn ask(&self) -> bool {
        self.questions.fetch_add(1, Ordering::Relaxed) < QUESTIONS_MAX
    }

    /// Whether questions wait that nobody had to ask.
    pub fn is_busy(&self) -> bool {
        self.questions.load(Ordering::Relaxed) >= QUESTIONS_MAX / 2
    }

    /// Awaits the turn of a question: answers of one socket are made one after the other.
    pub async fn turn(&self) -> impl Sized + use<'_> {
        let turn = self.turn.lock().await;
        // Never closed.
        let answer = self.answers.acquire().await;
        (turn, answer)
    }

    pub fn answered(&self) {
        self.questions.fetch_sub(1, Ordering::Relaxed);
    }
}
