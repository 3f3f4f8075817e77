//! Werkzeug's `Accept` and its kin: what a browser takes, the best first.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::header_values::{list, options, with_options};
use super::pay;
use super::python::given;

/// How many alternatives of a header are read; browsers send a dozen.
const ALTERNATIVES_MAX: usize = 64;

/// Which of the four headers it is: each compares in a way of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Types,
    Languages,
    Charsets,
    Encodings,
}

#[derive(Debug, Clone)]
struct Alternative {
    value: String,
    quality: f64,
    /// The quality as Python prints it: 1 where the header gives none.
    printed: Value,
}

#[derive(Debug, Clone)]
pub struct Accept {
    of: Of,
    provided: bool,
    alternatives: Vec<Alternative>,
}

impl Accept {
    pub fn new(of: Of, header: Option<&str>) -> Self {
        let header = header.filter(|header| !header.is_empty());
        let elements = header.map(list).unwrap_or_default();
        let alternatives =
            elements.iter().take(ALTERNATIVES_MAX).filter_map(|one| alternative(one));
        let mut new = Self { of, provided: header.is_some(), alternatives: alternatives.collect() };
        new.sort();
        new
    }

    fn sort(&mut self) {
        let of = self.of;
        self.alternatives.sort_by(|one, other| {
            let specific = specificity(of, &other.value).cmp(&specificity(of, &one.value));
            specific.then(other.quality.total_cmp(&one.quality))
        });
    }

    fn place(&self, value: &str) -> Option<usize> {
        self.alternatives.iter().position(|one| matches(self.of, value, &one.value))
    }

    fn has(&self, value: &str) -> bool {
        self.place(value).is_some()
    }

    /// The first of the `offered` values that nothing else beats.
    fn best_of<'a>(&self, offered: &[&'a str]) -> Option<&'a str> {
        let mut best: Option<(f64, Vec<bool>, &str)> = None;
        for value in offered {
            let Some(place) = self.place(value) else { continue };
            let found = &self.alternatives[place];
            let specific = specificity(self.of, &found.value);
            let better = best.as_ref().is_none_or(|(quality, known, _)| {
                found.quality > *quality
                    || found.quality.total_cmp(quality).is_eq() && specific > *known
            });
            if found.quality > 0.0 && better {
                best = Some((found.quality, specific, value));
            }
        }
        best.map(|(_, _, value)| value)
    }

    /// The same for languages, where `de` serves a browser that takes `de-CH`, and the other way
    /// round.
    fn best_language<'a>(&self, offered: &[&'a str]) -> Option<&'a str> {
        let primaries = || {
            let alternatives = self
                .alternatives
                .iter()
                .map(|one| Alternative { value: primary(&one.value).to_owned(), ..one.clone() });
            let mut primaries =
                Self { of: Of::Encodings, provided: true, alternatives: alternatives.collect() };
            primaries.sort();
            primaries.best_of(offered)
        };
        let reverse = || {
            let shortened: Vec<&str> = offered.iter().map(|value| primary(value)).collect();
            let found = self.best_of(&shortened)?;
            offered.iter().find(|value| value.starts_with(found)).copied()
        };
        self.best_of(offered).or_else(primaries).or_else(reverse)
    }

    fn header(&self) -> String {
        let values = self.alternatives.iter().map(|one| {
            let weight = |weight: &Value| format!(";q={weight}");
            let is_whole = (one.quality - 1.0).abs() < f64::EPSILON;
            one.value.clone() + &(if is_whole { String::new() } else { weight(&one.printed) })
        });
        values.collect::<Vec<_>>().join(",")
    }
}

impl Object for Accept {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(place) = key.as_usize() {
            return self.alternatives.get(place).map(pair);
        }
        let key = key.as_str()?;
        let is_of_types = self.of == Of::Types;
        let takes_xhtml = || self.has("application/xhtml+xml") || self.has("application/xml");
        Some(match key {
            "best" => {
                self.alternatives.first().map_or(Value::from(()), |one| one.value.as_str().into())
            }
            "provided" => self.provided.into(),
            "accept_html" if is_of_types => (self.has("text/html") || takes_xhtml()).into(),
            "accept_xhtml" if is_of_types => takes_xhtml().into(),
            "accept_json" if is_of_types => self.has("application/json").into(),
            _ => self.alternatives[self.place(key)?].printed.clone(),
        })
    }

    /// Pairs of value and quality.
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.alternatives.iter().map(pair)))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.alternatives.len())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let key = || {
            let (key,): (&str,) = from_args(args)?;
            Ok::<_, Error>(self.place(key))
        };
        Ok(match method {
            "best_match" => {
                let [offered, default] = given(args, ["matches", "default"])?;
                let offered: Vec<Value> = offered.unwrap_or_default().try_iter()?.collect();
                pay(state, offered.len().saturating_mul(self.alternatives.len() * 64))?;
                let offered: Vec<&str> = offered.iter().filter_map(Value::as_str).collect();
                let best = match self.of {
                    Of::Languages => self.best_language(&offered),
                    _ => self.best_of(&offered),
                };
                best.map(Value::from).or(default).unwrap_or(Value::from(()))
            }
            "quality" => key()?.map_or(0.into(), |place| self.alternatives[place].printed.clone()),
            "find" => key()?.map_or(Value::from(-1), Value::from),
            "index" => key()?.map(Value::from).ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, "the header does not have this value")
            })?,
            "values" => {
                let () = from_args(args)?;
                self.alternatives.iter().map(|one| one.value.as_str()).collect()
            }
            "to_header" => {
                let () = from_args(args)?;
                Value::from(self.header())
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.header())
    }
}

fn pair(one: &Alternative) -> Value {
    Value::from(Tuple::from([Value::from(one.value.as_str()), one.printed.clone()]))
}

/// One element of the header, where its quality is a number from 0 to 1.
fn alternative(element: &str) -> Option<Alternative> {
    let (value, mut options) = options(element);
    let weight = options.iter().position(|(name, _)| name == "q");
    let Some(weight) = weight.map(|place| options.remove(place).1) else {
        let value = with_options(&value, &options);
        return Some(Alternative { value, quality: 1.0, printed: 1.into() });
    };
    let is_number = weight.starts_with(|first: char| first.is_ascii_digit())
        && weight.ends_with(|last: char| last.is_ascii_digit())
        && weight.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let quality: f64 = weight.parse().ok().filter(|quality| is_number && *quality <= 1.0)?;
    let value = with_options(&value, &options);
    Some(Alternative { value, quality, printed: quality.into() })
}

/// How exact a value of the header is: values without `*` come first.
fn specificity(of: Of, value: &str) -> Vec<bool> {
    match of {
        Of::Types => value.split(['/', ';']).map(|part| part.trim() != "*").collect(),
        _ => vec![value != "*"],
    }
}

/// Whether an alternative of the header takes `value`.
fn matches(of: Of, value: &str, alternative: &str) -> bool {
    match of {
        Of::Types => type_matches(&value.to_lowercase(), &alternative.to_lowercase()),
        _ if alternative == "*" => true,
        Of::Languages => same_language(value, alternative),
        Of::Charsets => charset(value) == charset(alternative),
        Of::Encodings => value.eq_ignore_ascii_case(alternative),
    }
}

fn same_language(one: &str, other: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.bytes().map(plain).eq(other.bytes().map(plain))
}

/// The first part of a language: `de` of `de-CH`.
fn primary(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or_default()
}

fn charset(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    match plain.as_str() {
        "latin1" | "l1" | "88591" | "iso885911" => "iso88591".to_owned(),
        "u8" => "utf8".to_owned(),
        "usascii" => "ascii".to_owned(),
        _ => plain,
    }
}

fn type_matches(value: &str, alternative: &str) -> bool {
    let (Some(value), Some(alternative)) = (parts(value), parts(alternative)) else {
        return false;
    };
    match (alternative.0, alternative.1) {
        ("*", "*") => return true,
        ("*", _) => return false,
        _ => {}
    }
    let every = (value.0, value.1) == ("*", "*");
    every
        || value.0 == alternative.0
            && (alternative.1 == "*"
                || value.1 == "*"
                || (value.1 == alternative.1 && value.2 == alternative.2))
}

/// Type, subtype and parameters, the last in order.
fn parts(mime: &str) -> Option<(&str, &str, Vec<&str>)> {
    let mut pieces = mime.split(';').map(str::trim);
    let (kind, subtype) = pieces.next()?.split_once('/')?;
    let mut parameters: Vec<&str> = pieces.collect();
    parameters.sort_unstable();
    Some((kind, subtype, parameters))
}
