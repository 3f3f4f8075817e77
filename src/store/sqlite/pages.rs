//! SQLite's file format, as far as erasing needs it: the header of a file and the pages of a table's
//! b-tree. Nothing here reads or writes a file. Every offset that a page
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
}

impl FileHeader {
    pub(super) fn read(first_page: &[u8]) -> Result<Self, Malformed> {
        let reserved = usize::from(*first_page.get(20).ok_or(Malformed)?);
        // 480 is the least that SQLite accepts.
        let usable = first_page.len().checked_sub(reserved).filter(|usable| *usable >= 480);
        usable.map(|usable| Self { usable }).ok_or(Malformed)
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
