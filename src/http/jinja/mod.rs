//! A template environment that renders as Flask's Jinja2 does: its escaping, filters, Python methods
//! and globals, where minijinja alone differs.

mod escape;
mod filters;
mod flask;
mod json;
mod methods;

use minijinja::{AutoEscape, Environment};

pub use self::flask::Asked;

/// An environment without templates.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    minijinja_contrib::add_to_environment(&mut environment);
    environment.set_auto_escape_callback(auto_escape);
    environment.set_formatter(escape::write);
    environment.set_unknown_method_callback(methods::call);
    filters::add_to(&mut environment);
    flask::add_to(&mut environment);
    environment
}

/// Flask escapes in these, and in no others.
fn auto_escape(name: &str) -> AutoEscape {
    let escaped = [".html", ".htm", ".xml", ".xhtml", ".svg"];
    if escaped.iter().any(|ending| name.ends_with(ending)) {
        AutoEscape::Html
    } else {
        AutoEscape::None
    }
}
