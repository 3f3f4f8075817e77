//! `visavis backup`: a copy of the database, also while a server writes.

use std::path::Path;

use visavis::store::{DatabaseLocation, sqlite};

use super::progress::Display;
use super::say::say;

/// Copies the database into a new file at `out`.
pub fn back_up(database: &DatabaseLocation, out: &Path) -> anyhow::Result<()> {
    let DatabaseLocation::Sqlite(ours) = database;
    let mut display = Display::new();
    let totals = sqlite::back_up(ours, out, &mut |progress| display.show(progress))?;
    drop(display);
    say!("{} is a copy of {}, checked and on disk", out.display(), ours.display());
    say!("users: {}", totals.users);
    say!("messages: {}", totals.messages);
    Ok(())
}
