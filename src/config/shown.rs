//! Which flags the help of a subcommand shows. All of them are taken after every subcommand; but most
//! mean something to the server only, and would hide the few that the subcommand heeds.

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

/// Hides in each subcommand the flags that it does not heed. Called when the flags have their defaults,
/// because each subcommand gets a copy of them.
pub(super) fn with_short_help(command: Command) -> Command {
    let flags: Vec<Arg> =
        command.get_arguments().filter(|flag| flag.is_global_set()).cloned().collect();
    command.mut_subcommands(|subcommand| hide_in(subcommand, &flags))
}

fn hide_in(subcommand: Command, flags: &[Arg]) -> Command {
    let heeded = heeded(subcommand.get_name());
    // The short help, which is shown where a command is missing, is about the commands.
    let is_group = subcommand.has_subcommands();
    let copies = flags.iter().map(|flag| {
        let is_heeded =
            heeded.is_none_or(|heeded| flag.get_long().is_some_and(|name| heeded.contains(&name)));
        flag.clone().hide(!is_heeded).hide_short_help(is_group)
    });
    subcommand.args(copies).mut_subcommands(|inner| hide_in(inner, flags))
}
