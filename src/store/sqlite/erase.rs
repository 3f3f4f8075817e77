//! Keeps the texts of messages out of the parts of the file that SQLite does not use.
//!
//! `PRAGMA secure_delete` zeroes what a row leaves behind. One thing it does not zero: when a row grows,
//! SQLite may move the rows of its page and of the pages beside it, and copies of them stay in the gaps
//! of those pages, where they would outlive the rows. So the gaps are zeroed here after every change of a
//! row, in the same transaction: no gap ever holds a text. New messages need none of that. They are
//! appended, for which SQLite takes a new page and moves no row (`balance_quick`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, ffi, params};

use super::pages::{FileHeader, Interior, Malformed, PageNumber, TablePage, Trunk};
use crate::domain::MessageId;

const PAGE: &str = "
SELECT data
FROM sqlite_dbpage
WHERE pgno = ?1";

const SET_PAGE: &str = "
UPDATE sqlite_dbpage
SET data = ?2
WHERE pgno = ?1";

const ROOT: &str = "
SELECT rootpage
FROM sqlite_schema
WHERE type = 'table' AND name = 'messages'";

/// How far from a row's leaf SQLite may have moved others: it spreads the rows of at most three leaves
/// over at most five (`balance_nonroot`), and the row is on one of them.
const LEAVES_BESIDE: usize = 4;

/// How deep SQLite lets a b-tree become.
const DEPTH_MAX: usize = 20;

/// Whether this SQLite gives access to pages.
pub(super) fn is_possible(connection: &Connection) -> rusqlite::Result<bool> {
    let used = "SELECT sqlite_compileoption_used('ENABLE_DBPAGE_VTAB')";
    connection.query_row(used, (), |row| row.get(0))
}

/// Zeroes the gaps that a change of the row of `message` may have left copies of texts in.
pub(super) fn empty_gaps_around(
    connection: &Connection,
    message: MessageId,
) -> rusqlite::Result<()> {
    let mut tree = Tree::of(connection)?;
    let (after, up_to) = tree.empty_gap_at(message.0)?;
    let mut before = after;
    for _ in 0..LEAVES_BESIDE {
        let Some(rowid) = before else { break };
        before = tree.empty_gap_at(rowid)?.0;
    }
    let mut last = up_to;
    for _ in 0..LEAVES_BESIDE {
        let Some(next) = last.and_then(|last| last.checked_add(1)) else { break };
        last = tree.empty_gap_at(next)?.1;
    }
    Ok(())
}

/// Zeroes what the free pages of a file still have of its past, for a file that was written without
/// `secure_delete`.
pub(super) fn empty_free_pages(connection: &Connection) -> rusqlite::Result<()> {
    let pages = Pages::of(connection)?;
    let header = pages.header()?;
    let mut trunks = header.first_trunk;
    // A list that runs in a circle ends as well.
    for _ in 0..header.free_pages {
        let Some(number) = trunks else { break };
        let mut page = pages.read(number)?;
        let trunk = Trunk::read(&page, pages.usable).map_err(|_| malformed(number))?;
        pages.zero(number, &mut page, trunk.rest)?;
        for number in trunk.leaves {
            let mut page = pages.read(number)?;
            let all = 0..page.len();
            pages.zero(number, &mut page, all)?;
        }
        trunks = trunk.next;
    }
    Ok(())
}

/// The pages of a file, as the transaction that is under way sees them.
struct Pages<'a> {
    connection: &'a Connection,
    usable: usize,
}

impl<'a> Pages<'a> {
    fn of(connection: &'a Connection) -> rusqlite::Result<Self> {
        let mut pages = Self { connection, usable: 0 };
        pages.usable = pages.header()?.usable;
        Ok(pages)
    }

    fn header(&self) -> rusqlite::Result<FileHeader> {
        FileHeader::read(&self.read(1)?).map_err(|_| malformed(1))
    }

    fn read(&self, number: PageNumber) -> rusqlite::Result<Vec<u8>> {
        let page = self.connection.prepare_cached(PAGE)?.query_row([number], |row| row.get(0));
        page.optional()?.ok_or_else(|| malformed(number))
    }

    /// Zeroes a part of a page, if it is not zero already.
    fn zero(
        &self,
        number: PageNumber,
        page: &mut [u8],
        part: Range<usize>,
    ) -> rusqlite::Result<()> {
        let part = page.get_mut(part).ok_or_else(|| malformed(number))?;
        if part.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        part.fill(0);
        self.connection.prepare_cached(SET_PAGE)?.execute(params![number, &*page]).map(drop)
    }
}

/// The b-tree of messages.
struct Tree<'a> {
    pages: Pages<'a>,
    root: PageNumber,
    /// Those that were read: leaves that lie side by side have most of them in common.
    interiors: HashMap<PageNumber, Interior>,
}

/// The largest rowids that may be on the leaf to the left and on this one; `None` where there is no leaf to
/// the left, or none to the right.
type Bounds = (Option<i64>, Option<i64>);

impl<'a> Tree<'a> {
    fn of(connection: &'a Connection) -> rusqlite::Result<Self> {
        let pages = Pages::of(connection)?;
        let root = connection.prepare_cached(ROOT)?.query_row((), |row| row.get(0))?;
        Ok(Self { pages, root, interiors: HashMap::new() })
    }

    /// Zeroes the gap of the leaf on which `rowid` is, or would be.
    fn empty_gap_at(&mut self, rowid: i64) -> rusqlite::Result<Bounds> {
        let (number, mut page, gap, bounds) = self.leaf_of(rowid)?;
        self.pages.zero(number, &mut page, gap)?;
        Ok(bounds)
    }

    fn leaf_of(
        &mut self,
        rowid: i64,
    ) -> rusqlite::Result<(PageNumber, Vec<u8>, Range<usize>, Bounds)> {
        let (mut number, mut bounds) = (self.root, (None, None));
        for _ in 0..DEPTH_MAX {
            let interior = match self.interiors.entry(number) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    // The first page of a file is that of the schema.
                    if number == 1 {
                        break;
                    }
                    let page = self.pages.read(number)?;
                    match TablePage::read(&page, self.pages.usable) {
                        Ok(TablePage::Leaf(leaf)) => return Ok((number, page, leaf.gap, bounds)),
                        Ok(TablePage::Interior(interior)) => unknown.insert(interior),
                        Err(Malformed) => break,
                    }
                }
            };
            let child = interior.child_of(rowid);
            number = child.page;
            bounds = (child.after.or(bounds.0), child.up_to.or(bounds.1));
        }
        Err(malformed(number))
    }
}

fn malformed(number: PageNumber) -> rusqlite::Error {
    let code = ffi::Error::new(ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(format!("page {number} is malformed")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use tempfile::NamedTempFile;

    use super::*;
    use crate::store::sqlite::prepare_connection;

    /// Rows of every length up to several pages.
    const TABLE: &str = "
        CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL, deleted_at INTEGER) STRICT;";

    /// Numbers that look random, and are the same each time.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(self.0 >> 33).unwrap() % limit
        }

        /// A text of some bytes, or of some pages.
        fn text(&mut self, page_size: u32) -> String {
            let page_size = usize::try_from(page_size).unwrap();
            let limit = [8, page_size / 9, page_size / 2, 4 * page_size][self.below(4)];
            "text".repeat(1 + limit / 4)[..=self.below(limit)].to_owned()
        }
    }

    /// A file with pages of that size, some bytes of which SQLite does not use.
    fn database(page_size: u32, reserved: u8) -> (Connection, NamedTempFile) {
        let file = NamedTempFile::new().unwrap();
        let connection = Connection::open(file.path()).unwrap();
        connection.pragma_update(None, "page_size", page_size).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(connection);
        // An empty page's cells begin at the end of what is used.
        let content = u16::try_from(page_size - u32::from(reserved)).unwrap_or(0);
        file.as_file().write_all_at(&[reserved], 20).unwrap();
        file.as_file().write_all_at(&content.to_be_bytes(), 105).unwrap();
        let connection = Connection::open(file.path()).unwrap();
        prepare_connection(&connection).unwrap();
        connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;").unwrap();
        connection.execute_batch(TABLE).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        (connection, file)
    }

    fn add(connection: &Connection, text: &str) {
        connection.execute("INSERT INTO messages (message) VALUES (?1)", [text]).unwrap();
    }

    /// The pages whose gaps hold something, and how many leaves there are.
    fn dirty_gaps(connection: &Connection) -> (Vec<PageNumber>, usize) {
        let mut tree = Tree::of(connection).unwrap();
        let mut dirty = Vec::new();
        let mut leaves = 0;
        let mut next = Some(i64::MIN);
        while let Some(rowid) = next {
            let (number, page, gap, (_, up_to)) = tree.leaf_of(rowid).unwrap();
            if page[gap].iter().any(|byte| *byte != 0) {
                dirty.push(number);
            }
            leaves += 1;
            next = up_to.and_then(|last| last.checked_add(1));
        }
        (dirty, leaves)
    }

    /// Gives how many changes would have left something in a gap.
    fn change_at_random(page_size: u32, reserved: u8, seed: u64) -> usize {
        let (connection, _file) = database(page_size, reserved);
        let mut dice = Dice(seed);
        let mut rows = 0;
        let mut left = 0;
        for _ in 0..400 {
            if rows == 0 || dice.below(2) > 0 {
                add(&connection, &dice.text(page_size));
                rows += 1;
            } else {
                let id = i64::try_from(1 + dice.below(rows)).unwrap();
                let text = if dice.below(3) > 0 { dice.text(page_size) } else { String::new() };
                let deleted_at = text.is_empty().then_some(1_800_000_000);
                connection
                    .prepare_cached(
                        "UPDATE messages SET message = ?2, deleted_at = ?3 WHERE id = ?1",
                    )
                    .unwrap()
                    .execute(params![id, text, deleted_at])
                    .unwrap();
                left += usize::from(!dirty_gaps(&connection).0.is_empty());
                empty_gaps_around(&connection, MessageId(id)).unwrap();
                let (dirty, leaves) = dirty_gaps(&connection);
                assert!(dirty.is_empty(), "{dirty:?} of {leaves} after row {id} of {rows}");
            }
        }
        connection.execute_batch("COMMIT").unwrap();
        let verdict: String =
            connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        left
    }

    #[test]
    fn no_gap_holds_anything_after_any_change() {
        let mut left = 0;
        for (page_size, reserved) in [(512, 0), (1024, 32), (4096, 0), (65536, 0), (65536, 8)] {
            left += change_at_random(page_size, reserved, u64::from(page_size));
        }
        assert!(left > 20, "only {left} changes moved rows");
    }
}
