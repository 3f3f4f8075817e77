//! Reads the configuration, opens the store, serves until told to stop.

mod commands;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};
use visavis::app::App;
use visavis::clock::{Clock, SystemClock};
use visavis::command::Command;
use visavis::config::{self, Config, LogFormat};
use visavis::http::{self, LOG_FILTER, Views};
use visavis::log::{LogLimits, OneLine};
use visavis::service::{Passwords, upkeep};
use visavis::store::{self, DatabaseLocation, OpenedStore, Store, StoreError, Totals};
use visavis::transport::{Connections, open_files, serve};

use self::commands::progress::Display;
use self::commands::signals::Signals;

/// The exit code for a setting that cannot be taken.
const WRONG_SETTING: u8 = 2;

fn main() -> ExitCode {
    // First of all: until then, a signal ends the process as if it had crashed.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("visavis: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let config = match config::file::load(&arguments) {
        Ok(config) => config,
        Err(error) => {
            let Some(line) = config::file::complaint(&error) else { error.exit() };
            eprintln!("visavis: {line}");
            return ExitCode::from(WRONG_SETTING);
        }
    };
    signals.begin(config.command.is_none());
    let outcome = match &config.command {
        Some(Command::Health) => commands::health::check(config.listen),
        Some(Command::Check) if commands::check::run(&config) => Ok(()),
        Some(Command::Check) => return ExitCode::FAILURE,
        Some(Command::Import { flask_db, check: true }) => {
            start_log(&config).and_then(|_| commands::import::check(flask_db))
        }
        Some(Command::Import { flask_db, check: false }) => {
            start_log(&config).and_then(|_| commands::import::import(flask_db, &config.database))
        }
        Some(Command::Backup { file }) => {
            start_log(&config).and_then(|_| commands::backup::back_up(&config.database, file))
        }
        Some(Command::Export { flask }) => {
            start_log(&config).and_then(|_| commands::export::flask(&config.database, flask))
        }
        Some(Command::User(command)) => {
            start_log_of_people(&config).and_then(|_| commands::user::run(&config, command))
        }
        Some(Command::Invite { valid_for, create }) => start_log_of_people(&config)
            .and_then(|_| commands::invite::run(&config, *valid_for, *create)),
        None => run(&config, &signals),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("visavis: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Config, signals: &Arc<Signals>) -> anyhow::Result<()> {
    let log = start_log(config)?;
    open_files::raise();
    if let Err(warning) = open_files::check(config.max_connections) {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Before the database is opened: a start that fails for a folder or the port must not have converted
    // it.
    http::check_folders(config)?;
    let listener = runtime
        .block_on(TcpListener::bind(config.listen))
        .with_context(|| format!("cannot listen on {} (--listen)", config.listen))?;
    let mut display = Display::new();
    let OpenedStore { store, converted } =
        store::open(&config.database, &mut |progress| display.show(progress))?;
    drop(display);
    if let Some(converted) = converted {
        tracing::info!(
            "converted the Flask chat's database: {}; the file as it was is {}",
            commands::import::summary(&converted.report),
            converted.backup.display()
        );
        if let Some(sentence) = converted.report.costly_hashes.sentence() {
            tracing::warn!("{} has {sentence}", config.database);
        }
    }
    let served = runtime.block_on(serve_until_stopped(
        config,
        listener,
        Arc::clone(&store),
        signals,
        log.clone(),
    ));
    // What still runs (a stalled peer's connection) does not keep the program.
    runtime.shutdown_timeout(Duration::from_secs(1));
    // Closed by hand: sockets that were cut off may own the store for ever.
    store.close();
    log.write_summaries();
    served?;
    tracing::info!("stopped");
    Ok(())
}

async fn serve_until_stopped(
    config: &Config,
    listener: TcpListener,
    store: Arc<dyn Store>,
    signals: &Arc<Signals>,
    log: LogLimits,
) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let passwords = Passwords::new(config.bcrypt_cost, &store.hash_schemes().await?);
    let app = App::new(config, &store, &clock, passwords)?;
    let limits = app.services.limits;
    let accounts = app.services.accounts;
    tokio::spawn(upkeep::sweep(accounts.clone(), Arc::clone(&app.live)));
    let sessions_ended = Arc::new(Notify::new());
    tokio::spawn(store.maintain(Arc::clone(&sessions_ended)));
    tokio::spawn(upkeep::follow_ended_sessions(accounts, app.live, sessions_ended));
    tokio::spawn(upkeep::tell_of_tasks());
    tokio::spawn(reload_at_hangup(Arc::clone(signals), app.views));
    tokio::spawn(log.summarize());
    signals.serve();
    let stop = async {
        signals.stopped().await;
        tracing::info!("stopping");
    };
    say_what_is_served(config, &listener)?;
    tokio::spawn(say_how_much_is_kept(config.database.clone(), store));
    let proxies = config.trusted_proxy.clone();
    let open = Connections::new(config.max_connections, limits, proxies);
    serve(listener, app.router, open, app.io.close(), stop).await;
    Ok(())
}

async fn reload_at_hangup(signals: Arc<Signals>, views: Arc<Views>) {
    loop {
        signals.reload().await;
        let read =
            if views.reload() { "read the templates again" } else { "no templates to read again" };
        tracing::info!("SIGHUP: {read}; settings are read at the next start only");
    }
}

fn say_what_is_served(config: &Config, listener: &TcpListener) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!("visavis listens on http://{address}");
    let overrides = overrides(config);
    tracing::info!("{overrides}");
    Ok(())
}

/// Runs beside the server: counting millions of messages must not delay the start.
async fn say_how_much_is_kept(database: DatabaseLocation, store: Arc<dyn Store>) {
    match store.totals().await {
        Ok(Totals { users, messages }) => {
            tracing::info!("the database is {database}: {users} users, {messages} messages");
        }
        // What takes the database away or damages it has a line of its own.
        Err(StoreError::OutOfService) => {}
        Err(error) => {
            tracing::warn!(%error, "the rows of {database} were not counted: {error}");
        }
    }
}

/// What is not as the program brings it.
fn overrides(config: &Config) -> String {
    let folder = |what: &str, path: Option<&PathBuf>| {
        path.map(|path| format!("{what} from {}", path.display()))
    };
    let found: Vec<String> = [
        folder("templates", config.templates.as_ref()),
        folder("static files", config.static_files.as_ref()),
        config.public_url.as_ref().map(|url| format!("{url} as its public URL")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if found.is_empty() {
        return "pages and static files are its own".to_owned();
    }
    format!("it uses {}", found.join(", "))
}

/// Without the lines of failed writes: the command says itself why it failed.
fn start_log_of_people(config: &Config) -> anyhow::Result<LogLimits> {
    let off = store::FAILED_WRITES.map(|target| format!("{target}=off"));
    start_log_with(config, &format!("{LOG_FILTER},{}", off.join(",")))
}

fn start_log(config: &Config) -> anyhow::Result<LogLimits> {
    start_log_with(config, LOG_FILTER)
}

fn start_log_with(config: &Config, usual: &str) -> anyhow::Result<LogLimits> {
    let filter = config::log_filter(&config.log, usual);
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!(
            "--log {}: give a level such as info, or a filter such as visavis=debug",
            config.log
        )
    })?;
    let lines = fmt::layer()
        // The reader of the log may have gone away; that must not end the chat.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match config.log_format {
        LogFormat::Text => lines.fmt_fields(OneLine).with_target(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let limits = LogLimits::new(Arc::new(SystemClock));
    tracing_subscriber::registry().with(lines).with(limits.clone()).with(filter).init();
    Ok(limits)
}
