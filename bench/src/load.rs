//! People who write to each other: as fast as they are answered (closed loop), or by the clock,
//! whether they are answered or not (open loop).

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::people::Person;
use crate::servers::Server;
use crate::socket::{Heard, Socket, Transport};

/// What is written after the moment of sending: a sentence of usual length.
const TEXT: &str = "shall we meet at seven, where we met last time?";
/// How long a load runs before it is measured: caches fill, code is compiled.
const WARM_UP: Duration = Duration::from_millis(500);
/// How long an answer to what was sent in time is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub transport: Transport,
    pub pace: Pace,
    pub lasts: Duration,
}

#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// Each person has this many messages under way at any time.
    InFlight(usize),
    /// All people together send so many messages a second.
    PerSecond(u32),
}

/// What one run gave.
#[derive(Debug)]
pub struct Measured {
    /// Acknowledged messages a second.
    pub rate: f64,
    /// The server's processor time a message, in µs.
    pub cpu_us: f64,
    /// What the server wrote to the disk for a message, in bytes.
    pub disk_bytes: f64,
    /// In µs, from when a message was sent (or was due) until it was acknowledged.
    pub acknowledged: Histogram<u64>,
    /// In µs, until its receiver had it.
    pub delivered: Histogram<u64>,
}

#[derive(Clone, Copy)]
struct Window {
    began: Instant,
    from: Instant,
    to: Instant,
}

impl Window {
    fn has(&self, at: Instant) -> bool {
        self.from <= at && at < self.to
    }
}

/// One person's share.
struct Counted {
    acknowledged: Histogram<u64>,
    delivered: Histogram<u64>,
}

/// Lets `people`, in pairs, write to each other on `server`.
pub async fn run(server: &Server, people: &[Person], load: Load) -> Result<Measured> {
    let start = Arc::new(Barrier::new(people.len() + 1));
    let (told, window) = tokio::sync::watch::channel(None);
    let mut tasks = JoinSet::new();
    for (place, person) in people.iter().enumerate() {
        let partner = people[place ^ 1].id;
        let mut socket = Socket::open(&server.address, person, load.transport).await?;
        socket.join_chat(partner).await?;
        let (start, mut window) = (Arc::clone(&start), window.clone());
        let share = Share { place, of: people.len() };
        tasks.spawn(async move {
            start.wait().await;
            let window: Window = (*window.wait_for(Option::is_some).await?).context("no window")?;
            match load.pace {
                Pace::InFlight(most) => as_answered(socket, partner, window, most).await,
                Pace::PerSecond(rate) => by_the_clock(socket, partner, window, share, rate).await,
            }
        });
    }
    start.wait().await;
    let began = Instant::now();
    let from = began + WARM_UP;
    let window = Window { began, from, to: from + load.lasts };
    told.send_replace(Some(window));
    sleep_until(window.from.into()).await;
    let (cpu, disk) = (server.cpu_time()?, server.disk_bytes()?);
    sleep_until(window.to.into()).await;
    let cpu = server.cpu_time()?.saturating_sub(cpu);
    let disk = server.disk_bytes()?.saturating_sub(disk);
    let mut all = Counted::new()?;
    while let Some(counted) = tasks.join_next().await {
        let counted = counted??;
        all.acknowledged.add(counted.acknowledged)?;
        all.delivered.add(counted.delivered)?;
    }
    let messages = all.acknowledged.len();
    ensure!(messages > 0, "no message was acknowledged");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (messages, disk) = (messages as f64, disk as f64);
    Ok(Measured {
        rate: messages / load.lasts.as_secs_f64(),
        cpu_us: cpu.as_secs_f64() * 1e6 / messages,
        disk_bytes: disk / messages,
        acknowledged: all.acknowledged,
        delivered: all.delivered,
    })
}

async fn as_answered(
    mut socket: Socket,
    partner: i64,
    window: Window,
    most: usize,
) -> Result<Counted> {
    let mut counted = Counted::new()?;
    let mut sent_at = SentAt::after(&socket);
    let now = Instant::now();
    let payloads = vec![payload(partner, window, now); most];
    socket.emit_all("message_sent", payloads).await?;
    sent_at.push(now, most);
    let mut answered = 0;
    while Instant::now() < window.to {
        match socket.hear().await? {
            Heard::Acknowledged(number, answer) => {
                counted.acknowledge(&window, sent_at.get(number)?, &answer)?;
                answered += 1;
            }
            Heard::Event(event) => counted.deliver(&window, &event)?,
        }
        // What came together is answered together, as over polling it must be.
        if answered > 0 && !socket.has_come() {
            let now = Instant::now();
            let payloads = vec![payload(partner, window, now); answered];
            socket.emit_all("message_sent", payloads).await?;
            sent_at.push(now, answered);
            answered = 0;
        }
    }
    Ok(counted)
}

/// Where somebody stands among all who send by the clock.
#[derive(Clone, Copy)]
struct Share {
    place: usize,
    of: usize,
}

async fn by_the_clock(
    mut socket: Socket,
    partner: i64,
    window: Window,
    share: Share,
    rate: u32,
) -> Result<Counted> {
    let mut counted = Counted::new()?;
    let mut sent_at = SentAt::after(&socket);
    let people = u32::try_from(share.of)?;
    let interval = Duration::from_secs(1) * people / rate;
    // Evenly among all, not all at once.
    let mut due = window.began + interval * u32::try_from(share.place)? / people;
    let mut open: usize = 0;
    while due < window.to || open > 0 {
        let (is_to_send, until) =
            if due < window.to { (true, due) } else { (false, window.to + PATIENCE) };
        tokio::select! {
            biased;
            () = sleep_until(until.into()) => {
                ensure!(is_to_send, "{open} messages were not acknowledged");
                socket.emit("message_sent", &payload(partner, window, due)).await?;
                sent_at.push(due, 1);
                open += 1;
                due += interval;
            }
            heard = socket.hear() => match heard? {
                Heard::Acknowledged(number, answer) => {
                    open -= 1;
                    counted.acknowledge_sent(&window, sent_at.get(number)?, &answer)?;
                }
                Heard::Event(event) => counted.deliver(&window, &event)?,
            },
        }
    }
    Ok(counted)
}

/// A message that says when it was sent, in µs since the run began.
fn payload(partner: i64, window: Window, at: Instant) -> String {
    let micros = at.duration_since(window.began).as_micros();
    format!(r#"{{"message":"@{micros} {TEXT}","chat_partner_id":"{partner}"}}"#)
}

/// When each message was sent, by the number of its acknowledgement; they come in any order.
struct SentAt {
    /// The number of the first.
    first: u64,
    moments: Vec<Instant>,
}

impl SentAt {
    fn after(socket: &Socket) -> Self {
        Self { first: socket.asked(), moments: Vec::new() }
    }

    fn push(&mut self, at: Instant, times: usize) {
        self.moments.resize(self.moments.len() + times, at);
    }

    fn get(&self, number: u64) -> Result<Instant> {
        let index = usize::try_from(number - self.first)?;
        let moment = self.moments.get(index).copied();
        moment.context("an acknowledgement that was not asked for")
    }
}

impl Counted {
    fn new() -> Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, 120_000_000, 3);
        Ok(Self { acknowledged: histogram()?, delivered: histogram()? })
    }

    /// Counts what is acknowledged within the window.
    fn acknowledge(&mut self, window: &Window, sent: Instant, answer: &str) -> Result<()> {
        let now = Instant::now();
        if window.has(now) {
            self.record(now - sent, answer)?;
        }
        Ok(())
    }

    /// Counts what was due within the window, however late it is acknowledged.
    fn acknowledge_sent(&mut self, window: &Window, due: Instant, answer: &str) -> Result<()> {
        if window.has(due) {
            self.record(due.elapsed(), answer)?;
        }
        Ok(())
    }

    fn record(&mut self, took: Duration, answer: &str) -> Result<()> {
        ensure!(!answer.contains("\"failure\""), "a message was not taken: {answer}");
        Ok(self.acknowledged.record(micros(took))?)
    }

    fn deliver(&mut self, window: &Window, event: &str) -> Result<()> {
        let Some((_, rest)) = event.split_once("\"@") else { return Ok(()) };
        let digits = rest.split(' ').next().unwrap_or_default();
        let sent = window.began + Duration::from_micros(digits.parse()?);
        if window.has(sent) {
            self.delivered.record(micros(sent.elapsed()))?;
        }
        Ok(())
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1)
}
