//! What the targets share: cutting an input into the parts that a target judges together.

/// Stands, on a line of its own, between the parts of an input.
pub const CUT: &str = "\n%%\n";

/// The input as text in `N` parts; what is missing is empty. `None` when it is not UTF-8.
pub fn parts<const N: usize>(data: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(data).ok()?;
    let mut parts = text.splitn(N, CUT);
    Some([(); N].map(|()| parts.next().unwrap_or_default()))
}

/// A stream, and how it is cut: the bytes before the first line end give the lengths of the pieces,
/// over and over.
pub fn stream(data: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let cut = data.iter().position(|c| *c == b'\n').unwrap_or(data.len());
    let (lengths, rest) = data.split_at(cut);
    let stream = rest.strip_prefix(b"\n").unwrap_or(rest);
    let mut pieces = Vec::new();
    let mut left = stream;
    let mut lengths = lengths.iter().cycle();
    while !left.is_empty() {
        let length = lengths
            .next()
            .map_or(left.len(), |c| usize::from(c % 16) + 1);
        let (piece, more) = left.split_at(length.min(left.len()));
        pieces.push(piece);
        left = more;
    }
    (stream, pieces)
}
