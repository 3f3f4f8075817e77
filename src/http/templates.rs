//! The templates: those of a deployment's folder before the ones that are embedded in the program,
//! file by file.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use rust_embed::RustEmbed;
use serde_json::json;

use super::assets;
use super::jinja::{self, Asked};

#[derive(RustEmbed)]
#[folder = "templates/"]
struct Embedded;

/// What the endings of templates are; other files in the folder are left alone until one is asked
/// for.
const ENDINGS: [&str; 9] = ["html", "htm", "xhtml", "xml", "svg", "txt", "j2", "jinja", "jinja2"];

/// What templates are drawn in: Flask's world, and `asset('css/visavis.css')`, the address under which
/// browsers keep a static file. The chat lies below the path `root`, or at none.
fn environment(root: &str) -> Environment<'static> {
    let mut environment = jinja::environment(root);
    let root = root.to_owned();
    environment.add_function("asset", move |name: &str| root.clone() + &assets::address(name));
    environment
}

/// The templates that are embedded in the program, parsed.
pub fn embedded(root: &str) -> Result<Environment<'static>, Error> {
    let mut environment = environment(root);
    for name in Embedded::iter() {
        environment
            .add_template_owned(name.to_string(), embedded_source(&name).unwrap_or_default())?;
    }
    Ok(environment)
}

fn embedded_source(name: &str) -> Option<String> {
    Embedded::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned())
}

/// The templates of a deployment's folder.
pub struct Folder {
    path: PathBuf,
    /// The path below which the chat lies.
    root: String,
    /// As they were read last, or nothing where they are read for each page.
    read: Option<RwLock<Arc<Environment<'static>>>>,
}

impl Folder {
    /// Reads the folder; with `reload`, again for each page.
    pub fn new(path: &Path, root: &str, reload: bool) -> Self {
        let read = (!reload).then(|| RwLock::new(Arc::new(environment_over(sources(path), root))));
        Self { path: path.to_owned(), root: root.to_owned(), read }
    }

    /// Reads the folder again.
    pub fn reload(&self) {
        if let Some(read) = &self.read {
            let environment = Arc::new(environment_over(sources(&self.path), &self.root));
            *read.write().unwrap_or_else(PoisonError::into_inner) = environment;
        }
    }

    /// The page `name`, drawn.
    pub fn draw(&self, name: &str, context: &Value) -> Result<String, Error> {
        match &self.read {
            Some(read) => {
                let environment = read.read().unwrap_or_else(PoisonError::into_inner).clone();
                draw(&environment, name, context)
            }
            // Reading files holds this thread up for a moment; it is for whoever writes templates.
            None => draw(&environment_over(sources(&self.path), &self.root), name, context),
        }
    }

    /// One line for each template that cannot be parsed and each page that cannot be drawn.
    pub fn problems(&self) -> Vec<String> {
        check(&self.path)
    }

    /// File, line and reason in one line.
    pub fn explain(&self, error: &Error) -> String {
        explain(&self.path, error)
    }
}

pub fn draw(environment: &Environment, name: &str, context: &Value) -> Result<String, Error> {
    environment.get_template(name)?.render(context)
}

/// What is wrong with the templates in `folder`: one line a problem, with file, line and reason.
/// Parses every template there, and draws every page over it with an example of what pages see.
#[must_use]
pub fn check(folder: &Path) -> Vec<String> {
    let sources = match list(folder) {
        Ok(_) => sources(folder),
        Err(error) => return vec![format!("{}: {error}", folder.display())],
    };
    let names: Vec<String> = sources.keys().filter(|name| is_template(name)).cloned().collect();
    let environment = environment_over(sources, "");
    let mut problems = Vec::new();
    for name in names {
        if let Err(error) = environment.get_template(&name) {
            problems.push(explain(folder, &error));
        }
    }
    for (name, context) in examples() {
        if let Err(error) = draw(&environment, name, &context) {
            problems.push(explain(folder, &error));
        }
    }
    let mut seen = std::collections::HashSet::new();
    problems.retain(|problem| seen.insert(problem.clone()));
    problems
}

/// Every page, as somebody sees it who is logged in, and as a stranger does.
fn examples() -> Vec<(&'static str, Value)> {
    let ann = json!({ "user_id": 1, "username": "ann" });
    let chats = json!([{ "id": 2, "username": "bob", "new_message_count": 3 }]);
    let pages = [
        ("index.html", json!({}), true),
        ("find.html", json!({}), true),
        ("chats.html", json!({ "chats": [] }), true),
        ("chats.html", json!({ "chats": chats }), true),
        ("account.html", json!({ "sessions": [] }), true),
        ("apology.html", json!({ "message": "Something went wrong :(" }), true),
        ("apology.html", json!({ "message": "Something went wrong :(" }), false),
        ("login.html", json!({}), false),
        (
            "login.html",
            json!({ "logged_in_as": "ann", "secure_url": "https://chat.example" }),
            true,
        ),
        ("logout.html", json!({ "logged_in_as": "ann" }), true),
        ("register.html", json!({}), false),
        ("reset.html", json!({ "username": "ann", "secret": "0123" }), false),
    ];
    pages
        .into_iter()
        .map(|(name, known, logged_in)| {
            let session = if logged_in { ann.clone() } else { json!({}) };
            (name, context_of(&Serde(session).into(), Arc::default(), Value::from(Serde(known))))
        })
        .collect()
}

/// What a page sees.
pub fn context_of(session: &Value, asked: Arc<Asked>, known: Value) -> Value {
    let request = Value::from_dyn_object(asked);
    context! { session, request, ..known }
}

/// The sources in a folder by name, as in `mail/hello.html`, or why one cannot be read.
type Sources = BTreeMap<String, Result<String, Unreadable>>;

fn environment_over(sources: Sources, root: &str) -> Environment<'static> {
    let mut environment = environment(root);
    let sources = Arc::new(sources);
    environment.set_loader(move |name| match sources.get(name) {
        Some(Ok(source)) => Ok(Some(source.clone())),
        Some(Err(unreadable)) => {
            let error = Error::new(ErrorKind::InvalidOperation, "a template cannot be read");
            Err(error.with_source(unreadable.clone()))
        }
        None => Ok(embedded_source(name)),
    });
    environment
}

/// A file that is no template: with its path, line and reason.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct Unreadable(String);

fn sources(folder: &Path) -> Sources {
    let names = list(folder).unwrap_or_default();
    let read = |name: &String| {
        let path = folder.join(name);
        let bytes = fs::read(&path)
            .map_err(|error| Unreadable(format!("{}:1: {error}", path.display())))?;
        // Jinja2 makes every end of a line the same.
        let text = String::from_utf8(bytes);
        text.map(|text| text.replace("\r\n", "\n").replace('\r', "\n")).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + String::from_utf8_lossy(before).matches('\n').count();
            Unreadable(format!("{}:{line}: this is not UTF-8", path.display()))
        })
    };
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// The names of the files in a folder and the folders below it, but for those that are hidden.
fn list(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    // A link that leads back to its own folder would otherwise never end.
    let mut left = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((path, prefix, depth)) = left.pop() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
                continue;
            };
            let name = format!("{prefix}{name}");
            let path = entry.path();
            if path.is_file() {
                names.push(name);
            } else if path.is_dir() && depth < 16 {
                left.push((path, format!("{name}/"), depth + 1));
            }
        }
    }
    Ok(names)
}

fn is_template(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

/// File, line and reason in one line. The innermost error of a chain is the one that says what is
/// wrong; those around it say where it was included from.
fn explain(folder: &Path, error: &Error) -> String {
    let mut innermost = error;
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(unreadable) = error.downcast_ref::<Unreadable>() {
            return unreadable.to_string();
        }
        if let Some(error) = error.downcast_ref::<Error>() {
            innermost = error;
        }
        cause = error.source();
    }
    let reason = match innermost.detail() {
        Some(detail) => format!("{}: {detail}", innermost.kind()),
        None => innermost.kind().to_string(),
    };
    // An error without a place, such as a missing template, happened where the outer one says.
    let place = if innermost.name().is_some() { innermost } else { error };
    match (place.name(), place.line()) {
        (Some(name), line) => {
            let own = folder.join(name);
            let file = if own.is_file() {
                own.display().to_string()
            } else {
                format!("{name} (embedded)")
            };
            format!("{file}:{}: {reason}", line.unwrap_or(1))
        }
        (None, _) => format!("{}: {reason}", folder.display()),
    }
}
