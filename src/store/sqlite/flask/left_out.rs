//! What the owner of a Flask database made in it besides its tables: triggers, views and indexes.
//! Views stay where they fit our tables; everything else is left out. A migration of ours asks for the
//! same of its views.

use rusqlite::Connection;

use super::{may_be_dropped, other_tables};

const MADE_BY_THE_OWNER: &str = "
SELECT type, name, sql
FROM sqlite_schema
WHERE type IN ('trigger', 'view', 'index') AND sql IS NOT NULL
ORDER BY type = 'view', rowid";

/// Something with a name in the schema.
struct Named {
    kind: String,
    name: String,
    sql: String,
}

impl Named {
    fn drop_from(&self, connection: &Connection) -> rusqlite::Result<()> {
        let name = self.name.replace('"', "\"\"");
        connection.execute_batch(&format!("DROP {} IF EXISTS \"{name}\"", self.kind))
    }

    fn shown(&self) -> String {
        format!("{} {:?}", self.kind, self.name)
    }
}

/// What was set aside before the tables change.
pub(super) struct SetAside {
    views: Vec<Named>,
    left_out: Vec<String>,
}

impl SetAside {
    /// Removes everything from `connection` that refers to the original's tables or could have the
    /// name of something of ours.
    pub(super) fn take(connection: &Connection) -> rusqlite::Result<Self> {
        let mut named = made_by_the_owner(connection)?;
        let mut views = named.split_off(named.partition_point(|one| one.kind != "view"));
        for name in other_tables(connection)?.unwrap_or_default() {
            if may_be_dropped(&name) {
                named.push(Named { kind: "table".into(), name, sql: String::new() });
            }
        }
        for one in &named {
            one.drop_from(connection)?;
        }
        // A view of a table that is gone. Ours may have one of that name (`sessions`), and the view
        // would show that one.
        let broken = views.extract_if(.., |view| !can_be_read(connection, &view.name));
        let broken: Vec<Named> = broken.collect();
        for view in broken.iter().chain(&views) {
            view.drop_from(connection)?;
        }
        let left_out = named.iter().chain(&broken).map(Named::shown).collect();
        Ok(Self { views, left_out })
    }

    /// Makes the views again that can be read over our tables; the names of everything that is left
    /// out.
    pub(super) fn put_back(self, connection: &Connection) -> rusqlite::Result<Vec<String>> {
        let Self { views, mut left_out } = self;
        let (made, failed): (Vec<_>, Vec<_>) =
            views.into_iter().partition(|view| connection.execute_batch(&view.sql).is_ok());
        left_out.extend(failed.iter().map(Named::shown));
        left_out.extend(Views(made).drop_broken(connection)?);
        Ok(left_out)
    }
}

/// Views that could be read before the tables changed.
pub(in crate::store::sqlite) struct Views(Vec<Named>);

impl Views {
    pub(in crate::store::sqlite) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let mut views = made_by_the_owner(connection)?;
        views.retain(|one| one.kind == "view" && can_be_read(connection, &one.name));
        Ok(Self(views))
    }

    /// Drops those that cannot be read any more, and gives their names.
    pub(in crate::store::sqlite) fn drop_broken(
        self,
        connection: &Connection,
    ) -> rusqlite::Result<Vec<String>> {
        let (mut kept, mut dropped) = (self.0, Vec::new());
        // A view may read another one that does not fit.
        loop {
            let (fit, broken): (Vec<_>, Vec<_>) =
                kept.into_iter().partition(|view| can_be_read(connection, &view.name));
            if broken.is_empty() {
                return Ok(dropped);
            }
            for view in &broken {
                view.drop_from(connection)?;
                dropped.push(view.shown());
            }
            kept = fit;
        }
    }
}

fn made_by_the_owner(connection: &Connection) -> rusqlite::Result<Vec<Named>> {
    let mut query = connection.prepare(MADE_BY_THE_OWNER)?;
    let named = query.query_map((), |row| {
        Ok(Named { kind: row.get(0)?, name: row.get(1)?, sql: row.get(2)? })
    })?;
    named.collect()
}

fn can_be_read(connection: &Connection, view: &str) -> bool {
    let view = view.replace('"', "\"\"");
    connection.prepare(&format!("SELECT * FROM \"{view}\"")).is_ok()
}
