//! `visavis import`: a new database from the Flask chat's, which stays as it is.

use std::path::Path;

use anyhow::bail;
use visavis::store::DatabaseLocation;
use visavis::store::sqlite::{self, Report};

use super::progress::Display;
use super::say::say;

/// Makes a new database from `flask`.
pub fn import(flask: &Path, database: &DatabaseLocation) -> anyhow::Result<()> {
    let DatabaseLocation::Sqlite(new) = database;
    let mut display = Display::new();
    let report = sqlite::import(flask, new, &mut |progress| display.show(progress))?;
    drop(display);
    tracing::info!(
        "imported the Flask chat's database {}: {} into {}",
        flask.display(),
        summary(&report),
        new.display()
    );
    say!("{} was made from {}, which stays as it is", new.display(), flask.display());
    describe(&report);
    Ok(())
}

/// Says what an import of `flask` would do.
pub fn check(flask: &Path) -> anyhow::Result<()> {
    let mut display = Display::new();
    let checked = sqlite::check(flask, &mut |progress| display.show(progress))?;
    drop(display);
    say!("{} is a database of the Flask chat; nothing was written", flask.display());
    describe(&checked.report);
    say!("rows that cannot be taken: {}", checked.refused);
    for refusal in &checked.refusals {
        say!("  {refusal}");
    }
    if checked.refused > 0 {
        bail!(
            "{}: rows that cannot be taken: {}; put them right first",
            flask.display(),
            checked.refused
        );
    }
    Ok(())
}

/// What was taken, for a line of the log.
pub fn summary(report: &Report) -> String {
    let (all, missing) = (report.chats + report.chats_added, report.chats_added);
    let Report { users, messages, .. } = report;
    format!("{users} users, {all} chats ({missing} of them were missing), {messages} messages")
}

fn describe(report: &Report) {
    say!("users: {}", report.users);
    for (kind, count) in &report.hashes {
        say!("  password hashes, {kind}: {count}");
    }
    if let Some(sentence) = report.costly_hashes.sentence() {
        say!("  {sentence}");
    }
    say!("  gone, put back as \"deleted user\": {}", report.users_gone);
    say!("chats: {}", report.chats);
    say!("  missing, added: {}", report.chats_added);
    say!("  counts of new messages put right: {}", report.counts_put_right);
    say!("  dates put right: {}", report.dates_put_right);
    say!("messages: {}", report.messages);
}
