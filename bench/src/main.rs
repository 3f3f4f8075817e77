//! Measures visavis beside a ceiling and beside other servers, all in one run on one machine:
//! `make bench`. Everything talks to loopback only, and ends by itself.

mod ceiling;
mod chart;
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
    /// Measure every server, print the tables, and write them into docs/performance.md
    Measure {
        #[arg(long, default_value = "quick")]
        mode: Mode,
        /// Only what is named so, as in throughput; then nothing is written
        #[arg(long)]
        only: Option<String>,
    },
    /// Write the tables and charts of the last measurement again
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

#[tokio::main]
async fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no root")?.to_owned();
    let visavis = root.join("target/release/visavis");
    let workshop = Workshop { root, visavis };
    match Arguments::parse().command {
        Task::Measure { mode, only } => measure(&workshop, mode, only.as_deref()).await,
        Task::Draw => draw(&workshop, &Report::read(&results(&workshop))?),
        Task::Instructions { keep } => instructions::check(&workshop, keep).await,
        Task::Compare { programs, rounds, lasts, only } => {
            let lasts = Duration::from_millis(lasts);
            let plan = Plan { rounds, lasts, ..Plan::quick() };
            compare(&workshop, &programs, plan, only.as_deref()).await
        }
        Task::Ceiling { address } => ceiling::serve(&address).await,
    }
}

async fn measure(workshop: &Workshop, mode: Mode, only: Option<&str>) -> Result<()> {
    let (plan, mode) = match mode {
        Mode::Quick => (Plan::quick(), "quick"),
        Mode::Full => (Plan::full(), "full"),
    };
    let mut report = report_of(mode, versions(workshop)?)?;
    let is_wanted = |name: &str| {
        let wanted = only.is_none_or(|only| only == name);
        if wanted {
            eprintln!("{name}");
        }
        wanted
    };
    if is_wanted("throughput") {
        measures::throughput::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted("latency") {
        measures::latency::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted("idle") {
        measures::idle::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted("storm") {
        measures::storm::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted("pages") {
        measures::pages::measure(workshop, plan, &mut report).await?;
    }
    if is_wanted("growth") {
        let (_folder, largest) = measures::growth::measure(workshop, plan, &mut report).await?;
        eprintln!("start");
        measures::start::measure(workshop, plan, &largest, &mut report).await?;
    }
    println!("{}", page::tables(&report));
    if only.is_none() {
        draw(workshop, &report)?;
        report.write(&results(workshop))?;
    }
    Ok(())
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

fn draw(workshop: &Workshop, report: &Report) -> Result<()> {
    let docs = workshop.root.join("docs");
    page::write(report, &docs.join("performance.md"), &docs.join("performance"))
}

fn results(workshop: &Workshop) -> PathBuf {
    workshop.root.join("docs/performance/results.json")
}

fn versions(workshop: &Workshop) -> Result<Vec<String>> {
    let said = |program: &Path, argument: &str| -> Result<String> {
        let output = Command::new(program).arg(argument).output();
        let output = output.with_context(|| format!("cannot run {}", program.display()))?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    Ok(vec![
        said(&workshop.program(Peer::Visavis)?, "--version")?,
        said(Path::new("rustc"), "--version")?,
        format!("Node {}", said(&workshop.program(Peer::Node)?, "--version")?),
        format!("Bun {}", said(&workshop.program(Peer::Bun)?, "--version")?),
        said(&workshop.program(Peer::Python)?, "--version")?,
    ])
}
