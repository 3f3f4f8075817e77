//! The layer of the log through which every event passes. Peers cause most events, so it limits how
//! often each call site writes a line ([`limiter`]), and writes later how many lines were suppressed.
//! [`one_line`] keeps each event on one line.

mod limiter;
mod one_line;

use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use self::limiter::{Limiter, Suppressed};
pub use self::one_line::OneLine;
use crate::clock::Clock;
use crate::service::network;

/// How often suppressed lines are counted out.
const SUMMARY_INTERVAL: Duration = Duration::from_mins(1);
/// The most call sites that have a summary of their own; the others share one.
const SUMMARIES_MAX: usize = 15;
/// The most characters of a suppressed line that its summary quotes.
const QUOTED_CHARS_MAX: usize = 200;
/// Modules whose events without a peer are never suppressed: the operator's commands with the progress
/// of a migration, the numbers that the server writes by itself, and the summaries of this module.
const NEVER_SUPPRESSED: [&str; 3] =
    ["visavis::commands", "visavis::service::upkeep", module_path!()];

/// The limiter of the process's log. Clones share it.
#[derive(Clone)]
pub struct LogLimits {
    limiter: Arc<Limiter<Identifier>>,
    clock: Arc<dyn Clock>,
    /// Keyed at random, so that no peer can choose an address with another's hash.
    hashes: RandomState,
}

impl LogLimits {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { limiter: Arc::default(), clock, hashes: RandomState::new() }
    }

    /// Writes once a minute what was suppressed, for as long as the process runs.
    pub async fn summarize(self) {
        loop {
            tokio::time::sleep(SUMMARY_INTERVAL).await;
            self.write_summaries();
        }
    }

    /// Writes how many lines were suppressed since the last summary, and forgets them.
    pub fn write_summaries(&self) {
        let mut suppressed = self.limiter.take_suppressed();
        let others = suppressed.split_off(suppressed.len().min(SUMMARIES_MAX));
        for Suppressed { count, level, quoted } in suppressed {
            match level {
                Level::ERROR => {
                    tracing::error!(suppressed = count, "{count} more like this: {quoted}");
                }
                Level::WARN => {
                    tracing::warn!(suppressed = count, "{count} more like this: {quoted}");
                }
                _ => tracing::info!(suppressed = count, "{count} more like this: {quoted}"),
            }
        }
        let (kinds, count) = (others.len(), others.iter().map(|other| other.count).sum::<u64>());
        if kinds > 0 {
            tracing::warn!(suppressed = count, "{count} more lines of {kinds} other kinds");
        }
    }

    /// Identifies the peer of `event` by its fields `address` and `user.id`, for each `page` anew.
    fn peer(&self, event: &Event<'_>) -> Option<u64> {
        let mut peer = Peer { hasher: self.hashes.build_hasher(), is_named: false };
        event.record(&mut peer);
        peer.is_named.then(|| peer.hasher.finish())
    }
}

impl<S: Subscriber> Layer<S> for LogLimits {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // Written only where the operator asked for everything.
        if *metadata.level() > Level::INFO {
            return true;
        }
        let peer = self.peer(event);
        if peer.is_none() && metadata.module_path().is_some_and(is_never_suppressed) {
            return true;
        }
        let now = self.clock.monotonic();
        let (site, level) = (metadata.callsite(), *metadata.level());
        self.limiter.admits(site, level, peer, now, || quoted(event))
    }
}

fn is_never_suppressed(module: &str) -> bool {
    NEVER_SUPPRESSED.iter().any(|allowed| {
        module.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}

/// Reads the peer of an event.
struct Peer<H> {
    hasher: H,
    is_named: bool,
}

impl<H: Hasher> Visit for Peer<H> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !matches!(field.name(), "address" | "user.id" | "page") {
            return;
        }
        // What fails on one page hides nothing of another.
        self.is_named |= field.name() != "page";
        field.name().hash(&mut self.hasher);
        let text = format!("{value:?}");
        match text.parse::<IpAddr>() {
            // One subscriber has as many addresses of IPv6 as a network has.
            Ok(address) => network(address).hash(&mut self.hasher),
            Err(_) => text.hash(&mut self.hasher),
        }
    }
}

/// The sentence of an event, cut to a bounded length.
fn quoted(event: &Event<'_>) -> String {
    struct Sentence(String);
    impl Visit for Sentence {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                // Writing to a string cannot fail.
                _ = write!(self.0, "{value:?}");
            }
        }
    }
    let mut sentence = Sentence(String::new());
    event.record(&mut sentence);
    let Sentence(mut text) = sentence;
    if let Some((end, _)) = text.char_indices().nth(QUOTED_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Mutex, PoisonError};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::clock::SystemClock;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `events` leave in a log with limits, with a summary at the end.
    fn log_of(events: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let limits = LogLimits::new(Arc::new(SystemClock));
        let sink = written.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(move || sink.clone())
            .fmt_fields(OneLine)
            .with_ansi(false)
            .without_time()
            .with_target(false);
        let subscriber = tracing_subscriber::registry().with(lines).with(limits.clone());
        tracing::subscriber::with_default(subscriber, || {
            events();
            limits.write_summaries();
        });
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }

    fn refuse(address: &str) {
        tracing::warn!(%address, "refused {address}");
    }

    fn wrong_password(user: i64) {
        tracing::info!(user.id = user, "user {user} typed a wrong password");
    }

    #[test]
    fn a_peer_has_one_line_of_a_kind_and_its_summary_and_other_peers_have_theirs() {
        let lines = log_of(|| {
            (0..1000).for_each(|_| refuse("192.0.2.1"));
            refuse("192.0.2.2");
            (0..10).for_each(|_| wrong_password(7));
            wrong_password(8);
        });
        let expected = [
            "WARN refused 192.0.2.1 address=192.0.2.1",
            "WARN refused 192.0.2.2 address=192.0.2.2",
            "INFO user 7 typed a wrong password user.id=7",
            "INFO user 8 typed a wrong password user.id=8",
            "WARN 999 more like this: refused 192.0.2.1 suppressed=999",
            "INFO 9 more like this: user 7 typed a wrong password suppressed=9",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_are_one_peer() {
        let lines = log_of(|| (1..100).for_each(|host| refuse(&format!("2001:db8::{host:x}"))));
        let expected = [
            "WARN refused 2001:db8::1 address=2001:db8::1",
            "WARN 98 more like this: refused 2001:db8::2 suppressed=98",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_peer_has_a_line_for_each_page_that_fails() {
        let fails = |address: &str, page: &str| {
            tracing::error!(page, address, "the page {page} cannot be drawn");
        };
        let lines = log_of(|| {
            (0..100).for_each(|_| fails("192.0.2.1", "login.html"));
            fails("192.0.2.1", "register.html");
            fails("192.0.2.2", "login.html");
        });
        let expected = [
            r#"ERROR the page login.html cannot be drawn page="login.html" address="192.0.2.1""#,
            r#"ERROR the page register.html cannot be drawn page="register.html" address="192.0.2.1""#,
            r#"ERROR the page login.html cannot be drawn page="login.html" address="192.0.2.2""#,
            "ERROR 99 more like this: the page login.html cannot be drawn suppressed=99",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_long_line_is_quoted_in_part() {
        let long = "ä".repeat(3 * QUOTED_CHARS_MAX);
        let lines = log_of(|| (0..2).for_each(|_| tracing::warn!(address = "a", "{long}")));
        let quoted = format!("{}…", "ä".repeat(QUOTED_CHARS_MAX));
        assert_eq!(lines[1], format!("WARN 1 more like this: {quoted} suppressed=1"));
    }

    #[test]
    fn what_a_visitor_sends_makes_no_line_of_its_own() {
        let sent = "/x\n2026-01-02T03:04:05Z  INFO the operator enabled user 7";
        let lines = log_of(|| tracing::warn!(path = %sent, "no page {sent}"));
        let escaped = sent.replace('\n', "\\n");
        assert_eq!(lines, [format!("WARN no page {escaped} path={escaped}")]);
    }

    #[test]
    fn lines_for_debugging_are_never_suppressed() {
        let lines = log_of(|| (0..100).for_each(|_| tracing::debug!(address = "a", "b")));
        assert_eq!(lines.len(), 100);
    }

    #[test]
    fn only_whole_modules_are_never_suppressed() {
        assert!(is_never_suppressed("visavis::commands::progress"));
        assert!(is_never_suppressed("visavis::service::upkeep"));
        assert!(!is_never_suppressed("visavis::service::upkeeper"));
        assert!(!is_never_suppressed("visavis::transport::accept"));
    }
}
