//! What was measured: figures by what and by whom, each with its runs; kept as JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::kernel::Machine;

#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// When it was measured, `YYYY-MM-DD`.
    pub date: String,
    /// `quick` or `full`.
    pub mode: String,
    pub machine: Machine,
    /// The programs that were measured, with their versions.
    pub versions: Vec<String>,
    pub figures: Vec<Figure>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Figure {
    pub what: String,
    pub server: String,
    pub unit: String,
    /// One value a run, in the order of the runs.
    pub runs: Vec<f64>,
}

impl Figure {
    /// The middle one of the runs; of an even number the mean of the two in the middle.
    pub fn median(&self) -> f64 {
        let mut runs = self.runs.clone();
        runs.sort_by(f64::total_cmp);
        let middle = runs.len() / 2;
        match runs.len() {
            0 => f64::NAN,
            many if many % 2 == 1 => runs[middle],
            _ => f64::midpoint(runs[middle - 1], runs[middle]),
        }
    }
}

impl Report {
    /// Adds the value of one more run.
    pub fn add(&mut self, what: &str, server: &str, unit: &str, value: f64) {
        eprintln!("  {server:8} {what:32} {value:>12.2} {unit}");
        let known = |figure: &&mut Figure| figure.what == what && figure.server == server;
        if let Some(figure) = self.figures.iter_mut().find(known) {
            return figure.runs.push(value);
        }
        self.figures.push(Figure {
            what: what.to_owned(),
            server: server.to_owned(),
            unit: unit.to_owned(),
            runs: vec![value],
        });
    }

    pub fn median(&self, what: &str, server: &str) -> Option<f64> {
        let mut figures = self.figures.iter();
        let figure = figures.find(|figure| figure.what == what && figure.server == server)?;
        Some(figure.median())
    }

    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").with_context(|| format!("{}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(runs: &[f64]) -> Figure {
        let text = |text: &str| text.to_owned();
        Figure { what: text("a"), server: text("b"), unit: text("c"), runs: runs.to_vec() }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "no arithmetic that rounds")]
    fn the_median_does_not_follow_one_run_that_went_wrong() {
        assert_eq!(figure(&[3.0, 1.0, 900.0]).median(), 3.0);
        assert_eq!(figure(&[4.0, 2.0]).median(), 3.0);
    }
}
