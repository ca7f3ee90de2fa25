//! Writing bytes in pieces.

use std::io::{self, Write};

static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Writes `before`, so many bytes of filler, and `after`.
pub(crate) fn write_large(
    out: &mut impl Write,
    before: &str,
    filler: usize,
    after: &str,
) -> io::Result<()> {
    out.write_all(before.as_bytes())?;
    write_filler(out, filler)?;
    out.write_all(after.as_bytes())
}

/// Writes so many bytes of filler.
pub(crate) fn write_filler(out: &mut impl Write, bytes: usize) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let piece = PIECE.get(..left).unwrap_or(&PIECE);
        out.write_all(piece)?;
        left -= piece.len();
    }
    Ok(())
}

/// Writes every byte by itself.
pub(crate) fn drip(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes {
        out.write_all(std::slice::from_ref(byte))?;
        out.flush()?;
    }
    Ok(())
}
