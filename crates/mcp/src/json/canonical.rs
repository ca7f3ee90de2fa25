//! Canonical JSON, the form that definitions are hashed in.

use std::borrow::Cow;

use super::JsonError;
use super::scan::{Event, Scanner};
use super::strings::{decode, push_quoted};

/// Deeper texts are refused, because writing recurses.
const MAX_DEPTH: usize = 512;

/// The canonical form of RFC 8785: no whitespace, members sorted by the UTF-16 units of their names,
/// the fewest escapes, numbers as ECMAScript writes them.
///
/// It differs from RFC 8785 in one point. The RFC sees numbers as IEEE doubles, so `9007199254740993`
/// and `9007199254740992` would become one text. Here a number whose ECMAScript form does not have
/// the decimal value that was written (integers past 2^53, `1e400`) stays as written, so that
/// documents with different numbers never become one text.
///
/// # Errors
/// When the text is not JSON or deeper than 512 levels.
pub fn canonical(text: &str) -> Result<String, JsonError> {
    let mut scanner = Scanner::new(text, MAX_DEPTH);
    let first = scanner.next()?.ok_or(JsonError::Syntax { offset: 0 })?;
    let tree = read(text, &mut scanner, first)?;
    scanner.rest_is_blank()?;
    let mut out = String::with_capacity(text.len());
    write(&tree, &mut out);
    Ok(out)
}

enum Node<'a> {
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    Array(Vec<Node<'a>>),
    String(Cow<'a, str>),
    Number(&'a str),
    Literal(&'a str),
}

fn read<'a>(text: &'a str, scanner: &mut Scanner<'a>, first: Event) -> Result<Node<'a>, JsonError> {
    Ok(match first {
        Event::String(token) => Node::String(decode(text, token)),
        Event::Number(span) => Node::Number(span.of(text)),
        Event::Literal(span) => Node::Literal(span.of(text)),
        Event::ArrayStart(_) => {
            let mut items = Vec::new();
            loop {
                match next(scanner)? {
                    Event::ArrayEnd(_) => break Node::Array(items),
                    event => items.push(read(text, scanner, event)?),
                }
            }
        }
        Event::ObjectStart(_) => {
            let mut members = Vec::new();
            while let Event::Key(token) = next(scanner)? {
                let value = next(scanner)?;
                members.push((decode(text, token), read(text, scanner, value)?));
            }
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            Node::Object(members)
        }
        Event::ObjectEnd(offset) | Event::ArrayEnd(offset) => {
            return Err(JsonError::Syntax { offset });
        }
        Event::Key(token) => {
            return Err(JsonError::Syntax {
                offset: token.span.start,
            });
        }
    })
}

fn next(scanner: &mut Scanner<'_>) -> Result<Event, JsonError> {
    scanner.next()?.ok_or(JsonError::Syntax { offset: 0 })
}

fn write(node: &Node<'_>, out: &mut String) {
    match node {
        Node::Literal(text) => out.push_str(text),
        Node::String(value) => push_quoted(out, value),
        Node::Number(token) => out.push_str(&number(token)),
        Node::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Node::Object(members) => {
            out.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_quoted(out, key);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

/// The ECMAScript form of a number, or the token as written where that would change its value.
fn number(token: &str) -> Cow<'_, str> {
    let ecmascript = token
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .and_then(|value| serde_json_canonicalizer::to_string(&value).ok());
    match ecmascript {
        Some(form) if decimal(&form).is_some_and(|value| Some(value) == decimal(token)) => {
            Cow::Owned(form)
        }
        _ => Cow::Borrowed(token),
    }
}

/// A number's exact decimal value: sign, digits without outer zeros, and the power of ten they are
/// scaled by. `None` when the exponent is beyond any double.
fn decimal(token: &str) -> Option<(bool, String, i64)> {
    let (negative, unsigned) = match token.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    let trimmed = i64::try_from(digits.len() - significant.len()).ok()?;
    let fraction = i64::try_from(fraction.len()).ok()?;
    let scale = exponent
        .parse::<i64>()
        .ok()?
        .checked_sub(fraction)?
        .checked_add(trimmed)?;
    Some((negative, significant.to_owned(), scale))
}

#[cfg(test)]
mod tests;
