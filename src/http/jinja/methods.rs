//! Python's methods of strings, lists and dicts: those of `minijinja-contrib`, and the few that it
//! lacks. Methods that change a list or a dict are not there: values do not change.

use minijinja::value::{Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::pay;
use super::python::given;

pub fn call(
    state: &mut State,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let known = match value.as_str() {
        _ if value.kind() == ValueKind::Bytes => of_bytes(value, method, args)?,
        Some(string) => of_string(state, string, method, args)?,
        None => of_collection(value, method, args)?,
    };
    let result = match known {
        Some(result) => result,
        None => unknown_method_callback(state, value, method, args)?,
    };
    // What is made of markup is markup, as in Jinja2.
    match result.as_str() {
        Some(string) if value.is_safe() && stays_markup(method) => {
            Ok(Value::from_safe_string(string.to_owned()))
        }
        _ => Ok(result),
    }
}

fn stays_markup(method: &str) -> bool {
    matches!(
        method,
        "upper"
            | "lower"
            | "title"
            | "capitalize"
            | "swapcase"
            | "strip"
            | "lstrip"
            | "rstrip"
            | "center"
            | "ljust"
            | "rjust"
            | "zfill"
            | "removeprefix"
            | "removesuffix"
    )
}

fn of_string(
    state: &State,
    string: &str,
    method: &str,
    args: &[Value],
) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "center" | "ljust" | "rjust" => {
            let (width, fill): (usize, Option<char>) = from_args(args)?;
            Value::from(padded(state, string, method, width, fill.unwrap_or(' '))?)
        }
        "zfill" => {
            let (width,): (usize,) = from_args(args)?;
            pay(state, width)?;
            let (sign, digits) = match string.strip_prefix(['-', '+']) {
                Some(digits) => (&string[..1], digits),
                None => ("", string),
            };
            let padding = width.saturating_sub(string.chars().count());
            Value::from(format!("{sign}{}{digits}", "0".repeat(padding)))
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(string.strip_prefix(prefix).unwrap_or(string))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(string.strip_suffix(suffix).unwrap_or(string))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            let (before, after) = string.split_once(separator).unzip();
            parts(before.unwrap_or(string), before.map(|_| separator), after)
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            let (before, after) = string.rsplit_once(separator).unzip();
            parts(before.unwrap_or(""), before.map(|_| separator), after.or(Some(string)))
        }
        "rsplit" => {
            let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
            let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
            Value::from(split_from_right(string, separator, most))
        }
        "swapcase" => {
            let () = from_args(args)?;
            let swapped = string.chars().flat_map(|character| -> Vec<char> {
                if character.is_uppercase() {
                    character.to_lowercase().collect()
                } else {
                    character.to_uppercase().collect()
                }
            });
            Value::from(swapped.collect::<String>())
        }
        "istitle" => {
            let () = from_args(args)?;
            Value::from(is_title(string))
        }
        "casefold" => {
            let () = from_args(args)?;
            Value::from(string.to_lowercase())
        }
        "index" => {
            let (part,): (&str,) = from_args(args)?;
            let place = string.find(part).ok_or_else(|| missing("substring not found"))?;
            Value::from(string[..place].chars().count())
        }
        _ => return Ok(None),
    }))
}

fn of_bytes(value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    if method != "decode" {
        return Ok(None);
    }
    let [_, _] = given(args, ["encoding", "errors"])?;
    let bytes = value.as_bytes().unwrap_or_default();
    Ok(Some(Value::from(String::from_utf8_lossy(bytes).into_owned())))
}

fn of_collection(value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match (value.kind(), method) {
        (ValueKind::Seq, "index") => {
            let (wanted,): (&Value,) = from_args(args)?;
            let place = value.try_iter()?.position(|item| item == *wanted);
            Value::from(place.ok_or_else(|| missing("the value is not in the list"))?)
        }
        (ValueKind::Seq | ValueKind::Map, "copy") => {
            let () = from_args(args)?;
            value.clone()
        }
        (
            ValueKind::Seq,
            "append" | "extend" | "insert" | "pop" | "remove" | "sort" | "reverse",
        )
        | (
            ValueKind::Map,
            "update" | "pop" | "popitem" | "setdefault" | "clear" | "add" | "setlist" | "poplist",
        ) => {
            let reason = format!("values cannot be changed here, so there is no .{method}()");
            return Err(Error::new(ErrorKind::UnknownMethod, reason));
        }
        _ => return Ok(None),
    }))
}

/// Whether each capital letter begins a word, and each word begins with one.
fn is_title(string: &str) -> bool {
    let mut inside = false;
    let mut any = false;
    for character in string.chars() {
        if character.is_uppercase() == inside
            && (character.is_uppercase() || character.is_lowercase())
        {
            return false;
        }
        inside = character.is_uppercase() || character.is_lowercase();
        any |= inside;
    }
    any
}

pub fn padded(
    state: &State,
    string: &str,
    method: &str,
    width: usize,
    fill: char,
) -> Result<String, Error> {
    pay(state, width.saturating_mul(fill.len_utf8()))?;
    let padding = width.saturating_sub(string.chars().count());
    let left = match method {
        "ljust" => 0,
        "rjust" => padding,
        // Python puts the odd one left if the width is odd, else right.
        _ => padding / 2 + (padding & width & 1),
    };
    let fill_with = |count| std::iter::repeat_n(fill, count);
    Ok(fill_with(left).chain(string.chars()).chain(fill_with(padding - left)).collect())
}

fn parts(before: &str, separator: Option<&str>, after: Option<&str>) -> Value {
    let parts = [before, separator.unwrap_or(""), after.unwrap_or("")];
    Value::from(Tuple::from(parts.map(Value::from)))
}

fn split_from_right(string: &str, separator: Option<&str>, most: usize) -> Vec<String> {
    let most = most.saturating_add(1);
    let mut parts: Vec<&str> = if let Some(separator) = separator {
        string.rsplitn(most, separator).collect()
    } else {
        let mut parts = Vec::new();
        let mut rest = string.trim();
        while !rest.is_empty() {
            let split = rest.rsplit_once(char::is_whitespace);
            let (before, last) = split.filter(|_| parts.len() + 1 < most).unwrap_or(("", rest));
            parts.push(last);
            rest = before.trim_end();
        }
        parts
    };
    parts.reverse();
    parts.into_iter().map(str::to_owned).collect()
}

fn missing(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
