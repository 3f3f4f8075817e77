//! Werkzeug's `MultiDict`: fields of a request by name, each with all of its values. One type for
//! `request.args`, `values`, `cookies`, `form` and `files`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use super::pay;
use super::python::{get, get_list, given};

/// As which of Werkzeug's classes it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Immutable,
    /// What `copy()` gives. It does not change either.
    Copy,
    /// `request.values`: the query, and with another method than GET the form, which is empty.
    Combined {
        with_form: bool,
    },
}

#[derive(Debug, Clone)]
pub struct MultiDict {
    class: Class,
    /// The fields in the order in which they came first.
    fields: Vec<(Value, Vec<Value>)>,
    places: HashMap<String, usize>,
    /// How much there is to copy.
    bytes: usize,
}

impl MultiDict {
    pub fn new<N, V>(class: Class, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut new = Self { class, fields: Vec::new(), places: HashMap::new(), bytes: 0 };
        for (name, value) in pairs {
            let (name, value) = (name.as_ref(), value.as_ref());
            new.bytes += name.len() + value.len() + size_of::<(Value, Value)>();
            let place = *new.places.entry(name.to_owned()).or_insert(new.fields.len());
            if place == new.fields.len() {
                new.fields.push((Value::from(name), Vec::new()));
            }
            new.fields[place].1.push(Value::from(value));
        }
        new
    }

    fn all(&self, name: &Value) -> &[Value] {
        let place = name.as_str().and_then(|name| self.places.get(name));
        place.map_or(&[], |place| self.fields[*place].1.as_slice())
    }

    /// Names with their first values, or with all of them.
    fn pairs(&self, multi: bool) -> impl Iterator<Item = (Value, Value)> {
        self.fields.iter().flat_map(move |(name, values)| {
            let count = if multi { values.len() } else { 1 };
            values.iter().take(count).map(|value| (name.clone(), value.clone()))
        })
    }

    fn lists(&self) -> impl Iterator<Item = (Value, Value)> {
        self.fields.iter().map(|(name, values)| (name.clone(), Value::from(values.clone())))
    }
}

impl Object for MultiDict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.all(key).first().cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_key_value_enumerator(|this| {
            Box::new(this.fields.iter().map(|(name, values)| (name.clone(), values[0].clone())))
        })
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.fields.len())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        if method != "get" {
            pay(state, self.bytes)?;
        }
        Ok(match method {
            "get" => get(state, args, |name| self.get_value(name))?,
            "getlist" => get_list(state, args, "key", |name| self.all(name).to_vec())?,
            "to_dict" => {
                let [flat] = given(args, ["flat"])?;
                if flat.is_none_or(|flat| flat.is_true()) {
                    Value::from_pairs(self.pairs(false))
                } else {
                    Value::from_pairs(self.lists())
                }
            }
            "items" => {
                let [multi] = given(args, ["multi"])?;
                tuples(self.pairs(multi.is_some_and(|multi| multi.is_true())))
            }
            "lists" => {
                let [] = given(args, [])?;
                tuples(self.lists())
            }
            "listvalues" => {
                let [] = given(args, [])?;
                self.lists().map(|(_, values)| values).collect()
            }
            "keys" => {
                let [] = given(args, [])?;
                self.fields.iter().map(|(name, _)| name.clone()).collect()
            }
            "values" => {
                let [] = given(args, [])?;
                self.pairs(false).map(|(_, value)| value).collect()
            }
            "copy" | "deepcopy" => {
                Value::from_object(Self { class: Class::Copy, ..Self::clone(self) })
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = match self.class {
            Class::Immutable => ("ImmutableMultiDict([", "])"),
            Class::Copy => ("MultiDict([", "])"),
            Class::Combined { with_form: false } => {
                ("CombinedMultiDict([ImmutableMultiDict([", "])])")
            }
            Class::Combined { with_form: true } => {
                ("CombinedMultiDict([ImmutableMultiDict([", "]), ImmutableMultiDict([])])")
            }
        };
        f.write_str(open)?;
        for (place, (name, value)) in self.pairs(true).enumerate() {
            write!(f, "{}({name:?}, {value:?})", if place == 0 { "" } else { ", " })?;
        }
        f.write_str(close)
    }
}

/// A list of pairs, as Python's tuples.
pub fn tuples(pairs: impl Iterator<Item = (Value, Value)>) -> Value {
    pairs.map(|(one, other)| Value::from(Tuple::from([one, other]))).collect()
}
