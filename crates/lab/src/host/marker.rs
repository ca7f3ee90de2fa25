//! Tells marked text from unmarked text.
//!
//! One recogniser, on purpose: when the gateway learns a new way to mark untrusted text, this is the file that grows.

/// A stretch of text between or inside markers; the markers themselves belong to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Whether a well-formed marker surrounds it.
    pub marked: bool,
    /// The text.
    pub text: &'a str,
}

/// Splits text at its spotlighting boundaries, `<untrusted id="…">` and `</untrusted id="…">`.
///
/// A marker counts only when it carries a boundary (the attribute `id` or `boundary`, or a single bare word) and is
/// closed with the same one: a closing tag that does not know the boundary is content, and an opening tag that is
/// never closed marks nothing.
#[must_use]
pub fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut rest = text;
    while let Some((before, inside, after)) = next_marked(rest) {
        segments.push(Segment {
            marked: false,
            text: before,
        });
        segments.push(Segment {
            marked: true,
            text: inside,
        });
        rest = after;
    }
    segments.push(Segment {
        marked: false,
        text: rest,
    });
    segments.retain(|segment| !segment.text.is_empty());
    segments
}

/// The text without its markers, marked or not: what a person wants of it.
#[must_use]
pub fn without_markers(text: &str) -> String {
    segments(text)
        .into_iter()
        .map(|segment| segment.text)
        .collect()
}

/// Text before, inside and after the first well-formed marker.
fn next_marked(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find(OPEN)?;
        let (before, tag) = text.split_at_checked(start)?;
        let (attributes, rest) = tag.strip_prefix(OPEN)?.split_once('>')?;
        if let Some(boundary) = boundary(attributes)
            && let Some((inside, after)) = close(rest, boundary)
        {
            return Some((before, inside, after));
        }
        from = start + OPEN.len();
    }
}

/// Splits at the closing tag of that boundary.
fn close<'a>(text: &'a str, wanted: &str) -> Option<(&'a str, &'a str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find(CLOSE)?;
        let (inside, tag) = text.split_at_checked(start)?;
        let (attributes, after) = tag.strip_prefix(CLOSE)?.split_once('>')?;
        if boundary(attributes) == Some(wanted) {
            return Some((inside, after));
        }
        from = start + CLOSE.len();
    }
}

const OPEN: &str = "<untrusted ";
const CLOSE: &str = "</untrusted ";

/// The boundary in a tag's attributes.
fn boundary(attributes: &str) -> Option<&str> {
    let named = ["id=\"", "boundary=\""].into_iter().find_map(|name| {
        let (before, value) = attributes.split_once(name)?;
        let starts_a_word = before.is_empty() || before.ends_with(' ');
        value
            .split_once('"')
            .filter(|_| starts_a_word)
            .map(|(value, _)| value)
    });
    let bare = attributes.trim();
    named
        .or((!bare.contains([' ', '=', '"'])).then_some(bare))
        .filter(|boundary| !boundary.is_empty())
}

#[cfg(test)]
mod tests;
