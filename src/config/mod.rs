//! Everything that can be set: each field is a flag and an environment variable, and its comment
//! is what `--help` says.

pub mod file;
mod limits;
mod listen;
mod log;
mod origin;
mod public_url;
mod shown;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::{EnumValueParser, TypedValueParser};
use ipnet::IpNet;

pub use self::limits::{CountedBy, LIMITS, LIMITS_COUNT, Limit, LimitedAction, RateLimits};
use self::listen::parse_listen;
pub use self::log::log_filter;
use self::log::parse_log;
pub use self::origin::Origin;
pub use self::public_url::PublicUrl;
use self::public_url::parse_public_url;
pub use self::value::{ContentPolicy, LogFormat, Rate, Registration, Sizes, Switch};
use self::value::{
    Database, MESSAGE_CHARS_MAX, PACKET_BYTES_MIN, Trimmed, parse_cookie_name, parse_network,
    parse_switch, within,
};
pub(crate) use self::value::{FilePath, InUtf8};
use crate::command::Command;
use crate::domain::BCRYPT_COST_MAX;
use crate::store::DatabaseLocation;

/// A chat for two on your own server: one program, one SQLite file.
///
/// Serves the chat until it is told to stop (Ctrl-C or SIGTERM). A database of the Flask chat is
/// converted when it is opened; the file as it was stays beside it, as FILE.flask-backup.
#[derive(Debug, Clone, Parser)]
#[expect(clippy::doc_markdown, reason = "`--help` prints these comments as they stand")]
#[command(version, max_term_width = 100)]
pub struct Config {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// A file with settings under the names of these flags [default: visavis.toml, if it is there]
    #[arg(long, global = true, env = "VISAVIS_CONFIG", value_name = "FILE",
          value_parser = FilePath("visavis.toml"))]
    pub config: Option<PathBuf>,

    /// The address and port to listen on; a port alone, as in 5000, is one of 127.0.0.1, and
    /// 0.0.0.0:5000 is reached from everywhere
    #[arg(
        long,
        global = true,
        env = "VISAVIS_LISTEN",
        default_value = "127.0.0.1:5000",
        value_name = "ADDRESS:PORT",
        value_parser = Trimmed(parse_listen)
    )]
    pub listen: SocketAddr,

    /// The database file, or its URL, as in sqlite:///srv/visavis/messenger.db; made when it is missing
    #[arg(
        long,
        global = true,
        env = "VISAVIS_DATABASE",
        // The help would show a password.
        hide_env_values = true,
        default_value = "messenger.db",
        value_name = "FILE",
        value_parser = Database
    )]
    pub database: DatabaseLocation,

    /// The address that browsers use, if a proxy stands before this program, as in
    /// https://chat.example or https://example.org/chat; https makes the cookie secure
    #[arg(long, global = true, env = "VISAVIS_PUBLIC_URL", value_name = "URL", value_parser = Trimmed(parse_public_url))]
    pub public_url: Option<PublicUrl>,

    /// The name of the session's cookie, for instances that share a host and a port inside their
    /// containers [default: visavis_session_ and the port that is listened on]
    #[arg(long, global = true, env = "VISAVIS_COOKIE_NAME", value_name = "NAME", value_parser = Trimmed(parse_cookie_name))]
    pub cookie_name: Option<String>,

    /// A folder of Jinja templates that come before the embedded ones, file by file
    #[arg(long, global = true, env = "VISAVIS_TEMPLATES", value_name = "DIR",
          value_parser = FilePath("templates"))]
    pub templates: Option<PathBuf>,

    /// A folder of static files that come before the embedded ones, file by file
    #[arg(long = "static", global = true, env = "VISAVIS_STATIC", value_name = "DIR",
          value_parser = FilePath("static"))]
    pub static_files: Option<PathBuf>,

    /// Read the templates again for each page, while they are being written
    #[arg(long, global = true, env = "VISAVIS_RELOAD_TEMPLATES", value_parser = Trimmed(parse_switch))]
    pub reload_templates: bool,

    /// Whether pages may load and run only what comes from this server; auto means on, but off
    /// with --templates or --static, whose pages may load from elsewhere
    #[arg(
        long,
        global = true,
        env = "VISAVIS_CONTENT_SECURITY_POLICY",
        default_value = "auto",
        value_name = "MODE",
        value_parser = Trimmed(EnumValueParser::<ContentPolicy>::new())
    )]
    pub content_security_policy: ContentPolicy,

    /// How many connections are served at once, each with a file handle; one more takes the place of one
    /// that has sent nothing, or is refused
    #[arg(
        long,
        global = true,
        env = "VISAVIS_MAX_CONNECTIONS",
        default_value_t = 16_384,
        value_name = "NUMBER",
        value_parser = Trimmed(within(1..=1_000_000, 16_384))
    )]
    pub max_connections: usize,

    /// Who may register; accounts that exist go on as before
    #[arg(
        long,
        global = true,
        env = "VISAVIS_REGISTRATION",
        default_value = "open",
        value_name = "MODE",
        value_parser = Trimmed(EnumValueParser::<Registration>::new())
    )]
    pub registration: Registration,

    /// The address of a proxy whose X-Forwarded-For or Forwarded is trusted, or its network, as in
    /// 10.0.0.0/8; several are separated by commas
    #[arg(long, global = true, env = "VISAVIS_TRUSTED_PROXY", value_name = "ADDRESS",
          value_delimiter = ',', value_parser = Trimmed(parse_network))]
    pub trusted_proxy: Vec<IpNet>,

    /// Whether the limits that follow hold, on rates and on the sockets and connections of a person or an
    /// address: over one, a request is refused with the time to wait. From --max-body-bytes on they hold in
    /// any case
    #[arg(
        long,
        global = true,
        env = "VISAVIS_RATE_LIMITS",
        default_value = "on",
        value_name = "MODE",
        value_parser = Trimmed(EnumValueParser::<Switch>::new())
    )]
    pub rate_limits: Switch,

    #[command(flatten)]
    pub limits: RateLimits,

    /// How many sockets one person may have at a time
    #[arg(long, global = true, env = "VISAVIS_MAX_SOCKETS_PER_USER", default_value_t = 64, value_name = "NUMBER",
          value_parser = Trimmed(within(1..=1_000_000, 64)))]
    pub max_sockets_per_user: usize,

    /// How many sockets one address may have at a time, logged in or not; each counts for 10 s at least
    #[arg(long, global = true, env = "VISAVIS_MAX_SOCKETS_PER_ADDRESS", default_value_t = 1024, value_name = "NUMBER",
          value_parser = Trimmed(within(1..=1_000_000, 1024)))]
    pub max_sockets_per_address: usize,

    /// How many connections one address may have at a time; a --trusted-proxy may have more
    #[arg(long, global = true, env = "VISAVIS_MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 2048, value_name = "NUMBER",
          value_parser = Trimmed(within(1..=1_000_000, 2048)))]
    pub max_connections_per_address: usize,

    /// How many bytes a form or a search may have
    #[arg(long, global = true, env = "VISAVIS_MAX_BODY_BYTES", default_value_t = 65_536, value_name = "BYTES",
          value_parser = Trimmed(within(1000..=1_000_000_000, 65_536)))]
    pub max_body_bytes: usize,

    /// How many bytes a packet of a socket may have; at least 121000, so that every message fits
    #[arg(long, global = true, env = "VISAVIS_MAX_PACKET_BYTES", default_value_t = 1_000_000, value_name = "BYTES",
          value_parser = Trimmed(within(PACKET_BYTES_MIN..=1_000_000_000, 1_000_000)))]
    pub max_packet_bytes: usize,

    /// How many bytes may wait for all sockets together, because their peers do not read; over it, the
    /// sockets with most of them are cut. One socket may have 6 MB, and one person 24 MB, in any case
    #[arg(long, global = true, env = "VISAVIS_MAX_QUEUED_BYTES", default_value_t = 256_000_000, value_name = "BYTES",
          value_parser = Trimmed(within(10_000_000..=1_000_000_000_000, 256_000_000)))]
    pub max_queued_bytes: usize,

    /// How many characters a message may have, at most 10000
    #[arg(long, global = true, env = "VISAVIS_MAX_MESSAGE_CHARS", default_value_t = MESSAGE_CHARS_MAX, value_name = "NUMBER",
          value_parser = Trimmed(within(1..=MESSAGE_CHARS_MAX, 2000)))]
    pub max_message_chars: usize,

    /// How deep the JSON of a search or an event may be nested
    #[arg(long, global = true, env = "VISAVIS_MAX_JSON_DEPTH", default_value_t = 32, value_name = "NUMBER",
          value_parser = Trimmed(within(1..=100, 32)))]
    pub max_json_depth: usize,

    /// The cost of new password hashes: each step doubles the time of a login, and of a guess. A hash of a
    /// lower cost is replaced at its owner's next login
    #[arg(long, global = true, env = "VISAVIS_BCRYPT_COST", default_value_t = 12, value_name = "4-15",
          value_parser = Trimmed(within(4..=BCRYPT_COST_MAX as usize, 12).try_map(u32::try_from)))]
    pub bcrypt_cost: u32,

    /// What to log: error, warn, info, debug or trace, or filters such as visavis::http=debug, which
    /// are added to info. How many lines peers cause is limited up to info only
    #[arg(long, global = true, env = "VISAVIS_LOG", default_value = "info", value_name = "LEVEL", value_parser = Trimmed(parse_log))]
    pub log: String,

    /// How to write the log
    #[arg(
        long,
        global = true,
        env = "VISAVIS_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT",
        value_parser = Trimmed(EnumValueParser::<LogFormat>::new())
    )]
    pub log_format: LogFormat,
}

impl Config {
    /// Whether a stranger who was told nothing may register.
    #[must_use]
    pub fn is_registration_open(&self) -> bool {
        self.registration == Registration::Open
    }

    /// How large may be what people send.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            body_bytes: self.max_body_bytes,
            packet_bytes: self.max_packet_bytes,
            queued_bytes: self.max_queued_bytes,
            message_chars: self.max_message_chars,
            json_depth: self.max_json_depth,
        }
    }

    /// Whether there are limits on how often somebody may do something, and on sockets.
    #[must_use]
    pub fn has_rate_limits(&self) -> bool {
        self.rate_limits == Switch::On
    }

    /// Whether pages say that browsers may load and run only what comes from this server.
    #[must_use]
    pub fn has_content_policy(&self) -> bool {
        match self.content_security_policy {
            ContentPolicy::On => true,
            ContentPolicy::Off => false,
            ContentPolicy::Auto => self.templates.is_none() && self.static_files.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_well_formed() {
        Config::command().debug_assert();
    }
}
