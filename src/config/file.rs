//! `visavis.toml`: the settings under the names of their flags. A flag comes before the
//! environment, and that before the file, because the file's values become the flags' defaults.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Command, CommandFactory, Error, FromArgMatches};
use toml::{Table, Value};

use super::Config;
use super::shown::with_short_help;

/// The file that is read when no other is named; it need not exist.
const USUAL: &str = "visavis.toml";

/// Reads the arguments (the program's name first), the environment and the file.
///
/// # Errors
/// What clap prints: which value is wrong, where it stands, and what would be right. Asking for
/// help or the version is such an error, too.
pub fn load(arguments: &[OsString]) -> Result<Config, Error> {
    let mut command = command();
    if let Some((path, text)) = read(&command, arguments)? {
        let refuse = |reason: String| {
            let sentence = format!("{}: {reason}", path.display());
            Config::command().error(ErrorKind::InvalidValue, sentence)
        };
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            refuse(format!("line {line}: {}", error.message().replace('\n', ", ")))
        })?;
        for (key, value) in table {
            command = with_default(command, &key, &value).map_err(refuse)?;
        }
    }
    let mut command = with_short_help(command);
    let matches = command.try_get_matches_from_mut(arguments)?;
    Config::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The flags. An environment variable that is empty counts as unset: container tools set one for
/// `VARIABLE: ${VARIABLE}` where nothing is to be said.
fn command() -> Command {
    let is_empty = |variable: &OsStr| {
        std::env::var_os(variable)
            .is_some_and(|value| value.to_str().is_some_and(|text| text.trim().is_empty()))
    };
    Config::command().mut_args(|argument| match argument.get_env() {
        Some(variable) if is_empty(variable) => argument.env(Resettable::Reset),
        _ => argument,
    })
}

/// What is wrong with the settings, in one line that names the variable beside the flag. `None` for
/// what is no complaint but a page of help.
#[must_use]
pub fn complaint(error: &Error) -> Option<String> {
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    (error.use_stderr() && !is_help).then(|| one_line(error))
}

fn one_line(error: &Error) -> String {
    let said = error.to_string();
    let lines = said.lines().map(str::trim);
    let lines =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let line = lines.join(" ").trim_start_matches("error: ").to_owned();
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else {
        return line;
    };
    let flag = named.split(' ').next().and_then(|flag| flag.strip_prefix("--"));
    let command = Config::command();
    let argument = command.get_arguments().find(|known| flag.is_some() && known.get_long() == flag);
    match argument.and_then(clap::Arg::get_env).and_then(OsStr::to_str) {
        Some(variable) => line.replacen(named, &format!("{named}, {variable}"), 1),
        None => line,
    }
}

/// The file's path and text; `None` when none is named and the usual one does not exist.
fn read(command: &Command, arguments: &[OsString]) -> Result<Option<(PathBuf, String)>, Error> {
    let asked = with_short_help(command.clone()).ignore_errors(true);
    let matches = asked.try_get_matches_from(arguments)?;
    let named = matches.get_one::<PathBuf>("config");
    let path = named.map_or(Path::new(USUAL), PathBuf::as_path);
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let sentence = format!("cannot read {} (--config): {error}", path.display());
            Err(command.clone().error(ErrorKind::Io, sentence))
        }
    }
}

/// Makes a value of the file the default of the flag of that name.
fn with_default(command: Command, key: &str, value: &Value) -> Result<Command, String> {
    let known = |argument: &&clap::Arg| argument.get_long() == Some(key) && key != "config";
    let Some(argument) = command.get_arguments().find(known) else {
        return Err(format!("there is no setting {key:?}; `visavis --help` lists them"));
    };
    let is_switch = matches!(argument.get_action(), ArgAction::SetTrue);
    let text = match value {
        Value::String(text) if !is_switch => text.clone(),
        Value::Integer(number) if !is_switch => number.to_string(),
        Value::Boolean(on) if is_switch => on.to_string(),
        Value::String(text) if matches!(text.trim(), "true" | "false") => text.trim().to_owned(),
        _ if is_switch => return Err(format!("{key} is true or false, not {value}")),
        _ => return Err(format!("{key} is a text or a number, not {value}")),
    };
    let id = argument.get_id().clone();
    // Parsed here, so that what is wrong is said of the file and not of a flag nobody gave.
    // Without the environment, whose faults are not the file's.
    let alone = command.clone().mut_args(|argument| argument.env(Resettable::Reset));
    let alone = alone.ignore_errors(false).subcommand_required(false);
    if !is_switch {
        let given = ["visavis".to_owned(), format!("--{key}={text}")];
        alone.try_get_matches_from(given).map_err(|error| one_line(&error))?;
    }
    Ok(command.mut_arg(id, |argument| argument.default_value(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_with(file: &str, arguments: &[&str]) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.toml");
        std::fs::write(&path, file).unwrap();
        let config = format!("--config={}", path.display());
        let arguments = ["visavis", &config].into_iter().chain(arguments.iter().copied());
        let arguments: Vec<OsString> = arguments.map(OsString::from).collect();
        load(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn a_flag_comes_before_the_file_and_the_file_before_the_default() {
        let file =
            "listen = \"127.0.0.1:7000\"\nbcrypt-cost = 5\npublic-url = \"https://chat.example\"";
        let config = load_with(file, &["--listen", "127.0.0.1:8000"]).unwrap();
        assert_eq!(config.listen.port(), 8000);
        assert_eq!(config.bcrypt_cost, 5);
        assert_eq!(config.public_url.unwrap().to_string(), "https://chat.example");
        assert_eq!(config.database, Path::new("messenger.db"));
    }

    #[test]
    fn the_file_serves_subcommands_too() {
        let config = load_with("listen = \"127.0.0.1:7000\"", &["health"]).unwrap();
        assert_eq!(config.listen.port(), 7000);
    }

    #[test]
    fn the_log_is_set_for_subcommands_too() {
        let config = load_with("", &["user", "list", "--log=debug", "--log-format=json"]).unwrap();
        assert_eq!(config.log, "debug");
        assert_eq!(config.log_format, crate::config::LogFormat::Json);
    }

    #[test]
    fn what_is_wrong_in_the_file_is_said_with_its_name() {
        for (file, words) in [
            ("colour = \"blue\"", "there is no setting \"colour\""),
            ("config = \"other.toml\"", "there is no setting \"config\""),
            ("listen = [1]", "listen is a text or a number"),
            ("listen = \"nowhere\"", "--listen"),
            ("bcrypt-cost = 99", "99 is not in 4..=15"),
            ("listen = ", "settings.toml"),
        ] {
            let error = load_with(file, &[]).unwrap_err();
            assert!(error.contains(words) && error.contains("settings.toml"), "{file}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_named_must_exist() {
        let arguments = ["visavis", "--config", "/nowhere/visavis.toml"].map(OsString::from);
        let error = load(&arguments).unwrap_err().to_string();
        assert!(error.contains("/nowhere/visavis.toml"), "{error}");
    }
}
