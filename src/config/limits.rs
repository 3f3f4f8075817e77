//! The limits on how often something is done, in one table: flags, environment variables, defaults,
//! `--help`, the README's rows and the token buckets follow from it. To add one, add a variant and its
//! row; every event and every route then names it where it is declared.

use std::time::Duration;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use super::value::{Rate, Trimmed, parse_rate};

/// What is counted, and refused when it is done too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitedAction {
    LogIn,
    FailToLogIn,
    Register,
    Search,
    SendMessage,
    Read,
    MarkRead,
    OpenChat,
    ChangeAccount,
    Connect,
    Handshake,
    LoadPage,
    LoadFile,
    SendPacket,
    SendByte,
}

/// Whose actions are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedBy {
    /// The client's address; of IPv6, its /64 network.
    Address,
    /// The person who is logged in.
    Person,
    /// The account that a name belongs to.
    Account,
    /// One socket.
    Socket,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub action: LimitedAction,
    /// Without the dashes.
    pub flag: &'static str,
    pub variable: &'static str,
    pub counted_by: CountedBy,
    pub default: Rate,
    /// As in "too many logins from 192.0.2.7".
    pub noun: &'static str,
    /// What `--help` and the README say.
    pub help: &'static str,
}

const fn per_minute(count: u32) -> Rate {
    Rate { count, per: Duration::from_mins(1) }
}

const fn per_hour(count: u32) -> Rate {
    Rate { count, per: Duration::from_hours(1) }
}

/// How many limits there are. A number, since a type whose length is computed from the table keeps the
/// compiler from building with optimizations.
pub const LIMITS_COUNT: usize = 15;

/// The table, in the order of [`LimitedAction`].
pub const LIMITS: [Limit; LIMITS_COUNT] = [
    Limit {
        action: LimitedAction::LogIn,
        flag: "limit-logins",
        variable: "VISAVIS_LIMIT_LOGINS",
        counted_by: CountedBy::Address,
        default: per_minute(60),
        noun: "logins",
        help: "Logins and changes of a password from one address (of IPv6, one /64), as NUMBER/s, /m or \
               /h: a burst of that size, then refilled evenly",
    },
    Limit {
        action: LimitedAction::FailToLogIn,
        flag: "limit-failures",
        variable: "VISAVIS_LIMIT_FAILURES",
        counted_by: CountedBy::Account,
        default: per_hour(30),
        noun: "failures",
        help: "Wrong passwords of one account before its logins wait two seconds; nobody is locked out",
    },
    Limit {
        action: LimitedAction::Register,
        flag: "limit-registrations",
        variable: "VISAVIS_LIMIT_REGISTRATIONS",
        counted_by: CountedBy::Address,
        default: per_hour(60),
        noun: "registrations",
        help: "Registrations from one address",
    },
    Limit {
        action: LimitedAction::Search,
        flag: "limit-searches",
        variable: "VISAVIS_LIMIT_SEARCHES",
        counted_by: CountedBy::Person,
        default: per_minute(120),
        noun: "searches",
        help: "Searches of one person",
    },
    Limit {
        action: LimitedAction::SendMessage,
        flag: "limit-messages",
        variable: "VISAVIS_LIMIT_MESSAGES",
        counted_by: CountedBy::Person,
        default: per_minute(1200),
        noun: "messages",
        help: "Messages and blocks of one person; a message counts as one more for each 4 kB",
    },
    Limit {
        action: LimitedAction::Read,
        flag: "limit-reads",
        variable: "VISAVIS_LIMIT_READS",
        counted_by: CountedBy::Person,
        default: per_minute(1200),
        noun: "reads",
        help: "How often one person opens a chat, scrolls back in it or catches up after a gap; a long \
               answer counts once more for each 16 kB",
    },
    Limit {
        action: LimitedAction::MarkRead,
        flag: "limit-marks",
        variable: "VISAVIS_LIMIT_MARKS",
        counted_by: CountedBy::Person,
        default: per_minute(1200),
        noun: "read marks",
        help: "How often one person marks messages as read",
    },
    Limit {
        action: LimitedAction::OpenChat,
        flag: "limit-chats",
        variable: "VISAVIS_LIMIT_CHATS",
        counted_by: CountedBy::Person,
        default: per_minute(60),
        noun: "opened chats",
        help: "Chats that one person opens on the find page",
    },
    Limit {
        action: LimitedAction::ChangeAccount,
        flag: "limit-account-changes",
        variable: "VISAVIS_LIMIT_ACCOUNT_CHANGES",
        counted_by: CountedBy::Person,
        default: per_minute(60),
        noun: "account changes",
        help: "Sessions that one person ends on the account page",
    },
    Limit {
        action: LimitedAction::Connect,
        flag: "limit-connects",
        variable: "VISAVIS_LIMIT_CONNECTS",
        counted_by: CountedBy::Person,
        default: per_minute(300),
        noun: "connects",
        help: "Sockets that one person opens",
    },
    Limit {
        action: LimitedAction::Handshake,
        flag: "limit-handshakes",
        variable: "VISAVIS_LIMIT_HANDSHAKES",
        counted_by: CountedBy::Address,
        default: per_minute(1200),
        noun: "handshakes",
        help: "Sockets that begin from one address, logged in or not; polls are not counted",
    },
    Limit {
        action: LimitedAction::LoadPage,
        flag: "limit-pages",
        variable: "VISAVIS_LIMIT_PAGES",
        counted_by: CountedBy::Address,
        default: per_minute(1200),
        noun: "pages",
        help: "Pages and forms from one address, those that are not found included",
    },
    Limit {
        action: LimitedAction::LoadFile,
        flag: "limit-files",
        variable: "VISAVIS_LIMIT_FILES",
        counted_by: CountedBy::Address,
        default: per_minute(6000),
        noun: "files",
        help: "Static files from one address; a first visit loads some five",
    },
    Limit {
        action: LimitedAction::SendPacket,
        flag: "limit-packets",
        variable: "VISAVIS_LIMIT_PACKETS",
        counted_by: CountedBy::Socket,
        default: per_minute(6000),
        noun: "packets",
        help: "Packets of one socket; over this or the next limit the socket is closed",
    },
    Limit {
        action: LimitedAction::SendByte,
        flag: "limit-bytes",
        variable: "VISAVIS_LIMIT_BYTES",
        counted_by: CountedBy::Socket,
        default: per_minute(12_000_000),
        noun: "bytes",
        help: "Bytes that one socket sends; one packet of --max-packet-bytes is always possible",
    },
];

impl LimitedAction {
    /// Its row of the table.
    #[must_use]
    pub fn limit(self) -> &'static Limit {
        &LIMITS[self as usize]
    }
}

/// The rate of each limited action, as the operator has set it.
#[derive(Debug, Clone)]
pub struct RateLimits([Rate; LIMITS_COUNT]);

impl RateLimits {
    #[must_use]
    pub fn of(&self, action: LimitedAction) -> Rate {
        self.0[action as usize]
    }
}

impl Args for RateLimits {
    fn augment_args(command: Command) -> Command {
        LIMITS.iter().fold(command, |command, limit| {
            command.arg(
                Arg::new(limit.flag)
                    .long(limit.flag)
                    .env(limit.variable)
                    .value_name("NUMBER/UNIT")
                    .default_value(limit.default.to_string())
                    .value_parser(Trimmed(parse_rate))
                    .help(limit.help)
                    .global(true),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for RateLimits {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let rate = |limit: &Limit| matches.get_one(limit.flag).copied();
        Ok(Self(LIMITS.each_ref().map(|limit| rate(limit).unwrap_or(limit.default))))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_finds_its_own_row() {
        for (index, limit) in LIMITS.iter().enumerate() {
            assert_eq!(limit.action as usize, index, "{}", limit.flag);
            assert_eq!(limit.action.limit().flag, limit.flag);
            let variable = format!("VISAVIS_{}", limit.flag.replace('-', "_").to_uppercase());
            assert_eq!(limit.variable, variable);
        }
    }

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for limit in &LIMITS {
            assert_eq!(parse_rate(&limit.default.to_string()), Ok(limit.default));
        }
    }
}
