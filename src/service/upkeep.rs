//! What the server does by itself: it forgets what has expired, and looks whether the operator has
//! ended sessions with a command beside it, whose sockets it then closes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

use super::{Accounts, Live};
use crate::store::StoreError;

/// How often what has expired is forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_hours(1);
/// How often it is looked whether somebody else has written the database.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Forgets what has expired, now and then, for ever.
pub async fn sweep(accounts: Accounts, live: Arc<dyn Live>) {
    let mut interval = interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = sweep_once(&accounts, &*live).await
            && !matches!(error, StoreError::OutOfService)
        {
            tracing::warn!(%error, "what has expired was not swept: {error}");
        }
    }
}

/// Forgets what has expired. A session that has sockets is in use, though nobody loads a page.
///
/// # Errors
/// `Unavailable` when the store cannot be reached; the next time does what this one could not.
pub async fn sweep_once(accounts: &Accounts, live: &dyn Live) -> Result<(), StoreError> {
    let in_use = live.sessions().into_iter().map(|(_, session)| session).collect();
    accounts.keep_sessions(in_use).await?;
    accounts.sweep().await
}

/// Closes the sockets of sessions that another process has ended, within a second or so, for ever.
pub async fn follow_other_processes(accounts: Accounts, live: Arc<dyn Live>) {
    let mut interval = interval(LOOK_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = None;
    let mut failed = false;
    let mut tasks = 0;
    loop {
        interval.tick().await;
        tell_of_tasks(&mut tasks);
        match look(&accounts, &*live, known).await {
            Ok(version) => (known, failed) = (Some(version), false),
            Err(error) => {
                if !failed && !matches!(error, StoreError::OutOfService) {
                    tracing::warn!(%error, "it is unknown whether the operator ended sessions: {error}");
                }
                failed = true;
            }
        }
    }
}

/// Says how many tasks there are when their number has changed: one that grows for ever, while nobody
/// is connected, is something that was not tidied away.
fn tell_of_tasks(told: &mut usize) {
    let tasks = Handle::current().metrics().num_alive_tasks();
    if tasks != *told {
        tracing::debug!(tasks, "{tasks} tasks are alive");
        *told = tasks;
    }
}

/// Gives the version of the database that was looked at. A failure leaves the old one, so that the
/// next look does what this one could not.
async fn look(accounts: &Accounts, live: &dyn Live, known: Option<i64>) -> Result<i64, StoreError> {
    let version = accounts.store.written_elsewhere().await?;
    // The first look may come after the first sockets, and after a command.
    if known == Some(version) {
        return Ok(version);
    }
    let sessions = live.sessions();
    let keys = sessions.iter().map(|(_, session)| *session).collect();
    let ended: HashSet<_> = accounts.store.ended_sessions(keys).await?.into_iter().collect();
    for (user, session) in sessions {
        if ended.contains(&session) {
            tracing::info!(user.id = %user, "a session of user {user} has ended; closing its sockets");
            live.session_ended(user, session);
        }
    }
    Ok(version)
}
