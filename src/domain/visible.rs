//! Which characters a reader sees, by their Unicode properties.

use icu_properties::CodePointSetData;
use icu_properties::props::{
    DefaultIgnorableCodePoint, EnumeratedProperty, ExtendedPictographic, GeneralCategory,
    GeneralCategoryGroup,
};

/// Symbols whose picture is empty. No property of Unicode says so: the blank Braille pattern and a
/// musical note without a head.
const BLANK_SYMBOLS: [char; 2] = ['\u{2800}', '\u{1d159}'];

/// Whether a reader sees anything of `text`: a letter, a digit, a sign or a symbol. White space,
/// controls, format characters, fillers, private and unassigned characters do not show, and marks
/// show only together with a character before them.
#[must_use]
pub fn shows(text: &str) -> bool {
    text.chars().any(shows_alone)
}

fn shows_alone(c: char) -> bool {
    // Nearly every text ends here.
    if c.is_ascii_graphic() {
        return true;
    }
    let inked = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Number)
        .union(GeneralCategoryGroup::Punctuation)
        .union(GeneralCategoryGroup::Symbol);
    // Emoji of a later Unicode version than this program's tables are unassigned, but reserved.
    let has_shape = inked.contains(GeneralCategory::for_char(c))
        || CodePointSetData::new::<ExtendedPictographic>().contains(c);
    has_shape && !is_ignorable(c) && !BLANK_SYMBOLS.contains(&c)
}

/// Whether a character has no picture of its own: joiners, variation selectors, fillers, tags.
pub(super) fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character is a mark, which is drawn over or beside the one before it.
pub(super) fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(GeneralCategory::for_char(c))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Characters of every kind that shows nothing by itself.
    const NOTHING: &[char] = &[
        ' ',
        '\n',
        '\t',
        '\0',
        '\u{7f}',
        '\u{85}',
        '\u{a0}',
        '\u{ad}',
        '\u{300}',
        '\u{34f}',
        '\u{20dd}',
        '\u{61c}',
        '\u{93e}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{180e}',
        '\u{2003}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{2028}',
        '\u{2060}',
        '\u{2800}',
        '\u{3000}',
        '\u{3164}',
        '\u{e000}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{ffff}',
        '\u{1d159}',
        '\u{e0041}',
        '\u{e0100}',
        '\u{f0000}',
        '\u{10ffff}',
        '\u{378}',
    ];

    #[test]
    fn emoji_of_any_kind_show() {
        for text in ["☃", "👩‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "🇳🇴", "👍🏽", "🫩", "❤️", "\u{1faef}"]
        {
            assert!(shows(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_text_of_what_does_not_show_shows_nothing(
            text in proptest::collection::vec(proptest::sample::select(NOTHING), 0..40)
        ) {
            let text: String = text.into_iter().collect();
            prop_assert!(!shows(&text), "{}", text.escape_unicode());
        }

        #[test]
        fn one_character_that_shows_is_enough(
            before in proptest::collection::vec(proptest::sample::select(NOTHING), 0..20),
            shown in "[\\pL\\pN\\pP]",
            after in proptest::collection::vec(proptest::sample::select(NOTHING), 0..20),
        ) {
            let c: char = shown.chars().next().unwrap();
            prop_assume!(!is_ignorable(c));
            // The tables of the generator may be newer or older than those of the program.
            prop_assume!(GeneralCategory::for_char(c) != GeneralCategory::Unassigned);
            let text: String = before.into_iter().chain([c]).chain(after).collect();
            prop_assert!(shows(&text), "{}", text.escape_unicode());
        }
    }
}
