//! Jinja2's filters, tests and globals that minijinja lacks or has otherwise.

use minijinja::value::{Kwargs, Rest, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};
use minijinja_contrib::{filters as contributed, globals};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use textwrap::{WordSplitter, WrapAlgorithm};

use super::escape::{escape, escaped, force_escape, text};
use super::headers::Headers;
use super::methods::padded;
use super::{json, pay};

/// How a filter of minijinja takes its arguments, where Jinja2 takes them by name and by place.
#[derive(Clone, Copy)]
enum Takes {
    Named,
    Placed,
}

pub fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("e", escape);
    environment.add_filter("escape", escape);
    environment.add_filter("forceescape", force_escape);
    environment.add_filter("string", string);
    environment.add_filter("pprint", |value: &Value| format!("{value:?}"));
    environment.add_filter("urlencode", urlencode);
    environment.add_filter("xmlattr", xmlattr);
    environment.add_function("cycler", |items: Rest<Value>| globals::cycler(items.0));
    environment.add_function("lipsum", lipsum);
    environment.add_test("callable", is_callable);
    environment.add_test("sequence", is_sequence);

    let mut add = |name: &'static str, takes, filter, parameters| {
        add_flexible(environment, name, takes, filter, parameters);
    };
    add("batch", Takes::Placed, Value::from_function(filters::batch), &["linecount", "fill_with"]);
    add("center", Takes::Placed, Value::from_function(center), &["width"]);
    add(
        "default",
        Takes::Placed,
        Value::from_function(filters::default),
        &["default_value", "boolean"],
    );
    add("d", Takes::Placed, Value::from_function(filters::default), &["default_value", "boolean"]);
    add(
        "dictsort",
        Takes::Named,
        Value::from_function(dictsort),
        &["case_sensitive", "by", "reverse"],
    );
    add("filesizeformat", Takes::Placed, Value::from_function(filesizeformat), &["binary"]);
    add("float", Takes::Placed, Value::from_function(float), &["default"]);
    add("indent", Takes::Placed, Value::from_function(indent), &["width", "first", "blank"]);
    add("int", Takes::Placed, Value::from_function(int), &["default", "base"]);
    add("replace", Takes::Placed, Value::from_function(replace), &["old", "new", "count"]);
    add("round", Takes::Placed, Value::from_function(round), &["precision", "method"]);
    add("slice", Takes::Placed, Value::from_function(filters::slice), &["slices", "fill_with"]);
    add(
        "sort",
        Takes::Named,
        Value::from_function(filters::sort),
        &["reverse", "case_sensitive", "attribute"],
    );
    add("tojson", Takes::Placed, Value::from_function(tojson), &["indent"]);
    add("trim", Takes::Placed, Value::from_function(filters::trim), &["chars"]);
    add(
        "truncate",
        Takes::Named,
        Value::from_function(contributed::truncate),
        &["length", "killwords", "end", "leeway"],
    );
    add(
        "unique",
        Takes::Named,
        Value::from_function(filters::unique),
        &["case_sensitive", "attribute"],
    );
    add(
        "wordwrap",
        Takes::Placed,
        Value::from_function(wordwrap),
        &["width", "break_long_words", "wrapstring", "break_on_hyphens"],
    );
}

/// Adds a filter whose `parameters`, in their order, may be given by name and by place.
fn add_flexible(
    environment: &mut Environment<'static>,
    name: &'static str,
    takes: Takes,
    filter: Value,
    parameters: &'static [&'static str],
) {
    let flexible = move |state: &mut State, value: &Value, placed: Rest<Value>, named: Kwargs| {
        let mut given: Vec<(&str, Value)> =
            parameters.iter().copied().zip(placed.0.clone()).collect();
        if placed.len() > parameters.len() {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        for name in named.args() {
            let Some(parameter) = parameters.iter().find(|parameter| **parameter == name) else {
                let reason =
                    format!("there is no argument {name}=, only {}", parameters.join(", "));
                return Err(Error::new(ErrorKind::TooManyArguments, reason));
            };
            given.push((parameter, named.peek(name)?));
        }
        let mut arguments = vec![value.clone()];
        match takes {
            Takes::Named => {
                arguments.push(Value::from(given.into_iter().collect::<Kwargs>()));
            }
            Takes::Placed => {
                for parameter in parameters {
                    let found = given.iter().find(|(name, _)| name == parameter);
                    arguments.push(found.map(|(_, value)| value.clone()).unwrap_or_default());
                }
                while arguments.len() > 1 && arguments.last().is_some_and(Value::is_undefined) {
                    arguments.pop();
                }
            }
        }
        filter.call(state, &arguments)
    };
    environment.add_filter(name, flexible);
}

fn dictsort(value: &Value, options: Kwargs) -> Result<Value, Error> {
    match value.downcast_object_ref::<Headers>() {
        // Iterating over headers gives pairs, where a dict gives its keys.
        Some(headers) => filters::dictsort(&Value::from_pairs(headers.pairs()), options),
        None => filters::dictsort(value, options),
    }
}

fn string(value: &Value) -> Value {
    match value.kind() {
        ValueKind::String => value.clone(),
        _ => Value::from(text(value).into_owned()),
    }
}

fn tojson(state: &State, value: &Value, indent: Option<usize>) -> Result<Value, Error> {
    json::tojson(state, value, indent)
}

fn center(state: &State, value: &Value, width: Option<usize>) -> Result<Value, Error> {
    padded(state, &text(value), "center", width.unwrap_or(80), ' ').map(Value::from)
}

/// Words that mean nothing: `n` paragraphs of at most `max` words.
fn lipsum(state: &mut State, n: Option<usize>, named: Kwargs) -> Result<Value, Error> {
    let number = |name| named.peek::<Option<usize>>(name);
    let paragraphs = n.map_or_else(|| number("n"), |n| Ok(Some(n)))?.unwrap_or(5);
    let words = number("max")?.max(number("min")?).unwrap_or(0).max(100);
    pay(state, paragraphs.saturating_mul(words).saturating_mul("consectetuer ".len()))?;
    globals::lipsum(state, n, named)
}

fn filesizeformat(value: &Value, binary: Option<bool>) -> Result<String, Error> {
    let bytes = parse_float(value).ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("'{value}' is no number of bytes"))
    })?;
    // A number below the first unit is printed whole.
    let bytes = if bytes.abs() < 1000.0 { bytes.trunc() } else { bytes };
    Ok(contributed::filesizeformat(bytes, binary))
}

/// A whole number, or `default` (0) where the value is none.
fn int(value: &Value, default: Option<Value>, base: Option<u32>) -> Value {
    let whole = match value.as_str() {
        Some(text) => parse_int(text, base.unwrap_or(10)),
        None => i64::try_from(value.clone()).ok().filter(|_| value.is_integer()).map(Value::from),
    };
    #[expect(clippy::cast_possible_truncation, reason = "a number so large was no count anyway")]
    let cut = || {
        let number = parse_float(value).filter(|number| number.is_finite())?;
        Some(Value::from(number.trunc() as i64))
    };
    whole.or_else(cut).unwrap_or_else(|| default.unwrap_or_else(|| Value::from(0)))
}

fn parse_int(text: &str, base: u32) -> Option<Value> {
    let text = text.trim().replace('_', "").to_ascii_lowercase();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = digits.strip_prefix(prefix).unwrap_or(digits);
    if !(2..=36).contains(&base) || digits.starts_with(['-', '+']) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), base).ok().map(Value::from)
}

/// A number with a fraction, or `default` (0.0) where the value is none.
fn float(value: &Value, default: Option<Value>) -> Value {
    parse_float(value).map_or_else(|| default.unwrap_or_else(|| Value::from(0.0)), Value::from)
}

fn parse_float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.trim().replace('_', "").parse().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value.clone()).ok(),
    }
}

/// No number has more digits behind the point.
const DIGITS_MAX: usize = 1074;

/// A number with `precision` digits behind the point; halves go to the even neighbour.
fn round(number: &Value, precision: Option<i32>, method: Option<&str>) -> Result<Value, Error> {
    let precision = precision.unwrap_or(0);
    let scale = 10_f64.powi(precision);
    let value = f64::try_from(number.clone())?;
    let rounded = match method.unwrap_or("common") {
        "common" if number.is_integer() && precision >= 0 => return Ok(number.clone()),
        // The formatter rounds what the number is exactly, as Python does.
        "common" => match usize::try_from(precision) {
            Ok(digits) if digits > DIGITS_MAX => value,
            Ok(digits) => format!("{value:.digits$}").parse().unwrap_or(value),
            Err(_) => (value * scale).round_ties_even() / scale,
        },
        "ceil" => (value * scale).ceil() / scale,
        "floor" => (value * scale).floor() / scale,
        other => {
            let reason = format!("round knows common, ceil and floor, not '{other}'");
            return Err(Error::new(ErrorKind::InvalidOperation, reason));
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "it was a whole number before")]
    let whole = rounded as i64;
    Ok(if number.is_integer() && precision < 0 { Value::from(whole) } else { Value::from(rounded) })
}

fn indent(
    state: &State,
    value: &Value,
    width: Option<&Value>,
    first: Option<bool>,
    blank: Option<bool>,
) -> Result<Value, Error> {
    let string = text(value);
    let (indention, width) = match width {
        Some(width) if width.as_str().is_some() => (text(width), 1),
        Some(width) => (" ".into(), usize::try_from(width.clone()).unwrap_or(0)),
        None => (" ".into(), 4),
    };
    let lines = string.split('\n').count();
    pay(state, indention.len().saturating_mul(width).saturating_mul(lines))?;
    let indention = indention.repeat(width);
    let mut indented = String::new();
    for (place, line) in string.split('\n').enumerate() {
        let wanted = if place == 0 {
            first.unwrap_or(false)
        } else {
            indented.push('\n');
            !line.is_empty() || blank.unwrap_or(false)
        };
        if wanted {
            indented.push_str(&indention);
        }
        indented.push_str(line);
    }
    Ok(if value.is_safe() { Value::from_safe_string(indented) } else { Value::from(indented) })
}

/// A text with `old` changed to `new`, at most `count` times; what is not markup is escaped where it
/// meets markup.
fn replace(
    state: &State,
    value: &Value,
    old: &Value,
    new: &Value,
    count: Option<i64>,
) -> Result<Value, Error> {
    let markup = value.is_safe() || old.is_safe() || new.is_safe();
    let (value, new) =
        if markup { (escape(value), escape(new)) } else { (value.clone(), new.clone()) };
    let (value, old, new) = (text(&value), text(old), text(&new));
    pay(state, value.matches(&*old).count().saturating_mul(new.len()))?;
    let replaced = match count.and_then(|count| usize::try_from(count).ok()) {
        Some(count) => value.replacen(&*old, &new, count),
        None => value.replace(&*old, &new),
    };
    Ok(if markup { Value::from_safe_string(replaced) } else { Value::from(replaced) })
}

#[expect(clippy::needless_pass_by_value, reason = "the template engine passes it so")]
/// `further` are `wrapstring` and `break_on_hyphens`: a filter takes five arguments at most.
fn wordwrap(
    state: &State,
    value: &Value,
    width: Option<usize>,
    break_long_words: Option<bool>,
    further: Rest<Value>,
) -> Result<String, Error> {
    let (between, hyphens): (Option<&str>, Option<bool>) = from_args(&further)?;
    let splitter = if hyphens.unwrap_or(true) {
        WordSplitter::HyphenSplitter
    } else {
        WordSplitter::NoHyphenation
    };
    let options = textwrap::Options::new(width.unwrap_or(79))
        .break_words(break_long_words.unwrap_or(true))
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .word_splitter(splitter);
    let value = text(value);
    let lines = textwrap::wrap(&value, options);
    let between = between.unwrap_or("\n");
    pay(state, lines.len().saturating_mul(between.len()))?;
    Ok(lines.join(between))
}

/// Everything but letters, digits, `-._~` and, in a single value, `/`.
const PAIR: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const SINGLE: &AsciiSet = &PAIR.remove(b'/');

/// A text for a path, or a dict or a list of pairs for a query.
fn urlencode(value: &Value) -> Result<String, Error> {
    let pair = |name: &Value, value: &Value| {
        let part =
            |part: &Value| utf8_percent_encode(&text(part), PAIR).to_string().replace("%20", "+");
        format!("{}={}", part(name), part(value))
    };
    let mut pairs = Vec::new();
    match value.kind() {
        ValueKind::Map => {
            for name in value.try_iter()? {
                pairs.push(pair(&name, &value.get_item(&name)?));
            }
        }
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter()? {
                pairs.push(pair(&item.get_item_by_index(0)?, &item.get_item_by_index(1)?));
            }
        }
        _ => return Ok(utf8_percent_encode(&text(value), SINGLE).to_string()),
    }
    Ok(pairs.join("&"))
}

/// Attributes of an element; those that are none or undefined are left out.
fn xmlattr(value: &Value, autospace: Option<bool>) -> Result<Value, Error> {
    let mut attributes = Vec::new();
    for key in value.try_iter()? {
        let attribute = value.get_item(&key)?;
        if matches!(attribute.kind(), ValueKind::None | ValueKind::Undefined) {
            continue;
        }
        let name = text(&key).into_owned();
        if name.contains([' ', '\t', '\n', '\r', '\u{c}', '/', '>', '=']) {
            let reason = format!("'{name}' cannot be the name of an attribute");
            return Err(Error::new(ErrorKind::InvalidOperation, reason));
        }
        attributes.push(format!("{}=\"{}\"", escaped(&name), text(&escape(&attribute))));
    }
    let mut written = attributes.join(" ");
    if autospace.unwrap_or(true) && !written.is_empty() {
        written.insert(0, ' ');
    }
    Ok(Value::from_safe_string(written))
}

fn is_callable(value: &Value) -> bool {
    value.as_object().is_some() && value.kind() == ValueKind::Plain
}

/// Whatever has a length and places, as in Jinja2: texts and dicts too.
fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String)
}
