//! The servers that are measured: each is started on a port of its own over a new folder, and killed
//! when it is dropped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::http::Http;
use crate::kernel;

/// How long a server may take to its first answer.
const START_MAX: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Visavis,
    Ceiling,
    Node,
    Bun,
    Python,
    Flask,
}

impl Peer {
    /// In the order in which they stand in tables and charts.
    pub const ALL: [Self; 6] =
        [Self::Visavis, Self::Ceiling, Self::Node, Self::Bun, Self::Python, Self::Flask];
    /// Those that bear every load. Flask has a thread for each socket, and takes only a light load.
    pub const UNDER_LOAD: [Self; 5] =
        [Self::Visavis, Self::Ceiling, Self::Node, Self::Bun, Self::Python];

    /// As figures name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Visavis => "visavis",
            Self::Ceiling => "ceiling",
            Self::Node => "node",
            Self::Bun => "bun",
            Self::Python => "python",
            Self::Flask => "flask",
        }
    }

    /// As the head of a table names it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Visavis => "visavis",
            Self::Ceiling => "ceiling",
            Self::Node => "Node",
            Self::Bun => "Bun",
            Self::Python => "Python",
            Self::Flask => "Flask",
        }
    }
}

/// Where things are in the repository.
#[derive(Debug, Clone)]
pub struct Workshop {
    pub root: PathBuf,
    /// The visavis that is measured.
    pub visavis: PathBuf,
}

impl Workshop {
    /// The folder of a peer that is a script.
    fn folder(&self, peer: Peer) -> PathBuf {
        self.root.join("bench/peers").join(peer.name())
    }

    /// The program of a peer, or what runs its script.
    pub fn program(&self, peer: Peer) -> Result<PathBuf> {
        Ok(match peer {
            Peer::Visavis => self.visavis.clone(),
            Peer::Ceiling => std::env::current_exe()?,
            Peer::Node => PathBuf::from("node"),
            Peer::Bun => self.folder(peer).join("node_modules/.bin/bun"),
            Peer::Python | Peer::Flask => self.folder(peer).join(".venv/bin/python"),
        })
    }
}

/// A server that runs.
pub struct Server {
    pub address: String,
    /// From the start of the process to its first answer.
    pub first_answer: Duration,
    child: Child,
    pid: u32,
    _folder: Option<TempDir>,
}

/// How a server is to be started, where it is not as usual.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The database; a new one by default.
    pub database: Option<PathBuf>,
    /// The cost of a password hash, for visavis; the least by default, as no peer hashes slowly.
    pub bcrypt_cost: Option<u32>,
    /// A program that runs the server, with its arguments.
    pub runner: Vec<String>,
}

impl Server {
    pub async fn start(workshop: &Workshop, peer: Peer) -> Result<Self> {
        Self::start_with(workshop, peer, &Options::default()).await
    }

    pub async fn start_with(workshop: &Workshop, peer: Peer, options: &Options) -> Result<Self> {
        let address = free_address().await?;
        let (folder, database) = if let Some(database) = &options.database {
            (None, database.clone())
        } else {
            let folder = tempfile::tempdir()?;
            let database = folder.path().join("messenger.db");
            (Some(folder), database)
        };
        let mut command = command(workshop, peer, &address, &database, options)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {}", peer.name()))?;
        let pid = child.id().context("it has ended already")?;
        while TcpStream::connect(&address).await.is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("{} ended with {status}", peer.name());
            }
            if started.elapsed() > START_MAX {
                bail!("{} does not listen on {address}", peer.name());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Http::new(&address, "").get("/login").await?.expected("/login")?;
        let first_answer = started.elapsed();
        Ok(Self { address, first_answer, child, pid, _folder: folder })
    }

    pub fn cpu_time(&self) -> Result<Duration> {
        kernel::cpu_time(self.pid)
    }

    pub fn disk_bytes(&self) -> Result<u64> {
        kernel::disk_bytes(self.pid)
    }

    pub fn resident_kib(&self) -> Result<u64> {
        kernel::resident_kib(self.pid)
    }

    /// Asks the server to stop, and waits until it has ended by itself.
    pub async fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").arg(self.pid.to_string()).status().await?;
        anyhow::ensure!(asked.success(), "cannot stop the server");
        self.child.wait().await?;
        Ok(())
    }

    /// Ends it; nothing is kept.
    pub async fn end(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

fn command(
    workshop: &Workshop,
    peer: Peer,
    address: &str,
    database: &Path,
    options: &Options,
) -> Result<Command> {
    let mut words = options.runner.clone();
    let path = |path: &Path| path.to_string_lossy().into_owned();
    words.push(path(&workshop.program(peer)?));
    let script = |name| [path(&workshop.folder(peer).join(name)), address.into(), path(database)];
    match peer {
        Peer::Visavis => {
            let cost = options.bcrypt_cost.unwrap_or(4).to_string();
            for (flag, value) in [
                ("--listen", address),
                ("--database", &path(database)),
                ("--rate-limits", "off"),
                ("--bcrypt-cost", &cost),
                ("--log", "warn"),
            ] {
                words.extend([flag.to_owned(), value.to_owned()]);
            }
        }
        Peer::Ceiling => words.extend(["ceiling".to_owned(), address.to_owned()]),
        Peer::Node | Peer::Bun => words.extend(script("server.mjs")),
        Peer::Python | Peer::Flask => words.extend(script("server.py")),
    }
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    // A server's own access log goes there.
    if peer == Peer::Flask {
        command.stderr(Stdio::null());
    }
    Ok(command)
}

async fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(listener.local_addr()?.to_string())
}
