//! `visavis export`: the database as another program reads it.

use std::path::Path;

use visavis::store::{DatabaseLocation, sqlite};

use super::progress::Display;
use super::say::say;

/// Writes the database as the Flask chat's, at `out`.
pub fn flask(database: &DatabaseLocation, out: &Path) -> anyhow::Result<()> {
    let DatabaseLocation::Sqlite(ours) = database;
    let mut display = Display::new();
    let exported = sqlite::export(ours, out, &mut |progress| display.show(progress))?;
    drop(display);
    say!("{} was written as the Flask chat's database", out.display());
    say!("users: {}", exported.users);
    say!("chats: {}", exported.chats);
    say!("messages: {}", exported.messages);
    if exported.users_with_bcrypt > 0 {
        say!(
            "users who need a new password there, whose hash (bcrypt) the Flask chat cannot read: {}",
            exported.users_with_bcrypt
        );
    }
    if exported.users_disabled > 0 {
        say!(
            "users who are disabled, and whom no password lets in there: {}",
            exported.users_disabled
        );
    }
    if exported.messages_deleted > 0 {
        say!(
            "deleted messages, in whose place the Flask chat shows a sentence: {}",
            exported.messages_deleted
        );
    }
    if exported.messages_edited > 0 {
        say!(
            "edited messages, of which the Flask chat shows the last text: {}",
            exported.messages_edited
        );
    }
    if exported.blocks > 0 {
        say!("blocks, which the Flask chat does not know: {}", exported.blocks);
    }
    if exported.messages_out_of_order > 0 {
        say!(
            "messages with an earlier time than the one before, which the Flask chat shows sooner: {}",
            exported.messages_out_of_order
        );
    }
    Ok(())
}
