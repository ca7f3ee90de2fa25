//! Shallow views: the members of one object, the elements of one array.

use std::borrow::Cow;

use super::scan::{Event, Scanner, Text};
use super::strict::Keys;
use super::strings::decode;
use super::{JsonError, JsonKind, Span, as_string, kind};

/// One object: its members in order, each as a borrowed slice of its text.
#[derive(Clone, Debug)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

/// A member of an object. Spans are relative to [`Object::text`].
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Its name, unescaped.
    pub key: Cow<'a, str>,
    /// Its value as written.
    pub value: &'a str,
    /// Where its name stands, with its quotes.
    pub key_span: Span,
    /// Where its value stands.
    pub value_span: Span,
}

/// An element of an array. The span is relative to the text it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// Its value as written.
    pub value: &'a str,
    /// Where it stands.
    pub span: Span,
}

impl<'a> Object<'a> {
    /// Reads the members of an object.
    ///
    /// # Errors
    /// [`JsonError::Expected`] when the text is another kind of value, [`JsonError::Syntax`] when it
    /// is not JSON, [`JsonError::DuplicateKey`] when this object (not one inside it) names a member
    /// twice.
    pub fn parse(text: &'a str) -> Result<Object<'a>, JsonError> {
        let mut scanner = Scanner::new(text, usize::MAX);
        if !matches!(scanner.next()?, Some(Event::ObjectStart(_))) {
            return Err(JsonError::Expected(JsonKind::Object));
        }
        let mut members = Vec::new();
        let mut keys = Keys::default();
        keys.open();
        while let Some(Event::Key(token)) = scanner.next()? {
            let key = decode(text, token);
            keys.insert(key.clone())
                .map_err(|key| JsonError::DuplicateKey {
                    key,
                    offset: token.span.start,
                })?;
            let Some(value_span) = value_span(&mut scanner)? else {
                break;
            };
            members.push(Member {
                key,
                value: value_span.of(text),
                key_span: token.span,
                value_span,
            });
        }
        scanner.rest_is_blank()?;
        Ok(Object { text, members })
    }

    /// The member with this name.
    pub fn get(&self, key: &str) -> Option<&Member<'a>> {
        self.members.iter().find(|member| member.key == key)
    }

    /// Every member, in order.
    pub fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// The text it was read from.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// What the string member with this name says; `None` when there is no such member.
    ///
    /// # Errors
    /// [`JsonError::Expected`] when it is there and not a string.
    pub fn string(&self, key: &str) -> Result<Option<Cow<'a, str>>, JsonError> {
        match self.get(key) {
            None => Ok(None),
            Some(member) => as_string(member.value)
                .map(Some)
                .ok_or(JsonError::Expected(JsonKind::String)),
        }
    }
}

/// The elements of an array, in order.
///
/// # Errors
/// [`JsonError::Expected`] when the text is another kind of value, [`JsonError::Syntax`] when it is
/// not JSON.
pub fn elements(text: &str) -> Result<Vec<Element<'_>>, JsonError> {
    if kind(text) != JsonKind::Array {
        return Err(JsonError::Expected(JsonKind::Array));
    }
    let mut scanner = Scanner::new(text, usize::MAX);
    scanner.next()?;
    let mut elements = Vec::new();
    while let Some(span) = value_span(&mut scanner)? {
        elements.push(Element {
            value: span.of(text),
            span,
        });
    }
    scanner.rest_is_blank()?;
    Ok(elements)
}

/// Reads the next value to its end; `None` at the end of what is open.
fn value_span(scanner: &mut Scanner<'_>) -> Result<Option<Span>, JsonError> {
    let depth = scanner.depth();
    let start = match scanner.next()? {
        None | Some(Event::ObjectEnd(_) | Event::ArrayEnd(_)) => return Ok(None),
        Some(Event::Key(Text { span, .. }) | Event::String(Text { span, .. })) => {
            return Ok(Some(span));
        }
        Some(Event::Number(span) | Event::Literal(span)) => return Ok(Some(span)),
        Some(Event::ObjectStart(start) | Event::ArrayStart(start)) => start,
    };
    loop {
        match scanner.next()? {
            Some(Event::ObjectEnd(end) | Event::ArrayEnd(end)) if scanner.depth() == depth => {
                return Ok(Some(Span { start, end }));
            }
            Some(_) => {}
            None => return Ok(None),
        }
    }
}
