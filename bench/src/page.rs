//! The page of results: tables between the marks of a Markdown file whose other words are a
//! person's, and the charts beside it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::chart::{bars, lines, written};
use crate::measures::latency::QUANTILES;
use crate::report::Report;
use crate::servers::Peer;
use crate::targets::{self, Goal};

/// Between which the tables of the servers stand.
const MARKS: [&str; 2] =
    ["<!-- measured: from here on written by make bench -->", "<!-- measured: until here -->"];

/// Writes the tables into `page`, and the charts into `folder`.
pub fn write(report: &Report, page: &Path, folder: &Path) -> Result<()> {
    replace(page, MARKS, &tables(report))?;
    fs::create_dir_all(folder)?;
    for (name, chart) in charts(report) {
        fs::write(folder.join(name), chart)?;
    }
    Ok(())
}

/// Puts `tables` between two marks of `page`.
pub fn replace(page: &Path, [begin, end]: [&str; 2], tables: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("{}", page.display()))?;
    let (before, rest) =
        text.split_once(begin).context("the page has no mark where tables begin")?;
    let (_, after) = rest.split_once(end).context("the page has no mark where tables end")?;
    Ok(fs::write(page, format!("{before}{begin}\n{tables}{end}{after}"))?)
}

/// What was reached, and every figure.
pub fn tables(report: &Report) -> String {
    let mut text = measured_on(report);
    text += "| to reach | goal | measured | |\n| --- | ---: | ---: | --- |\n";
    for target in targets::of(report) {
        let goal = match target.goal {
            Goal::AtLeast(least) => format!("≥ {}", written(least)),
            Goal::AtMost(most) => format!("≤ {}", written(most)),
        };
        let met = match target.is_met() {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let value = written(target.value.unwrap_or(f64::NAN));
        writeln!(text, "| {} | {goal} | {value} | {met} |", target.what).ok();
    }
    let titles = Peer::ALL.map(Peer::title).join(" | ");
    writeln!(text, "\n| figure (median of the runs) | unit | {titles} |").ok();
    writeln!(text, "| --- | --- |{}", " ---: |".repeat(Peer::ALL.len())).ok();
    let mut named: Vec<&str> = Vec::new();
    for figure in &report.figures {
        if named.contains(&figure.what.as_str()) {
            continue;
        }
        named.push(&figure.what);
        write!(text, "| {} | {} |", figure.what, figure.unit).ok();
        for peer in Peer::ALL {
            let value = report.median(&figure.what, peer.name()).unwrap_or(f64::NAN);
            write!(text, " {} |", written(value)).ok();
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

/// When and where it was measured, as a paragraph.
pub fn measured_on(report: &Report) -> String {
    let machine = &report.machine;
    format!(
        "\nMeasured on {}, {} mode, on {} cores of {}, {} GiB, Linux {}; {}.\n\n",
        report.date,
        report.mode,
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        report.versions.join(", "),
    )
}

fn charts(report: &Report) -> Vec<(&'static str, String)> {
    let amounts = |what: &str| -> Vec<(String, f64)> {
        let of = |peer: Peer| Some((peer.title().to_owned(), report.median(what, peer.name())?));
        Peer::ALL.into_iter().filter_map(of).collect()
    };
    let quantiles: Vec<String> = QUANTILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let latencies: Vec<(String, Vec<f64>)> = Peer::ALL
        .into_iter()
        .filter_map(|peer| {
            let of = |name: &String| {
                report.median(&format!("acknowledged {name}, open loop"), peer.name())
            };
            let values: Option<Vec<f64>> = quantiles.iter().map(of).collect();
            Some((peer.title().to_owned(), values?))
        })
        .collect();
    let (sizes, costs) = growth(report);
    vec![
        (
            "throughput.svg",
            bars(
                "Durable messages a second, 100 pairs, 8 in flight",
                "/s",
                &amounts("rate, 100 pairs x 8"),
            ),
        ),
        ("latency.svg", lines("Acknowledgement at 1000 messages/s", "ms", &quantiles, &latencies)),
        ("memory.svg", bars("Memory of an idle socket", "KiB", &amounts("idle socket"))),
        ("growth.svg", lines("Cost with history", "µs", &sizes, &costs)),
    ]
}

/// The sizes of the databases, and the cost of each action over them.
fn growth(report: &Report) -> (Vec<String>, Vec<(String, Vec<f64>)>) {
    let mut sizes: Vec<String> = Vec::new();
    let mut costs: Vec<(String, Vec<f64>)> = Vec::new();
    for figure in &report.figures {
        let parts = figure.what.strip_prefix("cost with ").and_then(|rest| rest.split_once(": "));
        let Some((size, action)) = parts.filter(|(size, _)| size.ends_with(" messages")) else {
            continue;
        };
        if !sizes.iter().any(|known| known == size) {
            sizes.push(size.to_owned());
        }
        match costs.iter_mut().find(|(known, _)| known == action) {
            Some((_, values)) => values.push(figure.median()),
            None => costs.push((action.to_owned(), vec![figure.median()])),
        }
    }
    (sizes, costs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Machine;

    #[test]
    fn each_server_has_a_column_with_a_dash_for_what_was_not_measured() {
        let machine =
            Machine { processor: String::new(), cores: 0, memory_gib: 0, kernel: String::new() };
        let (date, mode) = (String::new(), String::new());
        let mut report = Report { date, mode, machine, versions: Vec::new(), figures: Vec::new() };
        report.add("rate", Peer::Visavis.name(), "messages/s", 2.0);
        report.add("rate", Peer::Python.name(), "messages/s", 1.0);
        let tables = tables(&report);
        let lines = tables.lines().skip_while(|line| !line.starts_with("| figure"));
        let lines: Vec<&str> = lines.take(3).collect();
        assert_eq!(
            lines,
            [
                "| figure (median of the runs) | unit | visavis | ceiling | Node | Bun | Python | Flask |",
                "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
                "| rate | messages/s | 2.00 | – | – | – | 1.00 | – |",
            ]
        );
    }
}
