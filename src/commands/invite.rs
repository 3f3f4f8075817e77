//! `visavis invite`: a link with which one person registers.

use std::sync::Arc;
use std::time::Duration;

use visavis::clock::SystemClock;
use visavis::config::{Config, Registration};
use visavis::service::Operator;

use super::user::{explain, link_base, open_or_make, print_link};

pub fn run(config: &Config, valid_for: Duration, create: bool) -> anyhow::Result<()> {
    link_base(config)?;
    let store = open_or_make(&config.database, create)?;
    let operator = Operator::new(store, Arc::new(SystemClock));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let link = runtime
        .block_on(operator.invite(valid_for.try_into()?))
        .map_err(|error| explain(config, error.into()))?;
    print_link(config, "One person registers", &link)?;
    if config.registration != Registration::Invite {
        eprintln!("(it works where the server runs with --registration invite)");
    }
    Ok(())
}
