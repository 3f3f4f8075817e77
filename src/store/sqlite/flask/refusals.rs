//! The rows that cannot be taken, collected by reason: a million rows with one fault are one sentence.

use std::fmt::Write;
use std::path::Path;

use super::rows::Refused;
use crate::store::sqlite::open::OpenError;

/// How many rows of one reason are named.
const EXAMPLES_MAX: usize = 5;

/// Every refused row, in groups of the same table and reason, in the order in which they were found.
#[derive(Default)]
pub(super) struct Refusals(Vec<Group>);

struct Group {
    first: Refused,
    rows: u64,
    examples: Vec<i64>,
}

impl Refusals {
    pub(super) fn add(&mut self, refused: Refused) {
        let same = |group: &&mut Group| {
            (group.first.table, &group.first.kind) == (refused.table, &refused.kind)
        };
        let Some(group) = self.0.iter_mut().find(same) else {
            let examples = vec![refused.rowid];
            self.0.push(Group { first: refused, rows: 1, examples });
            return;
        };
        group.rows += 1;
        if group.examples.len() < EXAMPLES_MAX {
            group.examples.push(refused.rowid);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many rows there are, of all reasons.
    pub(super) fn rows(&self) -> u64 {
        self.0.iter().map(|group| group.rows).sum()
    }

    /// One sentence for each reason.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.0.iter().map(Group::sentence).collect()
    }

    /// One sentence for all of them.
    pub(super) fn in_file(&self, path: &Path) -> OpenError {
        let mut refused = self.0.first().map(Group::sentence).unwrap_or_default();
        let others: u64 = self.0.iter().skip(1).map(|group| group.rows).sum();
        if others > 0 {
            _ = write!(
                refused,
                "; there are rows with other faults: {others} (visavis import --check lists them)"
            );
        }
        OpenError::Row { path: path.into(), refused }
    }
}

impl Group {
    fn sentence(&self) -> String {
        let Refused { table, kind, way_out, .. } = &self.first;
        if self.rows == 1 {
            return self.first.to_string();
        }
        let examples: Vec<String> = self.examples.iter().map(i64::to_string).collect();
        let examples = examples.join(", ");
        let more = match self.rows - self.examples.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "{} rows of {table} cannot be taken: {kind} (rows {examples}{more}; put each right in a SQLite shell, as in: {way_out})",
            self.rows
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rowid: i64, kind: &'static str) -> Refused {
        Refused {
            table: "messages",
            rowid,
            kind: kind.into(),
            reason: format!("its {kind}"),
            way_out: format!("DELETE FROM messages WHERE rowid = {rowid}"),
        }
    }

    #[test]
    fn a_million_rows_of_one_reason_are_one_sentence_with_a_few_examples() {
        let mut refusals = Refusals::default();
        for rowid in 1..=1_000_000 {
            refusals.add(refused(rowid, "text is binary"));
        }
        refusals.add(refused(7, "time is none"));
        assert_eq!(refusals.rows(), 1_000_001);
        assert_eq!(
            refusals.sentences(),
            [
                "1000000 rows of messages cannot be taken: text is binary (rows 1, 2, 3, 4, 5 and 999995 more; put each right in a SQLite shell, as in: DELETE FROM messages WHERE rowid = 1)",
                "row 7 of messages cannot be taken: its time is none (put it right in a SQLite shell: DELETE FROM messages WHERE rowid = 7)",
            ]
        );
        let error = refusals.in_file(Path::new("flask.db")).to_string();
        assert!(error.starts_with("flask.db: 1000000 rows of messages"), "{error}");
        assert!(error.ends_with("other faults: 1 (visavis import --check lists them)"), "{error}");
    }
}
