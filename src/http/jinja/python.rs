//! What values of Flask need of Python: arguments by place or by name, the lookups of dictionaries with
//! `type=`, and objects that print in a way of their own.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Kwargs, Object, ObjectExt, ObjectRepr, Rest, from_args};
use minijinja::{Error, ErrorKind, State, Value};

/// The arguments of a method by place or by name, in the order of its `parameters`.
pub fn given<const N: usize>(
    args: &[Value],
    parameters: [&str; N],
) -> Result<[Option<Value>; N], Error> {
    let (placed, named): (Rest<Value>, Kwargs) = from_args(args)?;
    if placed.len() > N {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let mut placed = placed.0.into_iter();
    let mut given = [const { None }; N];
    for (argument, name) in given.iter_mut().zip(parameters) {
        *argument = match placed.next() {
            Some(value) => Some(value),
            None if named.has(name) => Some(named.get(name)?),
            None => None,
        };
    }
    named.assert_all_used()?;
    Ok(given)
}

/// What Werkzeug's dictionaries answer to `get(key, default, type)`.
pub fn get(
    state: &mut State,
    args: &[Value],
    value_of: impl FnOnce(&Value) -> Option<Value>,
) -> Result<Value, Error> {
    let [key, default, kind] = given(args, ["key", "default", "type"])?;
    let key = key.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
    match value_of(&key) {
        Some(value) => converted(state, value, kind.as_ref()),
        None => Ok(default.unwrap_or(Value::from(()))),
    }
}

/// What they answer to `getlist(key, type)`. `parameter` is what the method calls its key.
pub fn get_list<V: IntoIterator<Item = Value>>(
    state: &mut State,
    args: &[Value],
    parameter: &str,
    values_of: impl FnOnce(&Value) -> V,
) -> Result<Value, Error> {
    let [key, kind] = given(args, [parameter, "type"])?;
    let key = key.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
    let values = values_of(&key).into_iter();
    values.map(|value| converted(state, value, kind.as_ref())).collect()
}

/// `value` as the argument `type=` makes it.
///
/// # Errors
/// A type that a template does not know: Jinja2 has no `int` either, and fails as soon as there is
/// a value to convert.
fn converted(state: &mut State, value: Value, kind: Option<&Value>) -> Result<Value, Error> {
    match kind {
        None => Ok(value),
        Some(kind) if kind.is_none() => Ok(value),
        Some(kind) if kind.is_undefined() => {
            let reason = "the argument type= is undefined: templates have no int or float; use a \
                          filter, as in request.args.get('n')|int";
            Err(Error::new(ErrorKind::UndefinedError, reason))
        }
        Some(kind) => kind.call(state, &[value]),
    }
}

/// An object with attributes, printed as `text`.
#[derive(Debug)]
pub struct Printed {
    pub text: String,
    /// A dict.
    pub attributes: Value,
    pub is_true: bool,
}

impl Object for Printed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.attributes.get_item(key).ok().filter(|value| !value.is_undefined())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        if method != "to_header" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let () = from_args(args)?;
        Ok(Value::from(self.text.as_str()))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.is_true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A list or a set that prints between other brackets than a list does.
#[derive(Debug)]
pub struct Bracketed {
    pub values: Vec<Value>,
    pub brackets: [&'static str; 2],
}

impl Object for Bracketed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.values.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.values.iter().cloned()))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.values.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [open, close] = self.brackets;
        f.write_str(open)?;
        for (place, value) in self.values.iter().enumerate() {
            write!(f, "{}{value:?}", if place == 0 { "" } else { ", " })?;
        }
        f.write_str(close)
    }
}
