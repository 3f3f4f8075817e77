//! Names: which a new user may take, and when two names are the same or look the same.

use icu_casemap::CaseMapper;
use icu_properties::props::{EnumeratedProperty, GeneralCategory, GeneralCategoryGroup};
use precis_profiles::UsernameCasePreserved;
use precis_profiles::precis_core::profile::Rules;
use precis_profiles::precis_core::{
    self, CodepointInfo, DerivedPropertyValue, IdentifierClass, StringClass, UnexpectedError,
};
use unicode_normalization::UnicodeNormalization;
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_segmentation::UnicodeSegmentation;

use super::Error;
use super::visible::{is_ignorable, is_mark};

/// A name that a new user may take, in the form in which it is stored and shown. Existing users
/// keep theirs, whatever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    name: String,
    key: NameKey,
}

impl Username {
    /// The most characters that a new name may have.
    pub const CHARS_MAX: usize = 64;

    /// Takes a name of 1 to 64 characters. It consists of words separated by single spaces. Each
    /// word follows the profile `UsernameCasePreserved` of RFC 8265, except that it may contain
    /// emoji, and is written in one script (which may be mixed with Latin letters, except for
    /// Cyrillic and Greek, whose letters look like Latin ones).
    ///
    /// # Errors
    /// `Invalid`, with a sentence that says what is wrong with the name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let words: Vec<String> =
            words(text).map(word).collect::<Result<_, _>>().map_err(Error::Invalid)?;
        let name = words.join(" ");
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
        let key = NameKey::of(&name);
        Ok(Self { name, key })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// By which the store finds users with the same name.
    #[must_use]
    pub fn key(&self) -> &NameKey {
        &self.key
    }
}

/// What the store compares names by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameKey {
    /// Equal for two names that differ only in case, normal form, width, blanks and characters that
    /// do not show.
    pub folded: String,
    /// Equal for two names that look alike: the skeleton of UTS 39, folded.
    pub skeleton: String,
}

impl NameKey {
    /// The key of any name, also of one that no new user may take.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let name = single_spaced(name);
        let skeleton: String = unicode_security::skeleton(&widths_mapped(&name)).collect();
        Self { folded: folded(&name), skeleton: folded(&skeleton) }
    }
}

/// A name as somebody typed it to log in or to name a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedName {
    typed: String,
    folded: String,
}

impl TypedName {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { typed: text.to_owned(), folded: folded(&single_spaced(text)) }
    }

    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// [`NameKey::folded`] of the name.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Which of several users is meant whose names have this folded form: the one whose name was
    /// typed exactly, then the one whose name differs in the case of ASCII letters only, then the
    /// only one. Old names may share a folded form.
    pub fn choose<T>(&self, mut candidates: Vec<T>, name: impl Fn(&T) -> &str) -> Option<T> {
        let typed = [self.typed.as_str(), self.typed.trim()];
        let exact = typed
            .iter()
            .find_map(|typed| candidates.iter().position(|candidate| name(candidate) == *typed));
        let same_but_case = || {
            typed.iter().find_map(|typed| {
                candidates.iter().position(|one| name(one).eq_ignore_ascii_case(typed))
            })
        };
        let only = || (candidates.len() == 1).then_some(0);
        let place = exact.or_else(same_but_case).or_else(only)?;
        Some(candidates.swap_remove(place))
    }
}

/// The beginning of a name, as somebody typed it to find people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePrefix(String);

impl NamePrefix {
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut prefix = single_spaced(text);
        if text.ends_with(char::is_whitespace) && !prefix.is_empty() {
            prefix.push(' ');
        }
        Self(folded(&prefix))
    }

    /// With what the folded form of a name begins.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.0
    }
}

/// What stands between spaces of any width; a line break within a name is no space.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_space = |c| GeneralCategory::for_char(c) == GeneralCategory::SpaceSeparator;
    text.trim().split(is_space).filter(|word| !word.is_empty())
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn widths_mapped(text: &str) -> String {
    let mapped = UsernameCasePreserved::new().width_mapping_rule(text);
    mapped.map_or_else(|_| text.to_owned(), String::from)
}

/// Canonical caseless matching (Unicode, D145) after mapping widths and dropping what does not show.
fn folded(text: &str) -> String {
    let shown: String = widths_mapped(text).nfd().filter(|c| !is_ignorable(*c)).collect();
    CaseMapper::new().fold_string(&shown).nfc().collect()
}

/// A word of a new name, as it is stored. Errors: what is wrong with it, in a sentence.
fn word(text: &str) -> Result<String, String> {
    let word: String = widths_mapped(text).nfc().collect();
    let letters: String = word.graphemes(true).filter(|cluster| !is_emoji(cluster)).collect();
    let known: String = letters.chars().map(stand_in).collect();
    IdentifierClass::default().allows(&known).map_err(|error| explain(&error, &letters))?;
    if let Some(mark) = letters.chars().next().filter(|c| is_mark(*c)) {
        return Err(format!(
            "username has a mark without a letter before it (U+{:04X}); put it after a letter",
            u32::from(mark)
        ));
    }
    if UsernameCasePreserved::new().directionality_rule(letters.as_str()).is_err() {
        return Err("username mixes the directions of writing in one word; separate them".into());
    }
    if mixes_scripts(&letters) {
        return Err("username mixes letters of several scripts in one word, which may look like \
                    another name; write each word in one script"
            .into());
    }
    Ok(word)
}

fn is_emoji(cluster: &str) -> bool {
    !cluster.is_ascii() && emojis::get(cluster).is_some()
}

/// PRECIS was registered for Unicode 6.3, whose tables the library has: a letter that came later
/// is judged as an old letter is.
fn stand_in(c: char) -> char {
    let unknown =
        IdentifierClass::default().get_value_from_char(c) == DerivedPropertyValue::Unassigned;
    if unknown && is_later_letter(c) { 'a' } else { c }
}

/// Rule `LetterDigits` of RFC 8264, less what the rules before it take out.
fn is_later_letter(c: char) -> bool {
    let category = GeneralCategory::for_char(c);
    let letters = GeneralCategoryGroup::CasedLetter
        .union(GeneralCategoryGroup::OtherLetter)
        .union(GeneralCategoryGroup::ModifierLetter)
        .union(GeneralCategoryGroup::DecimalNumber)
        .union(GeneralCategoryGroup::NonspacingMark)
        .union(GeneralCategoryGroup::SpacingMark);
    let compatible = std::iter::once(c).nfkc().eq([c]);
    letters.contains(category) && compatible && !is_ignorable(c)
}

fn mixes_scripts(letters: &str) -> bool {
    if !AugmentedScriptSet::for_str(letters).is_empty() {
        return false;
    }
    // Latin beside one other script is usual in names; beside these two it deceives.
    let others: String = letters.chars().filter(|c| !is_of(*c, 'a')).collect();
    let mut rest = others.chars().filter(|c| !AugmentedScriptSet::for_char(*c).is_all());
    AugmentedScriptSet::for_str(&others).is_empty()
        || rest.any(|c| is_of(c, '\u{430}') || is_of(c, '\u{3b1}'))
}

/// Whether `c` is of the script of `sample` and not of all scripts.
fn is_of(c: char, sample: char) -> bool {
    let mut scripts = AugmentedScriptSet::for_char(c);
    let all = scripts.is_all();
    scripts.intersect_with(AugmentedScriptSet::for_char(sample));
    !all && !scripts.is_empty()
}

fn explain(error: &precis_core::Error, letters: &str) -> String {
    let (precis_core::Error::BadCodepoint(CodepointInfo { cp, position, .. })
    | precis_core::Error::Unexpected(
        UnexpectedError::ContextRuleNotApplicable(CodepointInfo { cp, position, .. })
        | UnexpectedError::MissingContextRule(CodepointInfo { cp, position, .. }),
    )) = error
    else {
        return "username contains a character where names cannot have it; leave it out".into();
    };
    let shown = letters.chars().nth(*position).filter(|c| super::shows(&c.to_string()));
    let shown = shown.map_or_else(String::new, |c| format!("{c}, "));
    format!(
        "username contains a character that names cannot have ({shown}U+{cp:04X}); leave it out"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> String {
        Username::parse(name).expect_err(&name.escape_unicode().to_string()).to_string()
    }

    fn skeleton(name: &str) -> String {
        NameKey::of(name).skeleton
    }

    #[test]
    fn a_name_is_trimmed_and_may_have_spaces_signs_and_emoji() {
        let name = Username::parse("  o'brien  <b>\u{a0}☃ 👩‍👩‍👧 ").unwrap();
        assert_eq!(name.as_str(), "o'brien <b> ☃ 👩‍👩‍👧");
        for taken in [
            "ann",
            "Zoë",
            "Ärger",
            "Борис",
            "지민",
            "محمد",
            "نیم‌فاصله",
            "李小龍",
            "ｍａｘ",
            "क्षेत्र",
            "a.b@c",
            "ann❤️",
            "1️⃣",
            "\u{1e900}\u{1e922}",
            "ア太郎",
            "日本taro",
            "Анна work",
        ] {
            assert!(Username::parse(taken).is_ok(), "{taken}: {:?}", Username::parse(taken));
        }
        assert_eq!(Username::parse("Ｚｏe\u{308}").unwrap().as_str(), "Zo\u{eb}");
    }

    #[test]
    fn a_name_has_1_to_64_characters() {
        assert!(Username::parse(&"ä".repeat(64)).is_ok());
        assert_eq!(refusal(&"ä".repeat(65)), "username is longer than 64 characters (it has 65)");
        assert_eq!(refusal(" \t "), "Please provide a username");
    }

    #[test]
    fn a_name_cannot_contain_what_does_not_show_or_turns_the_text_around() {
        for bad in [
            "a\0b",
            "a\nb",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{7f}b",
            "car\u{200b}la",
            "car\u{ad}la",
            "carla\u{2060}",
            "\u{feff}carla",
            "carla\u{61c}",
            "carla\u{3164}",
            "carla\u{fe0f}",
            "carla\u{34f}",
            "carla\u{e0041}",
            "\u{200b}",
            "\u{3164}",
            "\u{2800}",
            "\u{17b4}",
            "\u{e0020}",
            "\u{301}a",
            "a \u{301}",
            "a\u{200d}b",
            "\u{e000}",
            "\u{378}",
            "½",
            "ﬁ",
        ] {
            let refusal = refusal(bad);
            assert!(refusal.contains("U+"), "{refusal}");
        }
        assert_eq!(
            refusal("car\u{200b}la"),
            "username contains a character that names cannot have (U+200B); leave it out"
        );
        assert_eq!(
            refusal("1½"),
            "username contains a character that names cannot have (½, U+00BD); leave it out"
        );
    }

    #[test]
    fn a_word_of_a_name_is_written_in_one_script_and_direction() {
        for bad in ["p\u{430}ul", "\u{3b1}nn", "Борisа", "日本Борис"] {
            assert!(refusal(bad).contains("several scripts"), "{bad}");
        }
        assert!(refusal("a\u{5d0}").contains("directions"), "{}", refusal("a\u{5d0}"));
    }

    #[test]
    fn names_that_differ_in_case_normal_form_or_width_are_the_same() {
        for (one, other) in [
            ("Änne", "änne"),
            ("Борис", "борис"),
            ("Zo\u{eb}", "Zoe\u{308}"),
            ("STRASSE", "straße"),
            ("\u{c9c0}\u{bbfc}", "\u{110c}\u{1175}\u{1106}\u{1175}\u{11ab}"),
            ("ａｎｎ", "Ann"),
            ("ann  b", " Ann B "),
            ("☃", "☃\u{fe0f}"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ] {
            assert_eq!(TypedName::new(one).folded(), TypedName::new(other).folded(), "{one}");
            assert_eq!(NameKey::of(one).folded, NameKey::of(other).folded, "{one}");
        }
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("paul", "p\u{430}ul"),
            ("Ian", "lan"),
            ("ann0", "annO"),
            ("carla", "car\u{200b}la"),
            ("BOB", "\u{412}\u{41e}\u{412}"),
            ("bob", "\u{412}\u{41e}\u{412}"),
            ("سلام", "سل‌ام"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        assert_ne!(skeleton("ann"), skeleton("anna"));
    }

    #[test]
    fn a_typed_name_means_the_exact_one_before_the_only_one() {
        let meant = |typed: &str, names: &[&'static str]| {
            TypedName::new(typed).choose(names.to_vec(), |name| name)
        };
        assert_eq!(meant("Änne", &["änne", "Änne"]), Some("Änne"));
        assert_eq!(meant("A\u{308}nne", &["änne", "Änne"]), None);
        assert_eq!(meant("ÄNNE", &["änne"]), Some("änne"));
        assert_eq!(meant(" ann", &["ann", " Ann"]), Some("ann"));
        assert_eq!(meant(" ann", &[" ann", "ann"]), Some(" ann"));
        assert_eq!(meant("ANN", &["Ann", "ａｎｎ"]), Some("Ann"));
        assert_eq!(meant("ann", &[]), None);
    }

    #[test]
    fn a_blank_at_the_end_of_a_prefix_is_kept() {
        assert_eq!(NamePrefix::new(" Ann ").folded(), "ann ");
        assert_eq!(NamePrefix::new(" ").folded(), "");
    }
}
