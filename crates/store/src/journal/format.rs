//! The bytes of a journal file.
//!
//! ```text
//! file    "PortTrl1"  base: u64  crc32c(magic, base): u32  0: u32
//! frame   "Ptfr"  length: u32  number: u64  crc32c(length, number, payload): u32  payload
//! ```
//!
//! Integers are little-endian. A payload is one JSON object a line, one for each record of a
//! group. Numbers ascend by one from `base`. A file is used again and again: behind the last
//! frame stand zeros, what an interrupted write left, or frames of an earlier use, whose numbers
//! are below `base`.
//!
//! A frame is on the disk before the next one is written. So the last one may be torn, and it
//! promised nothing then; if a *later* frame stands behind a bad one, the file was damaged.

use std::io;

use crate::AuditRecord;

/// The length of what stands before the first frame, in bytes.
pub(super) const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 20;
const FILE_MAGIC: [u8; 8] = *b"PortTrl1";
const FRAME_MAGIC: [u8; 4] = *b"Ptfr";

/// One group of records, with the number it has.
#[derive(Debug, PartialEq)]
pub(super) struct Group {
    pub(super) number: u64,
    pub(super) records: Vec<AuditRecord>,
}

/// Where a file is not what this program wrote.
#[derive(Debug, PartialEq)]
pub(super) struct Damaged {
    /// In bytes from the file's beginning.
    pub(super) offset: usize,
}

/// The header of a file whose first frame has the number `base`.
pub(super) fn file_header(base: u64) -> [u8; FILE_HEADER] {
    let base = base.to_le_bytes();
    let sum = crc32c::crc32c_append(crc32c::crc32c(&FILE_MAGIC), &base).to_le_bytes();
    let mut header = [0; FILE_HEADER];
    let written = FILE_MAGIC.iter().chain(&base).chain(&sum);
    for (place, byte) in header.iter_mut().zip(written) {
        *place = *byte;
    }
    header
}

/// Puts a frame with `records` into `buffer`, replacing what was there.
pub(super) fn write_frame<'r>(
    buffer: &mut Vec<u8>,
    number: u64,
    records: impl IntoIterator<Item = &'r AuditRecord>,
) -> io::Result<()> {
    buffer.clear();
    buffer.extend_from_slice(&[0; FRAME_HEADER]);
    for record in records {
        serde_json::to_writer(&mut *buffer, record)?;
        buffer.push(b'\n');
    }
    let Some((header, payload)) = buffer.split_first_chunk_mut::<FRAME_HEADER>() else {
        return Ok(());
    };
    let length = u32::try_from(payload.len())
        .map_err(|_| io::Error::other("a group of records is over 4 GiB"))?;
    let sum = frame_sum(length, number, payload);
    let written = FRAME_MAGIC
        .into_iter()
        .chain(length.to_le_bytes())
        .chain(number.to_le_bytes())
        .chain(sum.to_le_bytes());
    for (place, byte) in header.iter_mut().zip(written) {
        *place = byte;
    }
    Ok(())
}

/// Every group that a file holds, in order.
pub(super) fn read(file: &[u8]) -> Result<Vec<Group>, Damaged> {
    let Some(base) = base(file)? else {
        return Ok(Vec::new());
    };
    let mut groups = Vec::new();
    let mut expected = base;
    let mut offset = FILE_HEADER;
    while let Some(frame) = frame_at(file, offset).filter(|frame| frame.number == expected) {
        groups.push(Group {
            number: frame.number,
            records: records(frame.payload).ok_or(Damaged { offset })?,
        });
        offset += FRAME_HEADER + frame.payload.len();
        expected += 1;
    }
    if later_frame(file, offset, expected) {
        return Err(Damaged { offset });
    }
    Ok(groups)
}

/// The number of the first frame; `None` for a file that was not finished when it was made.
fn base(file: &[u8]) -> Result<Option<u64>, Damaged> {
    let header = file.get(..FILE_HEADER).unwrap_or(file);
    let base = header
        .strip_prefix(&FILE_MAGIC)
        .and_then(|rest| rest.first_chunk())
        .map(|base| u64::from_le_bytes(*base))
        .filter(|base| file_header(*base) == header);
    match base {
        None if file.len() <= FILE_HEADER => Ok(None),
        None => Err(Damaged { offset: 0 }),
        known => Ok(known),
    }
}

struct Frame<'f> {
    number: u64,
    payload: &'f [u8],
}

/// The frame that begins at `offset`, if one does and is whole.
fn frame_at(file: &[u8], offset: usize) -> Option<Frame<'_>> {
    let rest = file.get(offset..)?.strip_prefix(&FRAME_MAGIC)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length);
    let number = u64::from_le_bytes(*number);
    let payload = rest.get(..usize::try_from(length).ok()?)?;
    (frame_sum(length, number, payload) == u32::from_le_bytes(*sum))
        .then_some(Frame { number, payload })
}

/// Whether a frame numbered `expected` or a little above stands anywhere behind `offset`.
///
/// Text from outside cannot pass for one: the upper bytes of such a number are zero, and JSON
/// holds no zero byte.
fn later_frame(file: &[u8], offset: usize, expected: u64) -> bool {
    let plausible = expected..expected.saturating_add(1 << 32);
    let behind = file.get(offset..).unwrap_or_default();
    behind
        .windows(FRAME_MAGIC.len())
        .enumerate()
        .skip(1)
        .filter(|(_, window)| *window == FRAME_MAGIC)
        .filter_map(|(at, _)| frame_at(file, offset + at))
        .any(|frame| plausible.contains(&frame.number))
}

fn frame_sum(length: u32, number: u64, payload: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&length.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, &number.to_le_bytes());
    crc32c::crc32c_append(sum, payload)
}

/// The records of a payload; `None` if it is not one of ours in spite of its sum.
fn records(payload: &[u8]) -> Option<Vec<AuditRecord>> {
    payload
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).ok())
        .collect()
}

#[cfg(test)]
mod tests;
