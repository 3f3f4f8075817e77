//! SQLite's file format, as far as erasing needs it: the header of a file, the pages of a table's
//! b-tree, and the pages of the freelist. Nothing here reads or writes a file. Every offset that a page
//! gives is checked before it is used. <https://sqlite.org/fileformat2.html> describes the format.

use std::ops::Range;

/// The number of a page; the first page of a file is 1.
pub(super) type PageNumber = u32;

/// A page that is not what SQLite writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What the first page of a file says about all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileHeader {
    /// How many bytes of each page SQLite uses; an extension may have reserved the rest.
    pub(super) usable: usize,
    /// The first trunk page of the freelist, if it is not empty.
    pub(super) first_trunk: Option<PageNumber>,
    /// How many pages the freelist has, trunk pages included.
    pub(super) free_pages: u32,
}

impl FileHeader {
    pub(super) fn read(first_page: &[u8]) -> Result<Self, Malformed> {
        let reserved = usize::from(*first_page.get(20).ok_or(Malformed)?);
        // 480 is the least that SQLite accepts.
        let usable = first_page.len().checked_sub(reserved).filter(|usable| *usable >= 480);
        Ok(Self {
            usable: usable.ok_or(Malformed)?,
            first_trunk: page_number(first_page, 32)?,
            free_pages: u32_at(first_page, 36)?,
        })
    }
}

/// A page of a table's b-tree. Rows are on the leaves alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TablePage {
    Interior(Interior),
    Leaf(Leaf),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// The bytes between the array of cell pointers and the first cell. SQLite never reads them.
    pub(super) gap: Range<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interior {
    /// The children from the left to the right, each with the largest rowid that it may have. Rowids
    /// above all of these are on `last`.
    children: Vec<(PageNumber, i64)>,
    last: PageNumber,
}

/// The child of an interior page on which a rowid is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) page: PageNumber,
    /// The largest rowid that may be on the child to its left, if it has one.
    pub(super) after: Option<i64>,
    /// The largest rowid that may be on this child; `None` for the last one.
    pub(super) up_to: Option<i64>,
}

impl TablePage {
    /// `page` is not the first of the file, which has the file's header as well.
    pub(super) fn read(page: &[u8], usable: usize) -> Result<Self, Malformed> {
        let page = page.get(..usable).ok_or(Malformed)?;
        let cells = usize::from(u16_at(page, 3)?);
        match page.first() {
            Some(0x0D) => {
                // The largest page has 65536 bytes, which is written as 0.
                let content = match u16_at(page, 5)? {
                    0 => 65536,
                    content => usize::from(content),
                };
                let gap = 8 + 2 * cells..content;
                let is_sound = gap.start <= gap.end && gap.end <= usable;
                is_sound.then_some(Self::Leaf(Leaf { gap })).ok_or(Malformed)
            }
            Some(0x05) => {
                let children = (0..cells).map(|cell| {
                    let at = usize::from(u16_at(page, 12 + 2 * cell)?);
                    let child = page_number(page, at)?.ok_or(Malformed)?;
                    Ok((child, varint(page, at + 4)?))
                });
                let children: Vec<_> = children.collect::<Result<_, _>>()?;
                let is_sorted = children.is_sorted_by(|(_, one), (_, next)| one < next);
                let last = page_number(page, 8)?.filter(|_| is_sorted).ok_or(Malformed)?;
                Ok(Self::Interior(Interior { children, last }))
            }
            _ => Err(Malformed),
        }
    }
}

impl Interior {
    pub(super) fn child_of(&self, rowid: i64) -> Child {
        let index = self.children.partition_point(|(_, up_to)| *up_to < rowid);
        let (page, up_to) = self
            .children
            .get(index)
            .map_or((self.last, None), |(page, up_to)| (*page, Some(*up_to)));
        let after = index.checked_sub(1).map(|before| self.children[before].1);
        Child { page, after, up_to }
    }
}

/// A trunk page of the freelist, which lists free pages. Those have no content.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trunk {
    pub(super) next: Option<PageNumber>,
    pub(super) leaves: Vec<PageNumber>,
    /// The bytes behind the list.
    pub(super) rest: Range<usize>,
}

impl Trunk {
    pub(super) fn read(page: &[u8], usable: usize) -> Result<Self, Malformed> {
        let list = page.get(..usable).ok_or(Malformed)?;
        let count = usize::try_from(u32_at(list, 4)?).map_err(|_| Malformed)?;
        if count > usable / 4 - 2 {
            return Err(Malformed);
        }
        let leaves = (0..count).map(|leaf| page_number(list, 8 + 4 * leaf)?.ok_or(Malformed));
        Ok(Self {
            next: page_number(list, 0)?,
            leaves: leaves.collect::<Result<_, _>>()?,
            rest: 8 + 4 * count..page.len(),
        })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.map(|bytes| u16::from_be_bytes(*bytes)).ok_or(Malformed)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(Malformed)
}

/// 0 stands for no page.
fn page_number(bytes: &[u8], at: usize) -> Result<Option<PageNumber>, Malformed> {
    u32_at(bytes, at).map(|number| (number != 0).then_some(number))
}

/// An integer of one to nine bytes: seven bits of each but the ninth, which gives all of its eight.
fn varint(bytes: &[u8], at: usize) -> Result<i64, Malformed> {
    let mut value: u64 = 0;
    for index in 0..9 {
        let byte = *bytes.get(at + index).ok_or(Malformed)?;
        if index == 8 {
            value = value << 8 | u64::from(byte);
        } else {
            value = value << 7 | u64::from(byte & 0x7F);
            if byte < 0x80 {
                break;
            }
        }
    }
    Ok(value.cast_signed())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn page(connection: &Connection, number: i64) -> Vec<u8> {
        let page = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
        connection.query_row(page, [number], |row| row.get(0)).unwrap()
    }

    fn root(connection: &Connection) -> i64 {
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'messages'";
        connection.query_row(root, (), |row| row.get(0)).unwrap()
    }

    /// Rows of 1000 bytes, every millionth rowid from -50 million on.
    fn database(rows: i64) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE messages (id INTEGER PRIMARY KEY, message TEXT)")
            .unwrap();
        for row in 0..rows {
            let add = "INSERT INTO messages VALUES (?1, printf('%.1000c', 'x'))";
            connection.execute(add, [(row - 50) * 1_000_000]).unwrap();
        }
        connection
    }

    #[test]
    fn a_leaf_has_its_gap_between_the_pointers_and_the_cells() {
        let connection = database(3);
        let page = page(&connection, root(&connection));
        let Ok(TablePage::Leaf(Leaf { gap })) = TablePage::read(&page, 4096) else { panic!() };
        // Each cell has the text, the record's header of four bytes, and two numbers before it.
        assert_eq!(gap.start, 8 + 3 * 2);
        assert!((4096 - 3 * 1020..4096 - 3 * 1004).contains(&gap.end), "{gap:?}");
        assert!(page[gap.clone()].iter().all(|byte| *byte == 0));
        assert_ne!(page[gap.end], 0);
    }

    #[test]
    fn a_rowid_is_found_on_its_leaf() {
        let connection = database(100);
        let interior = page(&connection, root(&connection));
        let Ok(TablePage::Interior(interior)) = TablePage::read(&interior, 4096) else { panic!() };
        let mut leaves = Vec::new();
        let mut next = Some(i64::MIN);
        while let Some(rowid) = next {
            let child = interior.child_of(rowid);
            assert_eq!(child.after.is_none(), leaves.is_empty());
            assert_eq!(child.up_to.map(|last| interior.child_of(last)), child.up_to.map(|_| child));
            leaves.push(child.page);
            next = child.up_to.map(|last| last + 1);
        }
        let known =
            "SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf' ORDER BY path";
        let mut known = connection.prepare(known).unwrap();
        let known: Vec<u32> =
            known.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(known.len() > 20);
        assert_eq!(leaves, known);
    }

    #[test]
    fn a_trunk_lists_the_free_pages() {
        let connection = database(100);
        connection.execute_batch("DELETE FROM messages").unwrap();
        let header = FileHeader::read(&page(&connection, 1)).unwrap();
        assert_eq!(header.usable, 4096);
        let trunk = page(&connection, header.first_trunk.unwrap().into());
        let trunk = Trunk::read(&trunk, 4096).unwrap();
        assert_eq!((trunk.next, trunk.leaves.len()), (None, header.free_pages as usize - 1));
        assert_eq!(trunk.rest, 8 + 4 * trunk.leaves.len()..4096);
    }

    #[test]
    fn integers_of_every_length_are_read() {
        for (bytes, value) in [
            (&[0x07][..], 7),
            (&[0x81, 0x00], 128),
            (&[0xFF; 9], -1),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x05], 5),
        ] {
            assert_eq!(varint(bytes, 0), Ok(value));
            assert_eq!(varint(&bytes[..bytes.len() - 1], 0), Err(Malformed));
        }
    }

    #[test]
    fn no_page_of_any_bytes_makes_a_range_beyond_it() {
        let connection = database(100);
        let sound = page(&connection, root(&connection));
        for at in 0..200 {
            for byte in [0x00, 0x05, 0x0D, 0x7F, 0xFF] {
                for cut in [4096, at + 1] {
                    let mut page = sound[..cut].to_vec();
                    page[at] = byte;
                    page[0] = if at % 2 == 0 { 0x05 } else { 0x0D };
                    _ = FileHeader::read(&page);
                    if let Ok(TablePage::Leaf(leaf)) = TablePage::read(&page, 4096) {
                        assert!(page.get(leaf.gap).is_some());
                    }
                    if let Ok(trunk) = Trunk::read(&page, 4096) {
                        assert!(page.get(trunk.rest).is_some());
                    }
                }
            }
        }
    }
}
