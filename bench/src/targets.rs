//! What is to be reached: each a ratio within one run, or a bound.

use crate::report::Report;

pub struct Target {
    pub what: &'static str,
    pub goal: Goal,
    /// What was measured; `None` where this run did not measure it.
    pub value: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    pub fn is_met(&self) -> Option<bool> {
        self.value.map(|value| match self.goal {
            Goal::AtLeast(least) => value >= least,
            Goal::AtMost(most) => value <= most,
        })
    }
}

/// Every target, with what `report` says of it.
pub fn of(report: &Report) -> Vec<Target> {
    let of = |what: &str| report.median(what, "visavis");
    let against = |what: &str, peer: &str| Some(of(what)? / report.median(what, peer)?);
    let ratio = |what: &str, over: &str| Some(of(what)? / of(over)?);
    let target = |what, goal, value| Target { what, goal, value };
    let (at_least, at_most) = (Goal::AtLeast, Goal::AtMost);
    vec![
        target(
            "messages/s, 100 pairs, 8 in flight, of the ceiling's",
            at_least(0.5),
            against("rate, 100 pairs x 8", "ceiling"),
        ),
        target(
            "messages/s, 100 pairs, 8 in flight, times Node's",
            at_least(12.0),
            against("rate, 100 pairs x 8", "node"),
        ),
        target(
            "CPU a message, times the ceiling's",
            at_most(2.5),
            against("cpu, 100 pairs x 8", "ceiling"),
        ),
        target(
            "ms, p99 of acknowledgements at 1000 messages/s",
            at_most(5.0),
            of("acknowledged p99, open loop"),
        ),
        target(
            "ms, p99 of deliveries at 1000 messages/s",
            at_most(5.0),
            of("delivered p99, open loop"),
        ),
        target(
            "memory of an idle socket, times Node's",
            at_most(1.0),
            against("idle socket", "node"),
        ),
        target("the worst growth with messages", at_most(1.5), worst(report, "messages")),
        target("the worst growth with chats", at_most(1.5), worst(report, "chats")),
        target(
            "ms, p99 of acknowledgements while 50 logins wait",
            at_most(20.0),
            of("acknowledged p99, 50 logins"),
        ),
        target("ms from start to first answer, largest file", at_most(100.0), of("first answer")),
        target("MB, the program", at_most(15.0), of("program")),
        target("MB, the idle process", at_most(20.0), of("idle process")),
        target(
            "messages/s by long-polling, of the WebSocket's",
            at_least(1.0 / 3.0),
            ratio("rate, polling, 100 pairs x 8", "rate, 100 pairs x 8"),
        ),
        target("GET /login, times Flask's", at_least(10.0), against("GET /login", "flask")),
        target("GET /chats, times Flask's", at_least(10.0), against("GET /chats", "flask")),
    ]
}

/// What each cost is with much, in terms of what it is with little; the largest of them. Figures
/// are named `cost with SIZE THINGS: ACTION`.
fn worst(report: &Report, things: &str) -> Option<f64> {
    growths(report, things).into_iter().map(|(_, factor)| factor).reduce(f64::max)
}

/// For each action the cost with most, divided by the cost with least.
pub fn growths(report: &Report, things: &str) -> Vec<(String, f64)> {
    let mut growths: Vec<(String, f64, f64)> = Vec::new();
    for figure in &report.figures {
        let Some(rest) = figure.what.strip_prefix("cost with ") else { continue };
        let Some((size, action)) = rest.split_once(": ") else { continue };
        if !size.ends_with(things) {
            continue;
        }
        // Figures stand in the order in which they were measured: the least first.
        match growths.iter_mut().find(|(known, ..)| known == action) {
            Some((_, _, most)) => *most = figure.median(),
            None => growths.push((action.to_owned(), figure.median(), f64::NAN)),
        }
    }
    growths.into_iter().map(|(action, least, most)| (action, most / least)).collect()
}
