//! Reads the configuration, opens the store, serves until told to stop.

mod commands;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use visavis::app::App;
use visavis::clock::{Clock, SystemClock};
use visavis::config::{Command, Config, LogFormat};
use visavis::serve::serve;
use visavis::service::Accounts;
use visavis::store::Store;
use visavis::store::sqlite::SqliteStore;

use self::commands::progress::Display;

/// How often expired sessions are forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_hours(1);

fn main() -> ExitCode {
    let config = Config::parse();
    let outcome = match &config.command {
        Some(Command::Health) => commands::health::check(config.listen),
        Some(Command::Import { flask_db, check: true }) => {
            start_log(&config).and_then(|()| commands::import::check(flask_db))
        }
        Some(Command::Import { flask_db, check: false }) => {
            start_log(&config).and_then(|()| commands::import::import(flask_db, &config.database))
        }
        Some(Command::Export { flask }) => {
            start_log(&config).and_then(|()| commands::export::flask(&config.database, flask))
        }
        None => run(&config),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("visavis: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Config) -> anyhow::Result<()> {
    start_log(config)?;
    let mut display = Display::new();
    let store =
        SqliteStore::open_watched(&config.database, &mut |progress| display.show(progress))?;
    drop(display);
    if let Some(converted) = store.converted() {
        let report = &converted.report;
        tracing::info!(
            "converted the Flask chat's database: {} users, {} chats ({} of them were missing), {} messages; the file as it was is {}",
            report.users,
            report.chats + report.chats_added,
            report.chats_added,
            report.messages,
            converted.backup.display()
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve_until_stopped(config, Arc::new(store)))?;
    // What still runs (a stalled peer's connection) does not keep the program. The store is closed
    // when its last owner goes, which stores what was queued.
    runtime.shutdown_timeout(Duration::from_secs(1));
    tracing::info!("stopped");
    Ok(())
}

async fn serve_until_stopped(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let app = App::new(config, &store, &clock).context("a template is wrong")?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {} (--listen)", config.listen))?;
    tokio::spawn(sweep(app.services.accounts));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    };
    tracing::info!("visavis listens on http://{}", listener.local_addr()?);
    serve(listener, app.router, app.io.close(), stop).await;
    Ok(())
}

/// Forgets expired sessions now and then.
async fn sweep(accounts: Accounts) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = accounts.sweep_sessions().await {
            tracing::warn!(%error, "expired sessions were not swept: {error}");
        }
    }
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    // A level is meant for this program; its libraries are heard when something is wrong.
    let is_level = config.log.parse::<tracing::Level>().is_ok();
    let filter = if is_level { format!("warn,visavis={}", config.log) } else { config.log.clone() };
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!(
            "--log {}: give a level such as info, or a filter such as visavis=debug",
            config.log
        )
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Whoever read the log may have gone away; that must not end the chat.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
