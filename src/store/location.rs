//! Where the database is, as `--database` names it: a path, or a URL whose scheme says which kind of
//! database it is.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode;

/// The name by which SQLite means no file. What it holds is gone when the program ends.
const IN_MEMORY: &str = ":memory:";

/// A database of a kind for which there is a store. It prints itself without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseLocation {
    /// A file of SQLite's.
    Sqlite(PathBuf),
}

/// Why a text names no database: one sentence, without the text, for it may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongLocation {
    #[error(
        "visavis keeps its data in SQLite only; give a file, as in messenger.db, or its URL, as in sqlite:///srv/visavis/messenger.db"
    )]
    Scheme,
    #[error(
        "the file of a SQLite URL is on no other host; give one slash less or more: sqlite:messenger.db is a file in the working directory, sqlite:///srv/visavis/messenger.db one anywhere"
    )]
    Host,
    #[error(
        "a SQLite URL with three slashes names a file from the root folder on; give sqlite:messenger.db for a file in the working directory, or sqlite:/messenger.db for one in the root folder"
    )]
    InRoot,
    #[error(
        "a SQLite URL has no parameters; give the file alone, as in sqlite:messenger.db, with %3F for a question mark and %23 for a hash sign in its name"
    )]
    Parameters,
    #[error(
        "a database in memory would be gone when visavis ends; give a file, as in messenger.db"
    )]
    InMemory,
    #[error("give the path of a file, as in messenger.db")]
    Empty,
    #[error("give a path without NUL characters, as in messenger.db")]
    Nul,
}

impl DatabaseLocation {
    /// Reads a path, or a URL. A text is a URL when it begins with `sqlite:`, or with any scheme of two
    /// letters or more and `://`; other paths with a colon are paths.
    ///
    /// `sqlite:FILE` names a file as its path does. With two slashes more the path is absolute:
    /// `sqlite:///srv/messenger.db`, as in sqlx and as URLs have it; with a fourth, as `SQLAlchemy` and
    /// Django's tools spell it, it is the same file. Three slashes and a name alone are refused: in those
    /// tools they mean a file in the working directory. Percent signs are decoded.
    ///
    /// # Errors
    /// A URL of another scheme, or one that names no file.
    pub fn parse(text: &OsStr) -> Result<Self, WrongLocation> {
        let path = match split_scheme(text.as_bytes()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"sqlite") => path_of_url(rest)?,
            Some((_, rest)) if rest.starts_with(b"//") => return Err(WrongLocation::Scheme),
            _ => text.into(),
        };
        if path.is_empty() {
            return Err(WrongLocation::Empty);
        }
        if path.as_bytes().contains(&0) {
            return Err(WrongLocation::Nul);
        }
        if path == IN_MEMORY {
            return Err(WrongLocation::InMemory);
        }
        Ok(Self::Sqlite(path.into()))
    }
}

impl fmt::Display for DatabaseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sqlite(path) = self;
        path.display().fmt(f)
    }
}

/// The scheme and what comes after its colon. One letter is no scheme.
fn split_scheme(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = (&text[..end], &text[end + 1..]);
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let is_scheme = scheme.len() > 1 && scheme[0].is_ascii_alphabetic() && scheme.iter().all(fits);
    is_scheme.then_some((scheme, rest))
}

/// The path in what follows `sqlite:`.
fn path_of_url(rest: &[u8]) -> Result<OsString, WrongLocation> {
    if rest.iter().any(|byte| b"?#".contains(byte)) {
        return Err(WrongLocation::Parameters);
    }
    let path = match rest.strip_prefix(b"//") {
        None => rest,
        Some(b"" | b"/" | b"/:memory:") => return Err(WrongLocation::InMemory),
        Some(path) if path.starts_with(b"//") => &path[1..],
        Some(path) if path.starts_with(b"/") => {
            let is_in_root = Path::new(OsStr::from_bytes(path)).components().count() == 2;
            return if is_in_root { Err(WrongLocation::InRoot) } else { Ok(decoded(path)) };
        }
        Some(_) => return Err(WrongLocation::Host),
    };
    Ok(decoded(path))
}

fn decoded(path: &[u8]) -> OsString {
    OsString::from_vec(percent_decode(path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DatabaseLocation, WrongLocation> {
        DatabaseLocation::parse(OsStr::new(text))
    }

    #[test]
    fn a_path_is_a_path_also_with_colons() {
        for path in [
            "messenger.db",
            "/srv/visavis/messenger.db",
            "./a:b.sqlite",
            "a:b.sqlite",
            "c:/chat.db",
            "c://chat.db",
            "chat:old.db",
            "/srv/chat://old.db",
            "postgres:chat.db",
            "1st://chat.db",
            "sqlite",
            "./sqlite:chat.db",
            "100%25?#.db",
        ] {
            assert_eq!(parse(path), Ok(DatabaseLocation::Sqlite(path.into())), "{path}");
        }
        let odd = OsStr::from_bytes(b"chat\xff:.db");
        assert_eq!(DatabaseLocation::parse(odd), Ok(DatabaseLocation::Sqlite(odd.into())));
    }

    #[test]
    fn a_sqlite_url_names_a_file() {
        for (url, path) in [
            ("sqlite:messenger.db", "messenger.db"),
            ("sqlite:data/messenger.db", "data/messenger.db"),
            ("sqlite:./a:b.db", "./a:b.db"),
            ("sqlite:/messenger.db", "/messenger.db"),
            ("sqlite:///srv/messenger.db", "/srv/messenger.db"),
            ("sqlite:////srv/messenger.db", "/srv/messenger.db"),
            ("sqlite:////messenger.db", "/messenger.db"),
            ("SQLite:///srv/messenger.db", "/srv/messenger.db"),
            ("sqlite:///srv/my%20chat%3F.db", "/srv/my chat?.db"),
            ("sqlite:my chat.db", "my chat.db"),
        ] {
            assert_eq!(parse(url), Ok(DatabaseLocation::Sqlite(path.into())), "{url}");
        }
        let odd = DatabaseLocation::Sqlite(OsStr::from_bytes(b"chat\xff.db").into());
        assert_eq!(parse("sqlite:chat%FF.db"), Ok(odd));
    }

    #[test]
    fn a_url_that_names_no_file_of_ours_is_refused() {
        for (url, reason) in [
            ("postgres://chat:secret@db.example/chat", WrongLocation::Scheme),
            ("postgresql+psycopg2://db.example/chat", WrongLocation::Scheme),
            ("mysql://db.example/chat", WrongLocation::Scheme),
            ("file:///srv/messenger.db", WrongLocation::Scheme),
            ("sqlite+pysqlite:///messenger.db", WrongLocation::Scheme),
            ("sqlite://messenger.db", WrongLocation::Host),
            ("sqlite://localhost/srv/messenger.db", WrongLocation::Host),
            ("sqlite:///messenger.db", WrongLocation::InRoot),
            ("sqlite:messenger.db?mode=rwc", WrongLocation::Parameters),
            ("sqlite:messenger.db#1", WrongLocation::Parameters),
            ("sqlite://", WrongLocation::InMemory),
            ("sqlite:///", WrongLocation::InMemory),
            ("sqlite::memory:", WrongLocation::InMemory),
            ("sqlite:///:memory:", WrongLocation::InMemory),
            (":memory:", WrongLocation::InMemory),
            ("sqlite:", WrongLocation::Empty),
            ("", WrongLocation::Empty),
            ("sqlite:a%00b.db", WrongLocation::Nul),
        ] {
            assert_eq!(parse(url), Err(reason), "{url}");
        }
    }
}
