//! People: their ids, names, and what a new name or password must look like.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Error;

/// The id of a user, as it stands in the database and on the wire: a positive number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A user as other people see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    pub id: UserId,
    pub username: String,
}

/// A name that a new user may take. Existing users keep theirs, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// The most characters that a new name may have.
    pub const CHARS_MAX: usize = 64;

    /// Trims `text` and takes it when it has 1 to 64 printable characters.
    ///
    /// # Errors
    /// `Invalid`, with a sentence that says what is wrong with the name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let name = text.trim();
        let chars = name.chars().count();
        if name.is_empty() {
            return Err(Error::Invalid("Please provide a username".into()));
        }
        if chars > Self::CHARS_MAX {
            return Err(Error::Invalid(format!(
                "username is longer than {} characters (it has {chars})",
                Self::CHARS_MAX
            )));
        }
        if let Some(bad) = name.chars().find(|c| !is_printable(*c)) {
            return Err(Error::Invalid(format!(
                "username contains a character that cannot be printed ({})",
                bad.escape_unicode()
            )));
        }
        Ok(Self(name.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character shows in a line of text. Control characters, line breaks and the marks
/// that turn the direction of the text around do not: with them one name could pose as another.
#[must_use]
pub fn is_printable(c: char) -> bool {
    let turns_direction =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks_line = matches!(c, '\u{2028}' | '\u{2029}');
    !c.is_control() && !turns_direction && !breaks_line
}

/// What is guessed first: a few thousand passwords of at least 8 characters, in small letters. The
/// first line says where they are from.
static COMMON_PASSWORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().skip(1).collect());

/// A password that a user may take: at least 8 characters, at most 72 bytes (the most that bcrypt
/// looks at), and none of the commonest. Existing users keep theirs, whatever it is. It has no `Display` and its `Debug` hides it, so that it cannot be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword(String);

impl NewPassword {
    pub const CHARS_MIN: usize = 8;
    pub const BYTES_MAX: usize = 72;

    /// Takes `text` as it is, without trimming.
    ///
    /// # Errors
    /// `Invalid`, with a sentence that names the limit and the length, never the password; or says
    /// that it is a common one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (chars, bytes) = (text.chars().count(), text.len());
        if chars < Self::CHARS_MIN {
            return Err(Error::Invalid(format!(
                "password is shorter than {} characters (it has {chars})",
                Self::CHARS_MIN
            )));
        }
        if bytes > Self::BYTES_MAX {
            return Err(Error::Invalid(format!(
                "password is longer than {} bytes (it has {bytes})",
                Self::BYTES_MAX
            )));
        }
        if COMMON_PASSWORDS.contains(text.to_lowercase().as_str()) {
            return Err(Error::Invalid(
                "password is one of the commonest there are; choose one that nobody would guess"
                    .into(),
            ));
        }
        Ok(Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_may_have_any_printable_characters() {
        let name = Username::parse("  o'brien <b> ☃ 👩‍👩‍👧 ").unwrap();
        assert_eq!(name.as_str(), "o'brien <b> ☃ 👩‍👩‍👧");
    }

    #[test]
    fn a_name_has_1_to_64_characters() {
        assert!(Username::parse(&"ä".repeat(64)).is_ok());
        let error = Username::parse(&"ä".repeat(65)).unwrap_err().to_string();
        assert_eq!(error, "username is longer than 64 characters (it has 65)");
        assert!(Username::parse(" \t ").is_err());
    }

    #[test]
    fn a_name_cannot_contain_control_or_direction_characters() {
        for bad in ["a\0b", "a\nb", "a\u{202e}b", "a\u{2028}b", "a\u{7f}b"] {
            assert!(Username::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_password_that_everybody_has_is_refused_in_any_letters() {
        for common in ["QwertyUiop", "12345678", "iloveyou", "trustno1"] {
            let error = NewPassword::parse(common).unwrap_err().to_string();
            assert!(error.contains("one of the commonest"), "{common}: {error}");
            assert!(!error.contains(common), "{error}");
        }
        for rare in ["password of ann", "qwertyuiop with a tail", "correct horse battery"] {
            assert!(NewPassword::parse(rare).is_ok(), "{rare}");
        }
    }

    #[test]
    fn the_common_passwords_are_thousands_that_could_be_taken_otherwise() {
        assert!(COMMON_PASSWORDS.len() > 5000, "{}", COMMON_PASSWORDS.len());
        for common in COMMON_PASSWORDS.iter() {
            assert!(common.chars().count() >= NewPassword::CHARS_MIN, "{common}");
            assert_eq!(common.to_lowercase(), **common);
        }
    }

    #[test]
    fn a_password_is_counted_in_characters_below_and_in_bytes_above() {
        assert!(NewPassword::parse("пароль12").is_ok());
        assert!(NewPassword::parse("пароль1").is_err());
        assert!(NewPassword::parse(&"x".repeat(72)).is_ok());
        let error = NewPassword::parse(&"ж".repeat(37)).unwrap_err().to_string();
        assert_eq!(error, "password is longer than 72 bytes (it has 74)");
    }
}
