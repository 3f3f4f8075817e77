//! How values become text: as Python prints them, escaped as Python's `markupsafe` escapes.

use std::borrow::Cow;

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Error, Output, State, Value};

/// Writes what stands between `{{` and `}}`.
pub fn write(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let text = text(value);
    if value.is_safe() || *state.auto_escape() == AutoEscape::None {
        out.write_str(&text)?;
    } else {
        out.write_str(&escaped(&text))?;
    }
    Ok(())
}

/// The filters `e` and `escape`: escaped whatever the template's name is, but never twice.
pub fn escape(value: &Value) -> Value {
    if value.is_safe() { value.clone() } else { force_escape(value) }
}

/// The filter `forceescape`: escaped even if it is markup.
pub fn force_escape(value: &Value) -> Value {
    Value::from_safe_string(escaped(&text(value)).into_owned())
}

/// The value as Python's `str` gives it.
pub fn text(value: &Value) -> Cow<'_, str> {
    if value.kind() == ValueKind::Bytes {
        return Cow::Owned(format!("{value:?}"));
    }
    if let Some(text) = value.as_str() {
        return Cow::Borrowed(text);
    }
    match float(value) {
        Some(number) => Cow::Owned(float_text(number)),
        None => Cow::Owned(value.to_string()),
    }
}

/// The number, where the value is one with a fraction.
pub fn float(value: &Value) -> Option<f64> {
    let is_float = value.kind() == ValueKind::Number && !value.is_integer();
    if is_float { f64::try_from(value.clone()).ok() } else { None }
}

/// A number as Python's `repr` gives it: with an exponent where it is very large or very small.
pub fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    let scientific = format!("{number:e}");
    let exponent = scientific.split_once('e').and_then(|(digits, exponent)| {
        let exponent: i32 = exponent.parse().ok()?;
        (!(-4..16).contains(&exponent)).then_some((digits, exponent))
    });
    match exponent {
        Some((digits, exponent)) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        None if number.fract() == 0.0 => format!("{number:.1}"),
        None => number.to_string(),
    }
}

/// The five characters that mean something in HTML, as Python's `markupsafe` writes them.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let special = |character| matches!(character, '&' | '<' | '>' | '\'' | '"');
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&#39;"),
            '"' => escaped.push_str("&#34;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}
