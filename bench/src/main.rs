//! Measures visavis beside a ceiling and beside other servers, all in one run on one machine:
//! `make bench`. Everything talks to loopback only, and ends by itself.

mod ceiling;
mod chart;
mod client_page;
mod http;
mod instructions;
mod kernel;
mod load;
mod measures;
mod page;
mod people;
mod report;
mod servers;
mod socket;
mod targets;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use time::OffsetDateTime;
use time::macros::format_description;

use self::measures::Plan;
use self::report::Report;
use self::servers::{Peer, Workshop};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure every server and our page, print the tables, and write them into docs/performance.md
    Measure {
        #[arg(long, default_value = "quick")]
        mode: Mode,
        /// Only this part. Nothing is written then, but for the client, which has a table of its own
        #[arg(long)]
        only: Option<Part>,
    },
    /// Write the tables and charts of the last measurements again
    Draw,
    /// Count the instructions that a message takes, and compare them with the baseline
    Instructions {
        /// Make what is counted the new baseline
        #[arg(long)]
        keep: bool,
    },
    /// Compare several builds of visavis, and the ceiling: messages a second and what one costs, by turns
    Compare {
        programs: Vec<PathBuf>,
        /// How many turns each of them takes
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// How long each turn is measured, in milliseconds
        #[arg(long, default_value_t = 1500)]
        lasts: u64,
        /// Only the load that is named so, as in "20 pairs x 1"
        #[arg(long)]
        only: Option<String>,
    },
    /// Serve the ceiling
    Ceiling { address: String },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Quick,
    Full,
}

/// A part of the measurement that makes sense alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Throughput,
    Latency,
    Idle,
    Storm,
    Pages,
    Growth,
    Client,
}

#[tokio::main]
async fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no root")?.to_owned();
    let visavis = root.join("target/release/visavis");
    let workshop = Workshop { root, visavis };
    match Arguments::parse().command {
        Task::Measure { mode, only } => measure(&workshop, mode, only).await,
        Task::Draw => draw(&workshop),
        Task::Instructions { keep } => instructions::check(&workshop, keep).await,
        Task::Compare { programs, rounds, lasts, only } => {
            let lasts = Duration::from_millis(lasts);
            let plan = Plan { rounds, lasts, ..Plan::quick() };
            compare(&workshop, &programs, plan, only.as_deref()).await
        }
        Task::Ceiling { address } => ceiling::serve(&address).await,
    }
}

async fn measure(workshop: &Workshop, mode: Mode, only: Option<Part>) -> Result<()> {
    let (plan, mode) = match mode {
        Mode::Quick => (Plan::quick(), "quick"),
        Mode::Full => (Plan::full(), "full"),
    };
    let is_client_wanted = only.is_none_or(|only| only == Part::Client);
    if is_client_wanted {
        // Found missing now, and not after half an hour.
        measures::client::chromium()?;
    }
    if only != Some(Part::Client) {
        let report = servers(workshop, plan, mode, only).await?;
        println!("{}", page::tables(&report));
        if only.is_none() {
            report.write(&results(workshop))?;
        }
    }
    if is_client_wanted {
        eprintln!("{:?}", Part::Client);
        let mut report = report_of(mode, versions_of_client(workshop)?)?;
        measures::client::measure(workshop, plan, &mut report).await?;
        report.write(&results_of_client(workshop))?;
        draw(workshop)?;
    }
    Ok(())
}

/// Measures all servers, or one part of that.
async fn servers(
    workshop: &Workshop,
    plan: Plan,
    mode: &str,
    only: Option<Part>,
) -> Result<Report> {
    let mut report = report_of(mode, versions(workshop)?)?;
    let is_wanted = |part: Part| {
        let wanted = only.is_none_or(|only| only == part);
        if wanted {
            eprintln!("{part:?}");
        }
        wanted
    };
    if is_wanted(Part::Throughput) {
        measures::throughput::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted(Part::Latency) {
        measures::latency::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted(Part::Idle) {
        measures::idle::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted(Part::Storm) {
        measures::storm::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted(Part::Pages) {
        measures::pages::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted(Part::Growth) {
        let (_folder, largest) = measures::growth::measure(workshop, plan, &mut report).await?;
        eprintln!("Start");
        measures::start::measure(workshop, plan, &largest, &mut report).await?;
    }
    Ok(report)
}

async fn compare(
    workshop: &Workshop,
    programs: &[PathBuf],
    plan: Plan,
    only: Option<&str>,
) -> Result<()> {
    let mut report = report_of("compare", Vec::new())?;
    for _ in 0..plan.rounds {
        for program in programs {
            let workshop = Workshop { visavis: program.clone(), ..workshop.clone() };
            let build = (Peer::Visavis, program.display().to_string());
            measures::throughput::compared(&workshop, build, plan, only, &mut report).await?;
        }
        let ceiling = (Peer::Ceiling, Peer::Ceiling.name().to_owned());
        measures::throughput::compared(workshop, ceiling, plan, only, &mut report).await?;
    }
    for figure in &report.figures {
        println!(
            "{:32} {:32} {:>12.2} {}",
            figure.what,
            figure.server,
            figure.median(),
            figure.unit
        );
    }
    Ok(())
}

fn report_of(mode: &str, versions: Vec<String>) -> Result<Report> {
    Ok(Report {
        date: OffsetDateTime::now_utc().format(format_description!("[year]-[month]-[day]"))?,
        mode: mode.to_owned(),
        machine: kernel::machine()?,
        versions,
        figures: Vec::new(),
    })
}

fn draw(workshop: &Workshop) -> Result<()> {
    let docs = workshop.root.join("docs");
    let folder = docs.join("performance");
    let client = client_page::table(
        &Report::read(&results_of_client(workshop))?,
        &Report::read(&folder.join("client-before.json"))?,
    );
    let page = docs.join("performance.md");
    page::write(&Report::read(&results(workshop))?, &page, &folder)?;
    page::replace(&page, client_page::MARKS, &client)
}

fn results(workshop: &Workshop) -> PathBuf {
    workshop.root.join("docs/performance/results.json")
}

fn results_of_client(workshop: &Workshop) -> PathBuf {
    workshop.root.join("docs/performance/client.json")
}

fn versions(workshop: &Workshop) -> Result<Vec<String>> {
    Ok(vec![
        said(&workshop.program(Peer::Visavis)?, "--version")?,
        said(Path::new("rustc"), "--version")?,
        format!("Node {}", said(&workshop.program(Peer::Node)?, "--version")?),
        format!("Bun {}", said(&workshop.program(Peer::Bun)?, "--version")?),
        said(&workshop.program(Peer::Python)?, "--version")?,
    ])
}

fn versions_of_client(workshop: &Workshop) -> Result<Vec<String>> {
    let chromium = said(&measures::client::chromium()?, "--version")?;
    // Where it was built matters less.
    let chromium = chromium.split(" built").next().unwrap_or_default();
    Ok(vec![said(&workshop.program(Peer::Visavis)?, "--version")?, chromium.to_owned()])
}

/// What `program` answers to `argument`.
fn said(program: &Path, argument: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
