//! The README's table of settings says what `--help` says, for every setting there is.

use std::fmt::Write;
use std::fs;

use clap::{ArgAction, CommandFactory};
use visavis::config::Config;

const BEGIN: &str = "<!-- settings: made from the program's own flags -->\n";
const END: &str = "<!-- /settings -->\n";

/// The table as the README has it.
fn table() -> String {
    let mut table = String::from("| flag | variable | default | |\n| --- | --- | --- | --- |\n");
    let mut command = Config::command();
    command.build();
    for argument in command.get_arguments() {
        let (Some(flag), Some(variable)) = (argument.get_long(), argument.get_env()) else {
            continue;
        };
        let default = argument.get_default_values().first().map(|value| value.to_string_lossy());
        let default = match argument.get_action() {
            ArgAction::SetTrue => "off".into(),
            _ => default.map_or_else(|| "none".into(), |value| format!("`{value}`")),
        };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.replace('|', "\\|");
        let variable = variable.to_string_lossy();
        writeln!(table, "| `--{flag}` | `{variable}` | {default} | {help} |").unwrap();
    }
    table
}

#[test]
fn the_readme_lists_every_setting_as_the_program_has_it() {
    let readme = fs::read_to_string("README.md").unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has no table of settings");
    let (written, after) = rest.split_once(END).expect("the table of settings does not end");
    let table = table();
    if std::env::var_os("WRITE").is_some() {
        fs::write("README.md", format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(written == table, "the README's table is old; run `make settings-table`\n{table}");
}
