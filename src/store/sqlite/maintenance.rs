//! What the store does by itself, each second: an idle one brings its file up to date, one whose file is
//! gone or damaged notices, and one that a command has written to says so.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::writer::Writer;
use crate::store::StoreError;

const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Looks at the database each second, until the store is dropped. SQLite tells that somebody else has
/// written, and not what: every such write may have ended a session.
pub(super) async fn run(writer: Weak<Writer>, sessions_ended: Arc<Notify>) {
    let mut interval = interval(LOOK_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut known, mut failed) = (None, false);
    loop {
        interval.tick().await;
        // Asked of the connection that writes: for any other, our own writes count as foreign.
        let Some(look) = writer.upgrade().map(|writer| writer.look()) else { return };
        match look.await {
            Ok(version) => {
                failed = false;
                if known.replace(version) != Some(version) {
                    sessions_ended.notify_one();
                }
            }
            // Logged once, when it was found.
            Err(StoreError::OutOfService) => {}
            Err(error) => {
                if !failed {
                    tracing::warn!(%error, "the database was not looked at: {error}");
                }
                failed = true;
            }
        }
    }
}
