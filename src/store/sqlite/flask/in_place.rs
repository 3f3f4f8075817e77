//! Turns the Flask chat's database into ours, in place and in one transaction, after a copy of the
//! file as it was has been laid beside it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::backup::back_up;
use super::fill::{Stopped, fill};
use super::left_out::SetAside;
use super::scan::Source;
use super::{BOUNDED_MEMORY, Converted, Progress, Stage, TABLES, USUAL_MEMORY, Watch};
use crate::store::sqlite::erase;
use crate::store::sqlite::open::{OpenError, check_pages};

/// Copies the file, then converts it. Nothing has changed when it fails, and nothing is half done
/// when it is interrupted.
pub(in crate::store::sqlite) fn convert(
    connection: &mut Connection,
    path: &Path,
    watch: Watch<'_>,
) -> Result<Converted, OpenError> {
    let explain = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    connection.pragma_update(None, "foreign_keys", false).map_err(explain)?;
    connection.execute_batch(BOUNDED_MEMORY).map_err(explain)?;
    // From here to the commit nobody else can write: the copy is of what is converted.
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(explain)?;
    watch(Progress { stage: Stage::Checking, done: 0, total: 0 });
    check_pages(&transaction, path)?;
    let backup = back_up(path, watch)?;
    // The tables of the Flask chat are dropped below, which zeroes their pages. What was free before is not.
    erase::empty_free_pages(&transaction).map_err(explain)?;
    let set_aside = SetAside::take(&transaction).map_err(explain)?;
    for (table, _) in TABLES {
        transaction
            .execute_batch(&format!("ALTER TABLE {table} RENAME TO flask_{table}"))
            .map_err(explain)?;
    }
    let source = Source { connection: &transaction, prefix: "flask_" };
    let report = fill(&source, &transaction, watch).map_err(|stopped| match stopped {
        Stopped::Sqlite(error) => explain(error),
        Stopped::Refused(refusals) => refusals.in_file(path),
    })?;
    for (table, _) in TABLES {
        transaction.execute_batch(&format!("DROP TABLE flask_{table}")).map_err(explain)?;
    }
    let left_out = set_aside.put_back(&transaction).map_err(explain)?;
    transaction.commit().map_err(explain)?;
    if !left_out.is_empty() {
        tracing::warn!(
            "{} was converted without {}; {} has them",
            path.display(),
            left_out.join(", "),
            backup.display()
        );
    }
    connection.execute_batch(USUAL_MEMORY).map_err(explain)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(explain)?;
    Ok(Converted { report, backup })
}
