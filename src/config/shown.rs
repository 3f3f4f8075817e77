//! Which flags the help of a subcommand shows, and what it says of them. All flags are taken after every
//! subcommand; but most mean something to the server only, and would hide the few that the subcommand heeds.

use clap::{Arg, Command};

const DATABASE: &[&str] = &["config", "database", "log", "log-format"];
/// Links begin with the address that browsers use.
const LINK: &[&str] = &["config", "listen", "database", "public-url", "log", "log-format"];

/// The flags that a subcommand heeds; `None` where that is all of them.
fn heeded(subcommand: &str) -> Option<&'static [&'static str]> {
    match subcommand {
        "health" => Some(&["config", "listen"]),
        "invite" | "user" | "add" | "reset-password" => Some(LINK),
        "import" | "backup" | "export" | "list" | "disable" | "enable" | "sign-out" => {
            Some(DATABASE)
        }
        // A check looks at all of them.
        _ => None,
    }
}

/// What a flag means to a subcommand, where that is not what it means to the server.
fn help(subcommand: &str, flag: &str) -> Option<&'static str> {
    let help = match (flag, subcommand) {
        ("database", "import") => "The database file to make; it must not exist yet",
        ("database", "add" | "invite") => {
            "The database file; one that is missing is made only with --create"
        }
        // A check looks at what the server would do.
        ("database", "check") => return None,
        ("database", "user") => "The database file; it must exist, unless add --create makes it",
        ("database", _) => "The database file; it must exist",
        ("listen", "health") => "Where the server listens",
        ("listen", "invite" | "user" | "add" | "reset-password") => {
            "Where the server listens: the link starts with it if there is no --public-url"
        }
        ("public-url", "invite" | "user" | "add" | "reset-password") => {
            "The address that browsers use, as in https://chat.example: the link starts with it"
        }
        _ => return None,
    };
    Some(help)
}

/// Hides in each subcommand the flags that it does not heed, and explains the others. Called when the flags have their defaults,
/// because each subcommand gets a copy of them.
pub(super) fn with_short_help(command: Command) -> Command {
    let flags: Vec<Arg> =
        command.get_arguments().filter(|flag| flag.is_global_set()).cloned().collect();
    command.mut_subcommands(|subcommand| hide_in(subcommand, &flags))
}

fn hide_in(subcommand: Command, flags: &[Arg]) -> Command {
    let subcommand_name = subcommand.get_name().to_owned();
    let heeded = heeded(&subcommand_name);
    // The short help, which is shown where a command is missing, is about the commands.
    let is_group = subcommand.has_subcommands();
    let copies = flags.iter().map(move |flag| {
        let name = flag.get_long().unwrap_or_default();
        let is_heeded = heeded.is_none_or(|heeded| heeded.contains(&name));
        let shown = flag.clone().hide(!is_heeded).hide_short_help(is_group);
        match help(&subcommand_name, name) {
            Some(help) => shown.help(help).long_help(None),
            None => shown,
        }
    });
    subcommand.args(copies).mut_subcommands(|inner| hide_in(inner, flags))
}
