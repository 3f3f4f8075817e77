//! `visavis.toml`: the settings under the names of their flags. A flag comes before the
//! environment, and that before the file, because the file's values become the flags' defaults.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Command, CommandFactory, Error, FromArgMatches};
use toml::de::{DeTable, DeValue};

use super::Config;
use super::shown::with_short_help;
use super::value::without_secrets;

/// The file that is read when no other is named; it need not exist.
const USUAL: &str = "visavis.toml";

/// How large the file may be. All settings with a comment each take a hundredth of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How much of a value of the wrong kind is shown.
const SHOWN_CHARS_MAX: usize = 60;

/// Reads the arguments (the program's name first), the environment and the file.
///
/// # Errors
/// What clap prints: which value is wrong, where it stands, and what would be right. Asking for
/// help or the version is such an error, too.
pub fn load(arguments: &[OsString]) -> Result<Config, Error> {
    let mut command = command();
    if let Some((path, text)) = read(&command, arguments)? {
        let refuse = |place: usize, reason: String| {
            let line = text.get(..place).unwrap_or_default().matches('\n').count() + 1;
            let sentence = format!("{}: line {line}: {reason}", path.display());
            Config::command().error(ErrorKind::InvalidValue, sentence)
        };
        let table = DeTable::parse(&text).map_err(|error| {
            let place = error.span().map_or(0, |span| span.start);
            refuse(place, error.message().replace('\n', ", "))
        })?;
        for (key, value) in table.get_ref() {
            let source = text.get(value.span()).unwrap_or_default();
            command = with_default(command, key.get_ref(), value.get_ref(), source)
                .map_err(|reason| refuse(key.span().start, reason))?;
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
    let mut said = error.to_string();
    for (_, value) in error.context() {
        if let ContextValue::String(value) = value {
            said = said.replace(value, &without_secrets(value));
        }
    }
    let lines = said.lines().map(str::trim);
    let lines =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let line = lines.join(" ").trim_start_matches("error: ").to_owned();
    // A value may have characters that would do something to a terminal.
    let line = line.replace(char::is_control, "\u{fffd}");
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
    match read_file(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(NotRead::Missing) if named.is_none() => Ok(None),
        Err(reason) => {
            let sentence = format!(
                "cannot read the settings in {} (--config, VISAVIS_CONFIG): {reason}",
                path.display()
            );
            Err(command.clone().error(ErrorKind::Io, sentence))
        }
    }
}

/// Why a settings file was not read.
#[derive(Debug, thiserror::Error)]
enum NotRead {
    #[error("there is no such file; name one, as in --config {USUAL}")]
    Missing,
    #[error("it is no file; name one, as in --config {USUAL}")]
    NoFile,
    #[error("it is larger than {FILE_BYTES_MAX} bytes; name another, as in --config {USUAL}")]
    TooLarge,
    #[error("it is not in UTF-8; write it again as text in UTF-8")]
    NotText,
    #[error("{0}")]
    Failed(std::io::Error),
}

impl From<std::io::Error> for NotRead {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Failed(error),
        }
    }
}

/// The text of a settings file. A pipe is not opened, because its other end may never be: the start would
/// wait for ever. `/dev/null` is an empty file, and so no settings.
fn read_file(path: &Path) -> Result<String, NotRead> {
    let found = fs::metadata(path)?;
    let is_null = |device: u64| fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == device);
    if found.file_type().is_char_device() && is_null(found.rdev()) {
        return Ok(String::new());
    }
    if !found.is_file() {
        return Err(NotRead::NoFile);
    }
    if found.len() > FILE_BYTES_MAX {
        return Err(NotRead::TooLarge);
    }
    String::from_utf8(fs::read(path)?).map_err(|_| NotRead::NotText)
}

/// Makes a value of the file, which stands there as `source`, the default of the flag of that name.
fn with_default(
    command: Command,
    key: &str,
    value: &DeValue<'_>,
    source: &str,
) -> Result<Command, String> {
    let known = |argument: &&clap::Arg| argument.get_long() == Some(key) && key != "config";
    let Some(argument) = command.get_arguments().find(known) else {
        let shown = without_secrets(key);
        return Err(format!("there is no setting {shown:?}; `visavis --help` lists them"));
    };
    let is_switch = matches!(argument.get_action(), ArgAction::SetTrue);
    let text = match value {
        DeValue::Boolean(on) if is_switch => on.to_string(),
        DeValue::String(text) if matches!(text.trim(), "true" | "false") => text.trim().to_owned(),
        _ if is_switch => {
            return Err(format!("{key} is true or false, as in {key} = true, and not {source}"));
        }
        DeValue::String(text) => text.to_string(),
        // A number of any length: the setting's own parser knows which ones it may be.
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.to_string(), |number| number.to_string()),
        DeValue::Array(list) if list.is_empty() && argument.get_value_delimiter().is_some() => {
            return Ok(command);
        }
        DeValue::Array(list) if argument.get_value_delimiter().is_some() => {
            let texts: Option<Vec<&str>> = list.iter().map(|one| one.get_ref().as_str()).collect();
            texts.ok_or_else(|| of_one_kind(argument, key, source))?.join(",")
        }
        _ => return Err(of_one_kind(argument, key, source)),
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

/// The refusal of a value of a kind that the setting does not have.
fn of_one_kind(argument: &clap::Arg, key: &str, source: &str) -> String {
    let default = argument.get_default_values().first().and_then(|value| value.to_str());
    let example = default.unwrap_or(match key {
        "public-url" => "https://chat.example",
        "trusted-proxy" => "10.0.0.0/8",
        // The names of folders and of the cookie.
        _ => key,
    });
    let kinds = match argument.get_value_delimiter() {
        Some(_) => "a text, or a list of them",
        None => "a text or a number",
    };
    let source: String = without_secrets(source).chars().take(SHOWN_CHARS_MAX).collect();
    format!("{key} is {kinds}, as in {key} = {example:?}, and not {source}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DatabaseLocation;

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
        assert_eq!(config.database, DatabaseLocation::Sqlite("messenger.db".into()));
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
            ("listen = [1]", "as in listen = \"127.0.0.1:5000\", and not [1]"),
            (
                "\npublic-url = {}",
                "line 2: public-url is a text or a number, as in public-url = \"https",
            ),
            (
                "trusted-proxy = [1]",
                "trusted-proxy is a text, or a list of them, as in trusted-proxy",
            ),
            ("trusted-proxy = [\"10.0.0.0/8\", \"no\"]", "as in 10.0.0.0/8"),
            ("reload-templates = 1", "as in reload-templates = true"),
            ("max-connections = 99999999999999999999999999999999999999999999", "as in 16384"),
            ("max-connections = 0xffffffffffffffffffffffffffffffffffffffffff", "as in 16384"),
            ("max-connections = -1", "as in 16384"),
            ("templates = \"a\\u0000b\"", "without NUL characters, as in templates"),
            ("listen = \"nowhere\"", "--listen"),
            ("bcrypt-cost = 99", "from 4 to 15, as in 12"),
            ("listen = ", "settings.toml"),
        ] {
            let error = load_with(file, &[]).unwrap_err();
            assert!(error.contains(words) && error.contains("settings.toml"), "{file}: {error}");
        }
    }

    #[test]
    fn a_list_of_proxies_is_a_list_of_the_file_too() {
        for (file, proxies) in [
            ("trusted-proxy = [\"10.0.0.0/8\", \" 127.0.0.1 \"]", 2),
            ("trusted-proxy = \"10.0.0.0/8, 127.0.0.1\"", 2),
            ("trusted-proxy = []", 0),
        ] {
            assert_eq!(load_with(file, &[]).unwrap().trusted_proxy.len(), proxies, "{file}");
        }
        let config = load_with("max-connections = 0x_10", &[]);
        assert!(config.is_err(), "TOML does not know it");
        assert_eq!(load_with("max-connections = 0x1_0", &[]).unwrap().max_connections, 16);
    }

    #[test]
    fn a_file_that_is_named_must_exist() {
        let arguments = ["visavis", "--config", "/nowhere/visavis.toml"].map(OsString::from);
        let error = load(&arguments).unwrap_err().to_string();
        assert!(error.contains("/nowhere/visavis.toml"), "{error}");
    }
}
