//! What the server does by itself: it forgets what has expired, and closes the sockets of sessions that
//! were ended elsewhere: by the operator, with a command beside it, or by another server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{interval, sleep};

use super::{Accounts, Live};
use crate::store::StoreError;

/// How often what has expired is forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_hours(1);
/// When it is asked again which sessions have ended, after the store could not say.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How often tasks are counted.
const TASKS_INTERVAL: Duration = Duration::from_secs(1);

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

/// Closes the sockets of sessions that were ended elsewhere, for ever. The store notifies `ended`
/// ([`Store::maintain`](crate::store::Store::maintain)).
pub async fn follow_ended_sessions(accounts: Accounts, live: Arc<dyn Live>, ended: Arc<Notify>) {
    loop {
        ended.notified().await;
        let mut failed = false;
        while let Err(error) = close_ended(&accounts, &*live).await {
            if !failed && !matches!(error, StoreError::OutOfService) {
                tracing::warn!(%error, "it is unknown whether the operator ended sessions: {error}");
            }
            failed = true;
            sleep(RETRY_INTERVAL).await;
        }
    }
}

async fn close_ended(accounts: &Accounts, live: &dyn Live) -> Result<(), StoreError> {
    let sessions = live.sessions();
    let keys = sessions.iter().map(|(_, session)| *session).collect();
    let ended: HashSet<_> = accounts.store.ended_sessions(keys).await?.into_iter().collect();
    for (user, session) in sessions {
        if ended.contains(&session) {
            tracing::info!(user.id = %user, "a session of user {user} has ended; closing its sockets");
            live.session_ended(user, session);
        }
    }
    Ok(())
}

/// Says how many tasks there are when their number has changed, for ever: one that grows while nobody is
/// connected is something that was not tidied away.
pub async fn tell_of_tasks() {
    let mut interval = interval(TASKS_INTERVAL);
    let mut told = 0;
    loop {
        interval.tick().await;
        let tasks = Handle::current().metrics().num_alive_tasks();
        if tasks != told {
            tracing::debug!(tasks, "{tasks} tasks are alive");
            told = tasks;
        }
    }
}
