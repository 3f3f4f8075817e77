//! `visavis user`: people, as the operator sees them and lets them in.

use std::sync::Arc;

use anyhow::{bail, ensure};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use visavis::clock::SystemClock;
use visavis::command::UserCommand;
use visavis::config::Config;
use visavis::domain::{Error, UserId, is_printable};
use visavis::service::{Link, Operator};
use visavis::store::{self, DatabaseLocation, Listed, OpenError, Purpose, Store};

use super::say::say;

const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute] UTC");

pub fn run(config: &Config, command: &UserCommand) -> anyhow::Result<()> {
    if matches!(command, UserCommand::Add { .. } | UserCommand::ResetPassword { .. }) {
        link_base(config)?;
    }
    let store = match command {
        UserCommand::Add { create, .. } => open_or_make(&config.database, *create)?,
        UserCommand::List => store::open_beside(&config.database, Purpose::Read)?,
        _ => store::open_beside(&config.database, Purpose::Write)?,
    };
    let operator = Operator::new(store, Arc::new(SystemClock));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(act(config, &operator, command)).map_err(|error| explain(config, error))
}

/// A failure of the store in the words of a failed start: a person on a page must not read the cause, but
/// the operator must.
pub fn explain(config: &Config, error: anyhow::Error) -> anyhow::Error {
    match error.downcast() {
        Ok(Error::Internal(cause)) => store::explain(&config.database, &*cause).into(),
        Ok(error) => error.into(),
        Err(error) => error,
    }
}

/// The first people may be let in before the first start, with `create`. Without it a path with a
/// typing error makes no database.
pub fn open_or_make(database: &DatabaseLocation, create: bool) -> anyhow::Result<Arc<dyn Store>> {
    match store::open_beside(database, Purpose::Write) {
        Err(OpenError::Missing(_) | OpenError::Empty(_)) if create => {
            Ok(store::open(database, &mut |_| {})?.store)
        }
        Err(OpenError::Missing(_)) => bail!(
            "there is no database {database}; name it with --database, or add --create to make it"
        ),
        Err(OpenError::Empty(_)) => bail!(
            "{database} is empty; name another with --database, or add --create to make the database in it"
        ),
        opened => Ok(opened?),
    }
}

async fn act(config: &Config, operator: &Operator, command: &UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::List => list(operator).await?,
        UserCommand::Add { name, .. } => {
            let link = operator.add(name).await?;
            print_link(config, &format!("{} was added, and sets a password", shown(name)), &link)?;
        }
        UserCommand::ResetPassword { name } => {
            let link = operator.reset_password(name).await?;
            print_link(config, &format!("{} sets a new password", shown(name)), &link)?;
        }
        UserCommand::Disable { name } => {
            let changed = operator.disable(name).await?;
            say!("{} is disabled{}", shown(name), already(changed));
        }
        UserCommand::Enable { name } => {
            let changed = operator.enable(name).await?;
            say!("{} is enabled{}", shown(name), already(changed));
        }
        UserCommand::SignOut { name } => {
            let ended = operator.sign_out(name).await?;
            say!("{} is signed out; sessions ended: {ended}", shown(name));
        }
    }
    Ok(())
}

fn already(changed: bool) -> &'static str {
    if changed { "" } else { " already" }
}

async fn list(operator: &Operator) -> anyhow::Result<()> {
    say!("{:>8}  {:<8}  {:>8}  {:<20}  name", "id", "state", "sessions", "last seen");
    let mut after = UserId(i64::MIN);
    loop {
        let people = operator.people_after(after).await?;
        let Some(last) = people.last() else { return Ok(()) };
        after = last.user.id;
        for Listed { user, disabled_at, sessions, last_seen_at } in &people {
            let state = if disabled_at.is_some() { "disabled" } else { "enabled" };
            let last_seen = last_seen_at.map_or_else(|| "-".to_owned(), moment);
            let name = shown(&user.username);
            say!("{:>8}  {state:<8}  {sessions:>8}  {last_seen:<20}  {name}", user.id.0);
        }
    }
}

/// The only place where a link's secret is told.
pub fn print_link(config: &Config, what: &str, link: &Link) -> anyhow::Result<()> {
    let base = link_base(config)?;
    say!("{what} with this link, once, until {}:", moment(link.expires_at));
    say!("{base}{}", link.path);
    Ok(())
}

/// The beginning of each link. Called before anything is written, too, so that no link is made that
/// cannot be printed.
///
/// # Errors
/// Without `--public-url`, a server that listens on every address has none that others can use.
pub fn link_base(config: &Config) -> anyhow::Result<String> {
    if let Some(url) = &config.public_url {
        return Ok(url.to_string());
    }
    ensure!(
        !config.listen.ip().is_unspecified(),
        "a link needs the address that browsers use, and --listen {} names none; give it with --public-url, VISAVIS_PUBLIC_URL, as in --public-url https://chat.example",
        config.listen
    );
    Ok(format!("http://{}", config.listen))
}

fn moment(at: OffsetDateTime) -> String {
    at.format(MOMENT).unwrap_or_default()
}

/// A name for a terminal: an old one may have characters that would do something there.
fn shown(name: &str) -> String {
    let escaped = name
        .chars()
        .map(|c| if is_printable(c) { c.to_string() } else { c.escape_unicode().to_string() });
    escaped.collect()
}
