//! The subcommands: what the program can do instead of serving. Their comments are what `--help`
//! says.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do instead of serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Ask the server that listens there for a page; exit code 0 when it answers
    Health,
    /// Tell what would be wrong at the start, one line each; exit code 0 when nothing is
    Check,
    /// Make a new database (--database) from a database of the Flask chat, which stays as it is
    ///
    /// The new file must not exist yet; it appears when it is complete. An import that was
    /// interrupted is simply started again.
    Import {
        /// The Flask chat's database
        flask_db: PathBuf,
        /// Only say what an import would take and put right; nothing is written
        #[arg(long)]
        check: bool,
    },
    /// Write the database (--database) as another program reads it; a server may be running on it
    Export {
        /// The file to write: a database that the Flask chat opens; it must not exist yet
        #[arg(long, value_name = "OUT")]
        flask: PathBuf,
    },
    /// See who may use the chat, let people in and shut them out; a server may be running
    ///
    /// A running server notices within about a second.
    #[command(subcommand)]
    User(UserCommand),
}

/// What to do about people.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum UserCommand {
    /// List everybody: id, state, sessions, when last seen, name
    List,
    /// Add a person, and print a link with which they set their password, once, within 4 hours
    Add { name: String },
    /// Shut a person out: sessions and sockets end, and no login succeeds
    Disable { name: String },
    /// Let a person in again who was shut out, with the password they had
    Enable { name: String },
    /// Print a link with which a person sets a new password, once, within 4 hours
    ///
    /// Until it is used everything stays as it is; then every session of theirs ends. A new link
    /// replaces the one before.
    ResetPassword { name: String },
    /// End every session of a person, and its sockets
    SignOut { name: String },
}
