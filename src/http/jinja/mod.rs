//! A template environment that renders as Flask's Jinja2 does: its escaping, filters, Python methods
//! and globals, where minijinja alone differs.

mod accept;
mod authorization;
mod endpoints;
mod escape;
mod filters;
mod flask;
mod header_values;
mod headers;
mod json;
mod methods;
mod multi_dict;
mod python;
mod request;

use minijinja::{AutoEscape, Environment, Error, State};

pub use self::request::Asked;

/// What one page may cost: each step one, and so do 64 bytes of what it makes. A list of a thousand
/// chats costs a fortieth of it; a page that never ends would hold up a thread for everybody.
const FUEL: u64 = 2_000_000;
const BYTES_A_STEP: usize = 64;

/// An environment without templates, whose `url_for` gives addresses below the path `root`.
pub fn environment(root: &str) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    minijinja_contrib::add_to_environment(&mut environment);
    environment.set_auto_escape_callback(auto_escape);
    environment.set_formatter(escape::write);
    environment.set_unknown_method_callback(methods::call);
    filters::add_to(&mut environment);
    flask::add_to(&mut environment, root);
    environment
}

/// Pays for `bytes` that are about to be made: the engine charges for what a filter gives, but only
/// when it is there.
fn pay(state: &State, bytes: usize) -> Result<(), Error> {
    state.consume_fuel((bytes / BYTES_A_STEP) as u64)
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
