//! Path templates: `/pets/{id}/photos`.

use crate::encode::{path_literal, percent_decode, percent_encode};

/// A path with places for values. A value never leaves its segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Vec<Piece>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Encoded text.
    Literal(String),
    /// The name of a parameter.
    Value(String),
}

/// Why values do not give a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathFault {
    /// It would leave a segment empty, or is not there.
    Empty,
    /// It holds a control character, or would make a segment that means another place.
    Unsafe,
}

impl Template {
    /// Reads a template (OpenAPI 3.1, Paths Object).
    ///
    /// # Errors
    /// Why it is none: a lower-case fragment.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text
            .strip_prefix('/')
            .ok_or("a path must start with a slash")?;
        if rest.contains(['?', '#', '\\']) || rest.chars().any(char::is_control) {
            return Err("a path must not hold `?`, `#`, `\\` or control characters");
        }
        rest.split('/')
            .map(read_segment)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The names of its parameters.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().filter_map(|piece| match piece {
            Piece::Value(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The path with values in their places, encoded. `values` gives the items of a parameter,
    /// not encoded; several are separated by commas (style `simple`).
    ///
    /// # Errors
    /// The parameter whose value does not fit, and why.
    pub(crate) fn expand(
        &self,
        values: impl Fn(&str) -> Vec<String>,
    ) -> Result<String, (&str, PathFault)> {
        let mut path = String::new();
        for segment in &self.0 {
            path.push('/');
            let mut plain = String::new();
            let mut last = None;
            for piece in segment {
                match piece {
                    Piece::Literal(text) => {
                        path.push_str(text);
                        plain.push_str(&percent_decode(text).unwrap_or_default());
                    }
                    Piece::Value(name) => {
                        let items = values(name);
                        let text = items.join(",");
                        if text.is_empty() {
                            return Err((name, PathFault::Empty));
                        }
                        if text.chars().any(char::is_control) {
                            return Err((name, PathFault::Unsafe));
                        }
                        let encoded: Vec<_> =
                            items.iter().map(|item| percent_encode(item)).collect();
                        path.push_str(&encoded.join(","));
                        plain.push_str(&text);
                        last = Some(name);
                    }
                }
            }
            match last {
                Some(name) if leads_elsewhere(&plain) => return Err((name, PathFault::Unsafe)),
                _ => {}
            }
        }
        Ok(path)
    }
}

fn read_segment(text: &str) -> Result<Vec<Piece>, &'static str> {
    const UNBALANCED: &str = "the braces of the path do not match";
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(UNBALANCED)?;
        if literal.contains('}') || name.contains('{') {
            return Err(UNBALANCED);
        }
        if name.is_empty() {
            return Err("a parameter of the path has no name");
        }
        push_literal(&mut pieces, literal)?;
        pieces.push(Piece::Value(name.to_owned()));
        rest = after;
    }
    if rest.contains('}') {
        return Err(UNBALANCED);
    }
    push_literal(&mut pieces, rest)?;
    let only_literal = pieces
        .iter()
        .all(|piece| matches!(piece, Piece::Literal(_)));
    if only_literal && percent_decode(text).is_some_and(|text| leads_elsewhere(&text)) {
        return Err("a path must not hold `.` or `..` as a segment");
    }
    Ok(pieces)
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Ok(());
    }
    let encoded = path_literal(text);
    if percent_decode(&encoded).is_none() {
        return Err("the path is not percent-encoded as it should be");
    }
    pieces.push(Piece::Literal(encoded));
    Ok(())
}

/// Whether a segment, decoded, could be taken for a step up or to the same place. Encoded dots
/// count as dots (WHATWG URL), some servers decode `%2F` before they look at segments, and some
/// ignore what follows a semicolon.
fn leads_elsewhere(segment: &str) -> bool {
    segment.split(['/', '\\']).any(|step| {
        let step = step.split(';').next().unwrap_or_default();
        matches!(step.trim(), "." | "..")
    })
}

#[cfg(test)]
mod tests;
