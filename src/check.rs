//! `visavis check`: what would be wrong at the start, one line each.

use std::net::TcpListener;

use visavis::config::Config;
use visavis::http::Views;
use visavis::store::sqlite::{Inspection, SqliteStore};

/// Prints a line for each thing looked at; false when something is wrong.
pub fn run(config: &Config) -> bool {
    let findings = [listen(config), database(config), templates(config), public_url(config)];
    for finding in &findings {
        match finding {
            Ok(line) => println!("ok     {line}"),
            Err(line) => println!("wrong  {line}"),
        }
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

fn database(config: &Config) -> Finding {
    let path = config.database.display();
    match SqliteStore::inspect(&config.database) {
        Ok(Inspection::Missing) => Ok(format!("{path} would be made")),
        Ok(Inspection::Ours) => Ok(format!("{path} is a database of visavis")),
        Ok(Inspection::Flask) => Ok(format!(
            "{path} is the Flask chat's and would be converted, with a backup beside it"
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn templates(_: &Config) -> Finding {
    Views::new().map(|_| "every template parses".to_owned()).map_err(|error| format!("{error:#}"))
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
    Ok(format!("browsers use {}, cookies are {cookies}", url.as_str()))
}
