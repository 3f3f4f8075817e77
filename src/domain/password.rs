//! Passwords: which a new one may be, and in which form they are hashed.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::Rules;

use super::Error;

/// What is guessed first: a few thousand passwords of at least 8 characters, in small letters. The
/// first line says where they are from.
static COMMON_PASSWORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().skip(1).collect());

/// A password that a user may take: at least 8 characters, at most 72 bytes (the most that bcrypt
/// looks at), and none of the commonest. Existing users keep theirs,
/// whatever it is. It has no `Display` and its `Debug` hides it, so that it cannot be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword(String);

impl NewPassword {
    pub const CHARS_MIN: usize = 8;
    pub const BYTES_MAX: usize = 72;

    /// Takes `text` without trimming, in the form of [`TypedPassword::opaque`].
    ///
    /// # Errors
    /// `Invalid`, with a sentence that names the limit and the length, never the password; or says
    /// that it is a common one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = opaque(text);
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            let code = u32::from(control);
            let sentence =
                format!("password contains a control character (U+{code:04X}); leave it out");
            return Err(Error::Invalid(sentence));
        }
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
        Ok(Self(text))
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

/// A password as somebody typed it to log in. It has no `Display` and its `Debug` hides it, so that
/// it cannot be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedPassword {
    typed: String,
    opaque: String,
}

impl TypedPassword {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { opaque: opaque(&text), typed: text }
    }

    /// The form of which hashes are made: that of the profile `OpaqueString` of RFC 8265.
    #[must_use]
    pub fn opaque(&self) -> &str {
        &self.opaque
    }

    /// The text as it came, where that is another one: old hashes may be of it.
    #[must_use]
    pub fn as_typed(&self) -> Option<&str> {
        (self.typed != self.opaque).then_some(self.typed.as_str())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.typed.is_empty()
    }
}

impl fmt::Debug for TypedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedPassword(…)")
    }
}

/// The mappings of the profile `OpaqueString`: every space is the ASCII one, and characters are
/// composed (NFC), so that a password is the same from every keyboard. A text that the profile
/// refuses, as it does emoji with joiners and those of later Unicode versions, is mapped all the same.
fn opaque(text: &str) -> String {
    let profile = OpaqueString::new();
    let mapped = profile.additional_mapping_rule(text);
    let composed = mapped.and_then(|mapped| profile.normalization_rule(mapped));
    composed.map_or_else(|_| text.to_owned(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_password_is_the_same_in_every_normal_form_and_with_every_space() {
        let stored = NewPassword::parse("Zo\u{eb} is here").unwrap();
        let typed = TypedPassword::new("Zoe\u{308}\u{a0}is\u{3000}here".into());
        assert_eq!(typed.opaque(), stored.as_str());
        assert_eq!(typed.as_typed(), Some("Zoe\u{308}\u{a0}is\u{3000}here"));
        assert_eq!(TypedPassword::new("plain".into()).as_typed(), None);
        // Case, width and compatibility count.
        assert_ne!(opaque("ａ"), opaque("a"));
        assert_eq!(opaque("👩‍👩‍👧 \u{1faef}"), "👩‍👩‍👧 \u{1faef}");
    }

    #[test]
    fn a_new_password_has_no_control_characters() {
        let error = NewPassword::parse("correct\u{7}horse").unwrap_err().to_string();
        assert_eq!(error, "password contains a control character (U+0007); leave it out");
    }
}
