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
    /// What it is compared by.
    normal: Vec<String>,
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
            elements.iter().take(ALTERNATIVES_MAX).filter_map(|one| alternative(of, one));
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
        let value = normal(self.of, value);
        self.alternatives.iter().position(|one| matches(self.of, &value, &one.normal))
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
            let alternatives = self.alternatives.iter().map(|one| Alternative {
                value: primary(&one.value).to_owned(),
                normal: normal(Of::Encodings, primary(&one.value)),
                ..one.clone()
            });
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
fn alternative(of: Of, element: &str) -> Option<Alternative> {
    let (value, mut options) = options(element);
    let weight = options.iter().position(|(name, _)| name == "q");
    let Some(weight) = weight.map(|place| options.remove(place).1) else {
        let value = with_options(&value, &options);
        let normal = normal(of, &value);
        return Some(Alternative { value, normal, quality: 1.0, printed: 1.into() });
    };
    let is_number = weight.starts_with(|first: char| first.is_ascii_digit())
        && weight.ends_with(|last: char| last.is_ascii_digit())
        && weight.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let quality: f64 = weight.parse().ok().filter(|quality| is_number && *quality <= 1.0)?;
    let value = with_options(&value, &options);
    let normal = normal(of, &value);
    Some(Alternative { value, normal, quality, printed: quality.into() })
}

/// How exact a value of the header is: values without `*` come first.
fn specificity(of: Of, value: &str) -> Vec<bool> {
    match of {
        Of::Types => value.split(['/', ';']).map(|part| part.trim() != "*").collect(),
        _ => vec![value != "*"],
    }
}

/// What a value is compared by: of a type, its parts, the parameters in order; nothing where it is no
/// type.
fn normal(of: Of, value: &str) -> Vec<String> {
    let value = value.to_lowercase();
    match of {
        Of::Types => parts(&value).unwrap_or_default(),
        Of::Languages => vec![value.replace('_', "-")],
        Of::Charsets => vec![charset(&value)],
        Of::Encodings => vec![value],
    }
}

/// Type, subtype and parameters.
fn parts(mime: &str) -> Option<Vec<String>> {
    let mut pieces = mime.split(';').map(|piece| piece.trim().to_owned());
    let first = pieces.next()?;
    let (kind, subtype) = first.split_once('/')?;
    let mut parts = vec![kind.to_owned(), subtype.to_owned()];
    parts.extend(pieces);
    parts[2..].sort_unstable();
    Some(parts)
}

/// A charset by one of its names.
fn charset(name: &str) -> String {
    if name == "*" {
        return name.to_owned();
    }
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    match plain.as_str() {
        "latin1" | "l1" | "88591" | "iso885911" => "iso88591".to_owned(),
        "u8" => "utf8".to_owned(),
        "usascii" => "ascii".to_owned(),
        _ => plain,
    }
}

/// Whether an alternative of the header takes `value`; both are normal.
fn matches(of: Of, value: &[String], alternative: &[String]) -> bool {
    if of != Of::Types {
        return alternative.iter().any(|one| one == "*") || value == alternative;
    }
    let ([kind, subtype, parameters @ ..], [its_kind, its_subtype, its_parameters @ ..]) =
        (value, alternative)
    else {
        return false;
    };
    match (its_kind.as_str(), its_subtype.as_str()) {
        ("*", "*") => true,
        ("*", _) => false,
        _ if kind == "*" && subtype == "*" => true,
        (_, "*") => kind == its_kind,
        _ => {
            let fits = subtype == "*" || subtype == its_subtype && parameters == its_parameters;
            kind == its_kind && fits
        }
    }
}

/// The first part of a language: `de` of `de-CH`.
fn primary(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or_default()
}
