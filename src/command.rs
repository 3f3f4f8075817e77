//! The subcommands: what the program can do instead of serving. Their comments are what `--help`
//! says.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use clap::builder::StringValueParser;

use crate::config::{FilePath, InUtf8};

/// How long a link may be good at most.
const LIFE_MAX: Duration = Duration::from_hours(365 * 24);

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
        #[arg(value_parser = FilePath("messenger.db"))]
        flask_db: PathBuf,
        /// Only say what an import would take and put right; nothing is written
        #[arg(long)]
        check: bool,
    },
    /// Copy the database (--database) into a new file; a server may be running on it
    ///
    /// The copy is of one moment, complete and checked before it has its name. To restore it, stop
    /// the server, remove the database with its -wal and -shm files, and put the copy in its place.
    /// Do not copy over the old file: a server that is still running would write into it.
    Backup {
        /// The file to write; it must not exist yet
        #[arg(value_parser = FilePath("chat-backup.db"))]
        file: PathBuf,
    },
    /// Write the database (--database) as another program reads it; a server may be running on it
    Export {
        /// The file to write: a database that the Flask chat opens; it must not exist yet
        #[arg(long, value_name = "OUT", value_parser = FilePath("back.db"))]
        flask: PathBuf,
    },
    /// See who may use the chat, let people in and shut them out; a server may be running
    ///
    /// A running server notices within about a second.
    #[command(subcommand)]
    User(UserCommand),
    /// Print a link with which one person may register, once, where --registration is invite
    Invite {
        /// How long the link is good, as in 12h or 7d; at most 365d
        #[arg(long, default_value = "7d", value_name = "TIME", value_parser = InUtf8(parse_life))]
        valid_for: Duration,
        /// Make the database if there is none
        #[arg(long)]
        create: bool,
    },
}

/// Takes a person's name as it is.
fn name() -> InUtf8<StringValueParser> {
    InUtf8(StringValueParser::new())
}

/// A time such as `7d`.
fn parse_life(text: &str) -> Result<Duration, String> {
    let wrong = || "give a number and h or d, as in 12h or 7d; at most 365d".to_owned();
    let (count, hours) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(count), _) => (count, 1),
        (_, Some(count)) => (count, 24),
        (None, None) => return Err(wrong()),
    };
    let count: u16 = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    let life = Duration::from_hours(u64::from(count) * hours);
    if life <= LIFE_MAX { Ok(life) } else { Err(wrong()) }
}

/// What to do about people.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum UserCommand {
    /// List everybody: id, state, sessions, when last seen, name
    List,
    /// Add a person, and print a link with which they set their password, once, within 4 hours
    Add {
        /// The new person's name
        #[arg(value_parser = name())]
        name: String,
        /// Make the database if there is none
        #[arg(long)]
        create: bool,
    },
    /// Shut a person out: sessions and sockets end, and no login succeeds
    Disable {
        /// The person's name
        #[arg(value_parser = name())]
        name: String,
    },
    /// Let a person in again who was shut out, with the password they had
    Enable {
        /// The person's name
        #[arg(value_parser = name())]
        name: String,
    },
    /// Print a link with which a person sets a new password, once, within 4 hours
    ///
    /// Until it is used everything stays as it is; then every session of theirs ends. A new link
    /// replaces the one before.
    ResetPassword {
        /// The person's name
        #[arg(value_parser = name())]
        name: String,
    },
    /// End every session of a person, and its sockets
    SignOut {
        /// The person's name
        #[arg(value_parser = name())]
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_a_number_of_hours_or_days_up_to_a_year() {
        assert_eq!(parse_life("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(parse_life("7d"), Ok(Duration::from_hours(7 * 24)));
        assert_eq!(parse_life("365d"), Ok(LIFE_MAX));
        for wrong in ["", "7", "d", "0d", "-1d", "1.5d", "366d", "8761h", "7 d", "7D", "99999999d"]
        {
            assert!(parse_life(wrong).is_err(), "{wrong}");
        }
    }
}
