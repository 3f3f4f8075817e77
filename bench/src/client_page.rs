//! The table of the client on the page of results: what was measured in Chromium, beside what was measured before
//! the client was rewritten.

use std::fmt::Write;

use crate::chart::written;
use crate::page;
use crate::report::Report;

/// Between which the table stands.
pub const MARKS: [&str; 2] =
    ["<!-- client: from here on written by make bench -->", "<!-- client: until here -->"];

/// What a figure is to be at most.
const GOALS: [(&str, f64); 10] = [
    ("first visit: responses that the list waits for", 2.0),
    ("first visit: interactive", 2.5),
    ("first visit: messages readable", 4.0),
    ("first visit: requests", 10.0),
    ("first visit: received", 80.0),
    ("again: interactive", 0.7),
    ("a message to a chat that is not open: requests", 0.0),
    ("a message to a chat that is not open", 1.0),
    ("wheel: longest frame", 50.0),
    ("scroll bar: longest frame", 50.0),
];

/// Every figure of `report`, beside the same one of `before`.
pub fn table(report: &Report, before: &Report) -> String {
    let mut text = page::measured_on(report);
    text += "| figure (median of the runs) | unit | before | goal | measured | |\n";
    text += "| --- | --- | ---: | ---: | ---: | --- |\n";
    for figure in &report.figures {
        let amount = |value: f64| match figure.unit.as_str() {
            "requests" => format!("{value:.0}"),
            _ => written(value),
        };
        let value = figure.median();
        let goal = GOALS.iter().find(|(what, _)| *what == figure.what).map(|(_, most)| *most);
        let met = match goal {
            Some(most) if value <= most => "reached",
            Some(_) => "**missed**",
            None => "",
        };
        let goal = goal.map_or_else(String::new, |most| format!("≤ {}", amount(most)));
        let then = before.median(&figure.what, &figure.server).map_or("–".to_owned(), amount);
        let (what, unit, now) = (&figure.what, &figure.unit, amount(value));
        writeln!(text, "| {what} | {unit} | {then} | {goal} | {now} | {met} |").ok();
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Machine;

    fn report(figures: &[(&str, &str, f64)]) -> Report {
        let machine =
            Machine { processor: String::new(), cores: 0, memory_gib: 0, kernel: String::new() };
        let (date, mode) = (String::new(), String::new());
        let mut report = Report { date, mode, machine, versions: Vec::new(), figures: Vec::new() };
        for (what, unit, value) in figures {
            report.add(what, "visavis", unit, *value);
        }
        report
    }

    #[test]
    fn each_figure_stands_beside_its_goal_and_what_it_was_before() {
        let before = report(&[("first visit: interactive", "s", 4.4)]);
        let after = report(&[
            ("first visit: interactive", "s", 2.4),
            ("first visit: requests", "requests", 11.0),
            ("first visit: sent", "kB", 3.0),
        ]);
        let table = table(&after, &before);
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| first")).collect();
        assert_eq!(
            rows,
            [
                "| first visit: interactive | s | 4.40 | ≤ 2.50 | 2.40 | reached |",
                "| first visit: requests | requests | – | ≤ 10 | 11 | **missed** |",
                "| first visit: sent | kB | – |  | 3.00 |  |",
            ]
        );
    }
}
