//! Settings as people and container tools write them: left empty, with blanks, in short, or wrong.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output};

use clap::{CommandFactory, Parser};
use visavis::config::Config;

use super::support::program::{PROGRAM, said};

/// The flag, the variable and a right value of each setting.
fn settings() -> Vec<(String, String, String)> {
    let command = Config::command();
    let with_variable = command.get_arguments().filter(|argument| argument.get_env().is_some());
    let settings = with_variable.map(|argument| {
        let flag = argument.get_long().unwrap().to_owned();
        let default = argument.get_default_values().first();
        let value = match (default, flag.as_str()) {
            (_, "listen") => "127.0.0.1:0",
            (Some(value), _) => value.to_str().unwrap(),
            (None, "public-url") => "https://chat.example",
            (None, "trusted-proxy") => "127.0.0.1 , 10.0.0.0/8",
            (None, _) => "a_name",
        };
        let variable = argument.get_env().unwrap().to_str().unwrap().to_owned();
        (flag, variable, value.to_owned())
    });
    settings.collect()
}

/// What `visavis check` says with the variables, in a folder with that settings file.
fn checked(variables: &[(String, String)], file: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("visavis.toml"), file).unwrap();
    let mut command = Command::new(PROGRAM);
    command.current_dir(dir.path()).arg("check");
    // A port that is free, where no variable and no file names one.
    if !file.contains("listen") && variables.iter().all(|(name, _)| name != "VISAVIS_LISTEN") {
        command.arg("--listen=127.0.0.1:0");
    }
    let output = command.envs(variables.iter().cloned()).output().unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(both).unwrap())
}

#[test]
fn an_empty_variable_is_an_unset_one_for_every_setting() {
    let file = "listen = \"127.0.0.1:0\"\ndatabase = \"of_the_file.db\"";
    for empty in ["", " ", " \t"] {
        let variables: Vec<_> =
            settings().into_iter().map(|(_, variable, _)| (variable, empty.to_owned())).collect();
        let (code, lines) = checked(&variables, file);
        assert_eq!(code, Some(0), "{empty:?}: {lines}");
        assert!(lines.contains("of_the_file.db would be made"), "{lines}");
        assert!(lines.contains("no --public-url"), "{lines}");
    }
}

#[test]
fn blanks_around_a_value_are_ignored_for_every_setting() {
    for (flag, _, value) in settings() {
        if flag == "reload-templates" {
            continue; // takes no value as a flag
        }
        let read = |value: String| {
            let config = Config::try_parse_from(["visavis", &format!("--{flag}={value}")]);
            format!("{:?}", config.unwrap_or_else(|error| panic!("{error}")))
        };
        assert_eq!(read(format!(" {value}\t ")), read(value.replace(' ', "")), "--{flag}");
    }
}

#[test]
fn blanks_are_ignored_in_variables_and_in_the_file() {
    // Folders and a file that exist nowhere are named by these.
    let names_nothing = ["config", "templates", "static"];
    let (mut variables, mut lines) = (Vec::new(), Vec::new());
    for (flag, variable, value) in settings() {
        if names_nothing.contains(&flag.as_str()) {
            continue;
        }
        if flag == "reload-templates" {
            variables.push((variable, " true ".to_owned()));
            continue;
        }
        lines.push(format!("{flag} = \"  {value} \""));
        variables.push((variable, format!("  {value} ")));
    }
    for (variables, file) in [(variables, String::new()), (Vec::new(), lines.join("\n"))] {
        let (code, lines) = checked(&variables, &file);
        assert_eq!(code, Some(0), "{lines}");
        assert!(lines.contains("messenger.db would be made"), "{lines}");
        assert!(lines.contains("browsers use https://chat.example,"), "{lines}");
    }
}

/// Standard output and error of the program, and its exit code.
fn printed(arguments: &[&str]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM).current_dir(dir.path()).args(arguments).output().unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(both).unwrap())
}

#[test]
fn the_help_of_a_subcommand_shows_the_flags_that_it_heeds() {
    let link = ["--config", "--listen", "--database", "--public-url", "--log", "--log-format"];
    let database = ["--config", "--database", "--log", "--log-format"];
    for (arguments, flags) in [
        (&["user"][..], &link[..]),
        (&["user", "add"], &link),
        (&["user", "reset-password"], &link),
        (&["invite"], &link),
        (&["user", "list"], &database),
        (&["user", "disable"], &database),
        (&["user", "enable"], &database),
        (&["user", "sign-out"], &database),
        (&["import"], &database),
        (&["export"], &database),
        (&["backup"], &database),
        (&["health"], &["--config", "--listen"]),
    ] {
        let (code, help) = printed(&[arguments, &["--help"]].concat());
        let own = ["--help", "--create", "--valid-for", "--check", "--flask"];
        let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let shown = lines.filter_map(|line| line.split(' ').find(|word| word.starts_with("--")));
        let shown: Vec<&str> = shown.filter(|flag| !own.contains(flag)).collect();
        assert_eq!((code, &shown[..]), (Some(0), flags), "{arguments:?}: {help}");
    }
    let (_, help) = printed(&["check", "--help"]);
    for (flag, ..) in settings() {
        assert!(help.contains(&format!("--{flag}")), "--{flag} is not in {help}");
    }
}

#[test]
fn the_help_of_a_subcommand_says_what_becomes_of_a_database_that_is_missing() {
    for (arguments, words) in [
        (&["check"][..], "made when it is missing"),
        (&["user", "add"], "made only with --create"),
        (&["invite"], "made only with --create"),
        (&["import"], "must not exist yet"),
        (&["user"], "must exist"),
        (&["user", "list"], "must exist"),
        (&["user", "disable"], "must exist"),
        (&["user", "reset-password"], "must exist"),
        (&["export"], "must exist"),
        (&["backup"], "must exist"),
    ] {
        let (_, help) = printed(&[arguments, &["--help"]].concat());
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let (_, of_database) = help.split_once("--database <FILE> ").unwrap();
        let (of_database, _) = of_database.split_once(" [env").unwrap();
        assert!(of_database.contains(words), "{arguments:?}: {of_database}");
    }
}

#[test]
fn every_argument_of_every_subcommand_has_a_help() {
    fn without_help(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        for argument in command.get_arguments().filter(|argument| argument.get_help().is_none()) {
            found.push(format!("{path} {}", argument.get_id()));
        }
        for subcommand in command.get_subcommands() {
            without_help(subcommand, &format!("{path} {}", subcommand.get_name()), found);
        }
    }
    let mut found = Vec::new();
    without_help(&Config::command(), "visavis", &mut found);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_group_without_a_command_shows_its_commands_only() {
    let (code, help) = printed(&["user"]);
    assert_eq!(code, Some(2));
    for command in ["list", "add", "disable", "enable", "reset-password", "sign-out"] {
        assert!(help.contains(&format!("  {command} ")), "{command} is not in {help}");
    }
    assert!(!help.contains("--database") && help.lines().count() < 25, "{help}");
}

#[test]
fn every_flag_is_taken_before_and_after_every_subcommand() {
    for flag in ["--max-connections=0", "--limit-pages=0/m"] {
        for arguments in [&["user", "list", flag][..], &["user", flag, "list"], &[flag, "health"]] {
            let (code, line) = printed(arguments);
            assert_eq!((code, line.lines().count()), (Some(2), 1), "{arguments:?}: {line}");
            assert!(line.contains("as in"), "{line}");
        }
    }
}

#[test]
fn a_wrong_variable_is_not_blamed_on_the_file() {
    for (variable, value, flag) in [
        ("VISAVIS_LISTEN", "nowhere", "--listen"),
        ("VISAVIS_RELOAD_TEMPLATES", "nein", "--reload-templates"),
        ("VISAVIS_LOG", "a=debug;b=info", "--log"),
    ] {
        let variables = [(variable.to_owned(), value.to_owned())];
        let (code, lines) = checked(&variables, "limit-bytes = \"5000000/m\"");
        assert_eq!(code, Some(2), "{lines}");
        assert!(lines.contains(flag) && lines.contains(variable), "{lines}");
        assert!(!lines.contains("visavis.toml"), "{lines}");
        assert_eq!(lines.lines().count(), 1, "{lines}");
    }
}

#[test]
fn a_wrong_setting_names_the_flag_and_an_example() {
    for (flag, value, words) in [
        ("listen", "chat.example:5000", "as in 127.0.0.1:5000"),
        ("public-url", "chat.example", "https://chat.example"),
        ("bcrypt-cost", "99", "from 4 to 15, as in 12"),
        ("registration", "perhaps", "open, invite, closed"),
        ("rate-limits", "no", "on, off"),
        ("trusted-proxy", "proxy", "as in 10.0.0.0/8"),
        ("max-connections", "0", "as in 16384"),
        ("limit-handshakes", "1200", "as in 60/m"),
        ("max-sockets-per-user", "0", "as in 64"),
        ("max-sockets-per-address", "many", "as in 1024"),
        ("max-body-bytes", "64k", "as in 65536"),
        ("max-packet-bytes", "1000", "from 121000 to 1000000000, as in 1000000"),
        ("max-message-chars", "10001", "from 1 to 10000, as in 2000"),
        ("max-json-depth", "-1", "as in 32"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let flagged = format!("--{flag}={value}");
        let variable = format!("VISAVIS_{}", flag.to_uppercase().replace('-', "_"));
        for command in [&[][..], &["check"]] {
            let program = || {
                let mut program = Command::new(PROGRAM);
                program.current_dir(dir.path()).args(command);
                program
            };
            let by_flag = program().arg(&flagged).output().unwrap();
            let by_variable = program().env(&variable, value).output().unwrap();
            for output in [by_flag, by_variable] {
                let (code, line) = said(output);
                assert_eq!(code, Some(2), "{line}");
                assert_eq!(line.lines().count(), 1, "{line}");
                for words in [&format!("--{flag}"), &variable, value, words] {
                    assert!(line.contains(words), "{words:?} is not in {line}");
                }
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was made");
    }
}

#[test]
fn a_filter_of_the_log_that_is_wrong_is_told_with_an_example() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    let output = command.current_dir(dir.path()).args(["--log", "a=b=c"]).output().unwrap();
    let (code, line) = said(output);
    assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
    assert!(line.contains("visavis=debug"), "{line}");
}

#[test]
fn a_file_with_settings_that_is_wrong_is_told_in_one_line() {
    for (text, words) in [
        ("max-json-depth = 0", "as in 32"),
        ("registration = \"perhaps\"", "open, invite, closed"),
        ("listen = \"127.0.0.1:0\"\nmax-body-bytes = ", "line 2"),
        ("colour = \"blue\"", "there is no setting"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("visavis.toml"), text).unwrap();
        let (code, line) = said(Command::new(PROGRAM).current_dir(dir.path()).output().unwrap());
        assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.contains("visavis.toml") && line.contains(words), "{line}");
    }
}

#[test]
fn settings_come_from_the_flag_then_the_environment_then_the_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("visavis.toml"), "database = \"file.db\"\nlisten = \"127.0.0.1:0\"")
        .unwrap();
    let database = |environment: Option<&str>, flag: Option<&str>| {
        let mut command = Command::new(PROGRAM);
        command.current_dir(dir.path()).arg("check");
        environment.map(|value| command.env("VISAVIS_DATABASE", value));
        flag.map(|value| command.args(["--database", value]));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(database(None, None).contains("file.db would be made"));
    assert!(database(Some("environment.db"), None).contains("environment.db would be made"));
    assert!(database(Some("environment.db"), Some("flag.db")).contains("flag.db would be made"));
}

/// A right value of each kind stands in the sentence about a wrong one.
#[track_caller]
fn assert_refused(output: Output, words: &[&str]) {
    let line = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1), "{line}");
    assert!(!line.trim_end().contains(char::is_control), "{line:?}");
    for words in words {
        assert!(line.contains(words), "{words:?} is not in {line}");
    }
    let has_example = line.contains("as in ") || line.contains("[possible values: ");
    assert!(has_example, "no example is in {line}");
}

/// The program, which gives up after a while, in that folder.
fn program(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new("timeout");
    command.current_dir(folder.path()).args(["30", PROGRAM]);
    command
}

#[test]
fn an_empty_flag_is_refused_with_its_name_and_an_example() {
    let dir = tempfile::tempdir().unwrap();
    for (flag, variable, _) in settings() {
        if flag == "reload-templates" {
            continue; // takes no value as a flag
        }
        for value in ["", " "] {
            let output = program(&dir).arg("check").arg(format!("--{flag}={value}")).output();
            assert_refused(output.unwrap(), &[&format!("--{flag}"), &variable]);
        }
    }
}

#[test]
fn a_variable_that_is_no_text_is_refused_with_its_name_and_an_example() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["config", "database", "templates", "static"];
    for (flag, variable, _) in settings() {
        if paths.contains(&flag.as_str()) {
            continue; // a path may have any bytes
        }
        let value = OsStr::from_bytes(b"caf\xe9");
        let output = program(&dir).arg("check").env(&variable, value).output().unwrap();
        assert_refused(output, &[&format!("--{flag}"), &variable, "caf\u{fffd}"]);
    }
    let filter = OsStr::from_bytes(b"caf\xe9=debug");
    let output = program(&dir).arg("check").env("VISAVIS_LOG", filter).output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.contains("--log") && line.contains("UTF-8"), "{line}");
}

#[test]
fn an_argument_that_is_no_text_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&["user", "add"][..], "<NAME>"),
        (&["user", "disable"], "<NAME>"),
        (&["invite", "--valid-for"], "--valid-for"),
    ] {
        let output =
            program(&dir).args(arguments).arg(OsStr::from_bytes(b"\xe9")).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.contains(words), "{line}");
    }
}

#[test]
fn a_settings_file_that_cannot_be_read_is_named_and_waited_for_by_nobody() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    fs::write(dir.path().join("latin"), b"database = \"caf\xe9\"").unwrap();
    fs::File::create(dir.path().join("large")).unwrap().set_len(1 << 30).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap().success());
    for (file, reason) in [
        ("nope", "there is no such file"),
        ("folder", "it is no file"),
        ("pipe", "it is no file"),
        ("/dev/zero", "it is no file"),
        ("large", "it is larger than"),
        ("latin", "it is not in UTF-8"),
    ] {
        let by_flag = program(&dir).args(["check", "--config", file]).output().unwrap();
        let by_variable = program(&dir).arg("check").env("VISAVIS_CONFIG", file).output().unwrap();
        for output in [by_flag, by_variable] {
            let line = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1), "{line}");
            for words in [file, reason, "--config, VISAVIS_CONFIG"] {
                assert!(line.contains(words), "{words:?} is not in {line}");
            }
        }
    }
    fs::rename(dir.path().join("pipe"), dir.path().join("visavis.toml")).unwrap();
    assert_eq!(program(&dir).arg("check").output().unwrap().status.code(), Some(2));
    // No settings at all, whatever stands in the usual file.
    let arguments = ["check", "--listen=127.0.0.1:0", "--config=/dev/null"];
    assert!(program(&dir).args(arguments).status().unwrap().success());
}

#[test]
fn a_value_of_the_file_that_cannot_be_taken_is_refused_with_its_line_and_an_example() {
    let dir = tempfile::tempdir().unwrap();
    for (flag, ..) in settings() {
        if flag == "config" {
            continue; // cannot be set in the file
        }
        for wrong in ["[[1]]", "{ a = 1 }", "1979-05-27", "\"a\\u0000b\"", "\"\""] {
            if wrong.starts_with('"') && flag == "reload-templates" {
                continue; // takes words of its own
            }
            fs::write(dir.path().join("visavis.toml"), format!("\n{flag} = {wrong}")).unwrap();
            let output = program(&dir).arg("check").output().unwrap();
            assert_refused(output, &["visavis.toml: line 2: ", &flag]);
        }
    }
}
