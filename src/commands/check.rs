//! `visavis check`: what would be wrong at the start, one line each.

use std::net::TcpListener;

use visavis::config::Config;
use visavis::http::{check_templates, must_be_folder};
use visavis::store::DatabaseLocation;
use visavis::store::sqlite::{Inspection, SqliteStore};
use visavis::transport::open_files;

use super::say::say;

/// Prints a line for each thing looked at; false when something is wrong.
pub fn run(config: &Config) -> bool {
    let mut findings = vec![listen(config)];
    let (of_database, note) = database(config);
    findings.extend(of_database);
    findings.push(public_url(config));
    findings.extend(templates(config));
    findings.push(static_files(config));
    findings.push(open_files::check(config.max_connections));
    for finding in &findings {
        match finding {
            Ok(line) => say!("ok     {line}"),
            Err(line) => say!("wrong  {line}"),
        }
    }
    if let Some(note) = note {
        say!("note   {note}");
    }
    findings.iter().all(Result::is_ok)
}

type Finding = Result<String, String>;

fn listen(config: &Config) -> Finding {
    match TcpListener::bind(config.listen) {
        Ok(_) => Ok(format!("{} is free to listen on", config.listen)),
        Err(error) => Err(format!("cannot listen on {} (--listen): {error}", config.listen)),
    }
}

/// What is wrong or sound, and what the operator should know though a start goes well.
fn database(config: &Config) -> (Vec<Finding>, Option<String>) {
    let DatabaseLocation::Sqlite(path) = &config.database;
    let sound = SqliteStore::check(path);
    let path = path.display();
    let sound = match sound {
        Ok(sound) => sound,
        Err(faults) => return (faults.iter().map(|fault| Err(fault.to_string())).collect(), None),
    };
    let whose = match sound.found {
        Inspection::Missing => format!("{path} would be made"),
        Inspection::Empty => format!("{path} is empty, and the database would be made in it"),
        Inspection::Ours => format!("{path} is a database of visavis"),
        Inspection::Older => {
            format!("{path} is a database of an older visavis and would be brought to this one")
        }
        Inspection::Flask => {
            format!("{path} is the Flask chat's and would be converted, with a backup beside it")
        }
        Inspection::Unfinished => {
            format!(
                "{path} was left in the middle of a write, which would be undone before it is looked at"
            )
        }
    };
    let note = sound.costly_hashes.sentence().map(|sentence| format!("{path} has {sentence}"));
    (vec![Ok(whose)], note)
}

/// The program's own templates are tested when it is built; a deployment's are not.
fn templates(config: &Config) -> Vec<Finding> {
    let Some(folder) = &config.templates else {
        return vec![Ok("pages are drawn from the templates in the program".to_owned())];
    };
    if let Err(error) = must_be_folder("--templates", folder) {
        return vec![Err(error.to_string())];
    }
    let problems = check_templates(folder);
    if problems.is_empty() {
        return vec![Ok(format!("the templates in {} can be drawn", folder.display()))];
    }
    problems.into_iter().map(Err).collect()
}

fn static_files(config: &Config) -> Finding {
    let Some(folder) = &config.static_files else {
        return Ok("static files are those in the program".to_owned());
    };
    must_be_folder("--static", folder).map_err(|error| error.to_string())?;
    Ok(format!("static files come from {} first", folder.display()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a wrong URL is refused before; a finding like the others"
)]
fn public_url(config: &Config) -> Finding {
    let Some(url) = &config.public_url else {
        return Ok("no --public-url: browsers use the address that this program listens on".into());
    };
    let cookies = if url.is_https() { "secure" } else { "not secure" };
    Ok(format!("browsers use {url}, cookies are {cookies}"))
}
