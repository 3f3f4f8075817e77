//! The filter `tojson` as Flask has it: sorted keys, ASCII only, safe inside a `<script>` and an
//! attribute in single quotes.

use std::fmt::Write;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

use super::escape::{float, float_text, text};
use super::pay;

pub fn tojson(state: &State, value: &Value, indent: Option<usize>) -> Result<Value, Error> {
    let mut json = String::new();
    write(state, &mut json, value, indent, 0)?;
    Ok(Value::from_safe_string(json))
}

fn write(
    state: &State,
    json: &mut String,
    value: &Value,
    indent: Option<usize>,
    depth: usize,
) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => json.push_str("null"),
        ValueKind::Bool => json.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => match float(value) {
            Some(number) => json.push_str(&json_float(number)),
            None => json.push_str(&value.to_string()),
        },
        ValueKind::String => write_text(json, &text(value)),
        ValueKind::Seq | ValueKind::Iterable => {
            let values: Vec<Value> = value.try_iter()?.collect();
            let mut values = values.iter();
            write_all(state, json, ['[', ']'], values.len(), indent, depth, |json| {
                values.next().map_or(Ok(()), |value| write(state, json, value, indent, depth + 1))
            })?;
        }
        ValueKind::Map => {
            let mut pairs = Vec::new();
            for key in value.try_iter()? {
                pairs.push((key_text(&key), value.get_item(&key)?));
            }
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
            let mut pairs = pairs.iter();
            write_all(state, json, ['{', '}'], pairs.len(), indent, depth, |json| {
                pairs.next().map_or(Ok(()), |(key, value)| {
                    write_text(json, key);
                    json.push_str(": ");
                    write(state, json, value, indent, depth + 1)
                })
            })?;
        }
        kind => {
            let reason = format!("an {kind} value cannot be written as JSON");
            return Err(Error::new(ErrorKind::BadSerialization, reason));
        }
    }
    Ok(())
}

/// Writes `count` things between brackets; `each` writes the next of them.
fn write_all(
    state: &State,
    json: &mut String,
    [open, close]: [char; 2],
    count: usize,
    indent: Option<usize>,
    depth: usize,
    mut each: impl FnMut(&mut String) -> Result<(), Error>,
) -> Result<(), Error> {
    let indention = indent.unwrap_or(0).saturating_mul(depth + 1);
    pay(state, indention.saturating_mul(count + 1))?;
    let line = |json: &mut String, depth: usize| {
        if let Some(indent) = indent {
            json.push('\n');
            json.push_str(&" ".repeat(indent * depth));
        }
    };
    json.push(open);
    for place in 0..count {
        if place > 0 {
            json.push_str(if indent.is_some() { "," } else { ", " });
        }
        line(json, depth + 1);
        each(json)?;
    }
    if count > 0 {
        line(json, depth);
    }
    json.push(close);
    Ok(())
}

fn key_text(key: &Value) -> String {
    match key.kind() {
        ValueKind::None => "null".into(),
        ValueKind::Bool => if key.is_true() { "true" } else { "false" }.into(),
        _ => text(key).into_owned(),
    }
}

fn json_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    float_text(number)
}

fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '<' | '>' | '&' | '\'' | '\0'..='\u{1f}' | '\u{7f}'.. if character != '\u{7f}' => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    _ = write!(json, "\\u{unit:04x}");
                }
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
}
