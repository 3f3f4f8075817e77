//! Who may know whom: reads the `use` lines and paths of the source.

use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<PathBuf> {
    let files = files_in(&["src"], "rs");
    assert!(files.len() > 30, "only {} files found", files.len());
    files
}

/// The files below these folders with that ending.
fn files_in(folders: &[&str], ending: &str) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                files.push(path);
            }
        }
    }
    files
}

/// The places outside `allowed` (beginnings of paths) whose code, comments aside, has one of `words`.
fn strangers(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in sources() {
        if allowed.iter().any(|place| path.starts_with(Path::new(place))) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn only_the_sqlite_store_knows_rusqlite() {
    assert_eq!(strangers(&["rusqlite", "r2d2"], &["src/store/sqlite"]), [""; 0]);
}

#[test]
fn only_the_pages_and_the_frame_know_axum() {
    let allowed = ["src/http", "src/transport", "src/app.rs"];
    assert_eq!(strangers(&["axum::", "axum_login"], &allowed), [""; 0]);
}

#[test]
fn only_the_realtime_side_and_the_frame_know_socketioxide() {
    let allowed = ["src/realtime", "src/transport", "src/app.rs"];
    assert_eq!(strangers(&["socketioxide"], &allowed), [""; 0]);
}

#[test]
fn the_protocol_knows_only_what_things_are() {
    let words = ["crate::"];
    let known = ["crate::domain", "crate::config", "crate::protocol"];
    let others = fs::read_dir("src").unwrap().map(|entry| entry.unwrap().path());
    let others: Vec<String> = others
        .map(|path| path.display().to_string())
        .filter(|path| path != "src/protocol")
        .collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let found = strangers(&words, &others);
    let found: Vec<&String> =
        found.iter().filter(|line| known.iter().all(|path| !line.contains(path))).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn only_what_opens_a_store_and_commands_about_files_name_a_concrete_one() {
    let allowed = [
        "src/store/sqlite",
        "src/store/location.rs",
        "src/store/mod.rs",
        "src/store/open.rs",
        "src/commands/backup.rs",
        "src/commands/check.rs",
        "src/commands/export.rs",
        "src/commands/import.rs",
        "src/commands/signals.rs",
    ];
    assert_eq!(strangers(&["SqliteStore", "sqlite::"], &allowed), [""; 0]);
}

#[test]
fn only_the_program_uses_anyhow() {
    assert_eq!(strangers(&["anyhow"], &["src/main.rs", "src/commands"]), [""; 0]);
}

#[test]
fn only_the_clock_reads_the_time() {
    let words = ["now_utc", "Instant::now", "SystemTime::now"];
    assert_eq!(strangers(&words, &["src/clock.rs"]), [""; 0]);
}

#[test]
fn the_domain_knows_nobody() {
    let outer =
        ["crate::service", "crate::store", "crate::http", "crate::realtime", "tokio", "tracing"];
    let others = [
        "src/http",
        "src/realtime",
        "src/service",
        "src/store",
        "src/app.rs",
        "src/transport",
        "src/main.rs",
        "src/commands",
        "src/lib.rs",
        "src/config",
        "src/clock.rs",
        "src/log",
    ];
    assert_eq!(strangers(&outer, &others), [""; 0]);
}

#[test]
fn pages_and_sockets_do_not_know_each_other() {
    let pages = ["src/http", "src/transport", "src/app.rs", "src/lib.rs"];
    assert_eq!(strangers(&["crate::http"], &pages), [""; 0]);
    let sockets = ["src/realtime", "src/app.rs", "src/lib.rs"];
    assert_eq!(strangers(&["crate::realtime"], &sockets), [""; 0]);
}

#[test]
fn services_do_not_know_their_transports() {
    let words = ["crate::http", "crate::realtime", "crate::app", "crate::transport"];
    let others =
        ["src/http", "src/realtime", "src/transport", "src/app.rs", "src/main.rs", "src/commands"];
    assert_eq!(strangers(&words, &others), [""; 0]);
}

#[test]
fn packages_of_npm_are_pinned_and_run_nothing_when_they_are_installed() {
    let settings = fs::read_to_string(".npmrc").unwrap();
    assert!(settings.lines().any(|line| line == "ignore-scripts=true"), "{settings}");
    let package: serde_json::Value =
        serde_json::from_str(&fs::read_to_string("package.json").unwrap()).unwrap();
    let dependencies = package["dependencies"].as_object().unwrap();
    assert!(!dependencies.is_empty());
    for (name, version) in dependencies {
        let exact = version.as_str().unwrap().split('.').all(|part| part.parse::<u32>().is_ok());
        assert!(exact, "{name}: {version}");
    }
    let lock: serde_json::Value =
        serde_json::from_str(&fs::read_to_string("package-lock.json").unwrap()).unwrap();
    for (path, locked) in lock["packages"].as_object().unwrap() {
        assert!(path.is_empty() || locked["integrity"].is_string(), "{path} has no checksum");
        // package.json overrides what does so and is loaded by nobody. The script of esbuild replaces a
        // program of Node by that of the machine, which Node starts as well.
        let runs_a_script = locked["hasInstallScript"] == true && path != "node_modules/esbuild";
        assert!(!runs_a_script, "{path} would run a script");
    }
}

/// The parts of `text` that stand between `open` and `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    let parts = text.split(open).skip(1);
    parts.filter_map(|part| part.split_once(close).map(|(inside, _)| inside)).collect()
}

#[test]
fn every_test_that_the_page_about_asvs_names_exists() {
    let all = |folders: &[&str], ending: &str| -> String {
        files_in(folders, ending).iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    let page = fs::read_to_string("docs/asvs.md").unwrap();
    // A name may go on in the next line.
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let rust = all(&["tests/it", "src"], "rs");
    let scripts = all(&["tests/protocol", "tests/browser"], "mjs");
    let functions = page.split('`').skip(1).step_by(2).filter(|name| {
        let is_name =
            |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
        name.matches('_').count() >= 2 && name.chars().all(is_name)
    });
    let functions: Vec<&str> = functions.filter(|name| *name != "as_a_function").collect();
    let sentences = between(&page, "“", "”");
    let sentences: Vec<&str> =
        sentences.into_iter().filter(|name| *name != "as a sentence").collect();
    assert!(functions.len() > 30 && sentences.len() > 15, "{functions:?} {sentences:?}");
    let missing = functions.into_iter().filter(|name| !rust.contains(&format!("fn {name}(")));
    let untold = sentences.into_iter().filter(|name| {
        !["\"", "`"].iter().any(|quote| scripts.contains(&format!("test({quote}{name}")))
    });
    assert_eq!(missing.chain(untold).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn every_file_that_a_page_of_ours_names_exists() {
    let mut known = vec![PathBuf::from("build.rs"), PathBuf::from("src/main.rs")];
    for ending in ["rs", "mjs", "js", "html", "css"] {
        known.extend(files_in(&["src", "tests", "static", "templates", "bench", "fuzz"], ending));
    }
    let is_known =
        |name: &str| known.iter().any(|path| path.ends_with(name.trim_start_matches("./")));
    let mut missing = Vec::new();
    for page in ["ARCHITECTURE.md", "SECURITY.md", "README.md", "docs/asvs.md", "docs/protocol.md"]
    {
        let text = fs::read_to_string(page).unwrap();
        let words = text.split('`').skip(1).step_by(2);
        let files = words.filter(|word| {
            let is_of_path = |char: char| char.is_ascii_alphanumeric() || "_-./".contains(char);
            [".rs", ".mjs"].iter().any(|ending| word.ends_with(ending))
                && word.chars().all(is_of_path)
        });
        missing.extend(files.filter(|name| !is_known(name)).map(|name| format!("{page}: {name}")));
    }
    assert_eq!(missing, [""; 0]);
}

/// The chat may lie below a path: templates write `request.script_root`, scripts relative addresses.
#[test]
fn no_page_of_ours_leads_to_the_root_of_the_host() {
    let mut found = Vec::new();
    for (folder, ending, words) in [
        ("templates", "html", &["=\"/", "='/", "=/"][..]),
        ("static", "js", &["(\"/", "('/", "(`/", "href = \"/"][..]),
        ("static", "css", &["url(/", "url(\"/", "url('/"][..]),
    ] {
        for path in files_in(&[folder], ending) {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().filter(|line| words.iter().any(|word| line.contains(word)));
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    assert_eq!(found, [""; 0]);
}

/// Dark mode and large text redefine tokens: what states a colour or a size by itself stays as it is. Widths at
/// which a page changes are in `em`, so that large text counts as a narrow page.
#[test]
fn only_tokens_state_colours_and_sizes() {
    let mut found = Vec::new();
    let mut important = 0;
    for path in files_in(&["static/css"], "css") {
        let text = fs::read_to_string(&path).unwrap();
        let is_tokens = path.ends_with("tokens.css");
        for line in text.lines().map(str::trim) {
            let is_width = line.starts_with("@media") && line.contains("width");
            let value = line.split_once(": ").map_or("", |(_, value)| value);
            let words =
                value.split(|char: char| !char.is_ascii_alphanumeric() && !"#.%".contains(char));
            let units: &[&str] = if is_width { &["px", "rem"] } else { &["px", "rem", "em"] };
            let states = words.filter(|word| !word.is_empty()).any(|word| {
                let begins_with_digit = word.starts_with(|char: char| char.is_ascii_digit());
                let is_size = begins_with_digit && units.iter().any(|unit| word.ends_with(unit));
                is_size || word.starts_with('#') || ["rgb", "rgba", "hsl"].contains(&word)
            });
            if states && (is_width || !is_tokens) {
                found.push(format!("{}: {line}", path.display()));
            }
            important += line.matches("!important").count();
        }
    }
    assert_eq!(found, [""; 0]);
    // The attribute `hidden` alone is stronger than a component.
    assert_eq!(important, 1);
}

/// The limits of the log count by peer. Events that no peer causes are named here.
#[test]
fn every_event_of_the_log_that_a_peer_causes_names_the_peer() {
    let nobodys = [
        // The operator, or the server itself.
        "a template is wrong",
        "browsers before 2023",
        "what has expired was not swept",
        "it is unknown whether the operator",
        "tasks are alive",
        "the database was not looked at",
        "forgot {sessions} sessi",
        "the operator made a link to register with",
        "the task that tells sockets",
        "a socket has no context",
        "are of more schemes than a login",
        "some sockets did not close",
        "some connections did not end",
        "limit on open files",
        // The store, a template or the machine, whatever peer sees it first.
        "a page failed",
        "cannot be drawn",
        "cannot accept a connection",
    ];
    let (mut found, mut events) = (Vec::new(), 0);
    for path in files_in(&["src/http", "src/realtime", "src/service", "src/transport"], "rs") {
        let text = fs::read_to_string(&path).unwrap();
        for event in text.split("tracing::").skip(1) {
            let levels = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];
            let is_of = |level: &&str| event.starts_with(*level);
            let Some(level) = levels.iter().position(is_of) else { continue };
            let event = &event[levels[level].len()..];
            events += usize::from(level < 3);
            let event = event.split(");\n").next().unwrap().split("),\n").next().unwrap();
            let fields = event.split('"').next().unwrap();
            let names_peer =
                ["%address", "address =", "user.id ="].iter().any(|field| fields.contains(field));
            if !names_peer && !nobodys.iter().any(|sentence| event.contains(sentence)) {
                found.push(format!("{}: {event}", path.display()));
            }
        }
    }
    // One peer has one line of each in a minute: more would be a line a second.
    assert!((20..60).contains(&events), "{events}");
    assert_eq!(found, [""; 0]);
}
