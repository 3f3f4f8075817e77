//! Writes the fields of an event so that it stays one line, whatever its texts hold: they may quote what
//! a visitor sent, and a line break in it would let the visitor write lines of the log.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// The sentence first, then `name=value` for each field, with every control character escaped.
#[derive(Debug, Clone, Copy)]
pub struct OneLine;

impl<'writer> FormatFields<'writer> for OneLine {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { escaped: Escaped(writer), is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'writer> {
    escaped: Escaped<Writer<'writer>>,
    is_first: bool,
    result: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.escaped.write_char(' ')?;
        }
        if field.name() != "message" {
            write!(self.escaped, "{}=", field.name())?;
        }
        write!(self.escaped, "{value:?}")
    }
}

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // What the older logging crate says of a line has been written before the sentence.
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.write(field, value);
        }
    }
}

struct Escaped<W>(W);

impl<W: Write> Write for Escaped<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, found)) = rest.char_indices().find(|(_, c)| breaks_a_line(*c)) {
            write!(self.0, "{}{}", &rest[..at], found.escape_default())?;
            rest = &rest[at + found.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

/// Terminals act on control characters, readers of lines on the separators, and whatever shows text on
/// what turns its direction.
fn breaks_a_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_everything_else_stays() {
        let mut escaped = Escaped(String::new());
        let text = "ä \"quoted\" C:\\x\r\nINFO a lie\u{1b}[2J\t\u{85}\u{2028}\u{2029}\u{202e}end\n";
        escaped.write_str(text).unwrap();
        let expected = "ä \"quoted\" C:\\x\\r\\nINFO a lie\\u{1b}[2J\\t\\u{85}\\u{2028}\\u{2029}\\u{202e}end\\n";
        assert_eq!(escaped.0, expected);
    }
}
