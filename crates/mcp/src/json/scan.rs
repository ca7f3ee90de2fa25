//! The one reader of JSON grammar: a pull scanner that every view shares.

use super::{JsonError, Span};

/// One step through a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// `{` at this byte.
    ObjectStart(usize),
    /// `}`, which ends just before this byte.
    ObjectEnd(usize),
    /// `[` at this byte.
    ArrayStart(usize),
    /// `]`, which ends just before this byte.
    ArrayEnd(usize),
    /// A member's name.
    Key(Text),
    /// A string that is a value.
    String(Text),
    /// A number.
    Number(Span),
    /// `true`, `false` or `null`.
    Literal(Span),
}

/// A string where it stands: with its quotes, and whether it holds escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) span: Span,
    pub(super) escaped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    Array,
}

#[derive(Clone, Copy)]
enum Expect {
    /// A value, at the start or after `:` or `,` in an array.
    Value,
    /// A value or `]`, just after `[`.
    ValueOrEnd,
    /// A key or `}`, just after `{`.
    KeyOrEnd,
    /// A key, after `,` in an object.
    Key,
    /// `,` or the end of what is open.
    CommaOrEnd,
    /// Nothing but whitespace.
    Done,
}

/// Reads one JSON value by RFC 8259, without recursion. It ends after the value: what follows is the
/// caller's business, through [`Scanner::rest_is_blank`].
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    pos: usize,
    max_depth: usize,
    open: Vec<Open>,
    expect: Expect,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, max_depth: usize) -> Self {
        Scanner {
            bytes: text.as_bytes(),
            pos: 0,
            max_depth,
            open: Vec::new(),
            expect: Expect::Value,
        }
    }

    /// How many arrays and objects are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether nothing but whitespace follows the value.
    pub(super) fn rest_is_blank(&mut self) -> Result<(), JsonError> {
        self.skip_whitespace();
        if self.pos == self.bytes.len() {
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    /// The next step; `None` after the value.
    pub(super) fn next(&mut self) -> Result<Option<Event>, JsonError> {
        loop {
            if matches!(self.expect, Expect::Done) {
                return Ok(None);
            }
            self.skip_whitespace();
            let byte = self.peek().ok_or_else(|| self.syntax())?;
            match (self.expect, byte) {
                (Expect::CommaOrEnd, b',') => {
                    self.pos += 1;
                    self.expect = match self.open.last() {
                        Some(Open::Object) => Expect::Key,
                        _ => Expect::Value,
                    };
                }
                (Expect::CommaOrEnd | Expect::KeyOrEnd, b'}') => {
                    return self.close(Open::Object).map(Some);
                }
                (Expect::CommaOrEnd | Expect::ValueOrEnd, b']') => {
                    return self.close(Open::Array).map(Some);
                }
                (Expect::Key | Expect::KeyOrEnd, b'"') => return self.key().map(Some),
                (Expect::Value | Expect::ValueOrEnd, _) => return self.value(byte).map(Some),
                _ => return Err(self.syntax()),
            }
        }
    }

    fn key(&mut self) -> Result<Event, JsonError> {
        let text = self.string()?;
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.syntax());
        }
        self.pos += 1;
        self.expect = Expect::Value;
        Ok(Event::Key(text))
    }

    fn value(&mut self, first: u8) -> Result<Event, JsonError> {
        let start = self.pos;
        match first {
            b'{' => {
                self.enter(Open::Object)?;
                self.expect = Expect::KeyOrEnd;
                return Ok(Event::ObjectStart(start));
            }
            b'[' => {
                self.enter(Open::Array)?;
                self.expect = Expect::ValueOrEnd;
                return Ok(Event::ArrayStart(start));
            }
            _ => {}
        }
        let event = match first {
            b'"' => Event::String(self.string()?),
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => Event::Number(self.number()?),
        };
        self.after_value();
        Ok(event)
    }

    fn enter(&mut self, what: Open) -> Result<(), JsonError> {
        if self.open.len() >= self.max_depth {
            return Err(JsonError::TooDeep {
                limit: self.max_depth,
            });
        }
        self.open.push(what);
        self.pos += 1;
        Ok(())
    }

    fn close(&mut self, what: Open) -> Result<Event, JsonError> {
        if self.open.last() != Some(&what) {
            return Err(self.syntax());
        }
        self.open.pop();
        self.pos += 1;
        self.after_value();
        Ok(match what {
            Open::Object => Event::ObjectEnd(self.pos),
            Open::Array => Event::ArrayEnd(self.pos),
        })
    }

    fn after_value(&mut self) {
        self.expect = if self.open.is_empty() {
            Expect::Done
        } else {
            Expect::CommaOrEnd
        };
    }

    fn literal(&mut self, word: &[u8]) -> Result<Event, JsonError> {
        let start = self.pos;
        for expected in word {
            if self.peek() != Some(*expected) {
                return Err(self.syntax());
            }
            self.pos += 1;
        }
        Ok(Event::Literal(Span {
            start,
            end: self.pos,
        }))
    }

    fn number(&mut self) -> Result<Span, JsonError> {
        let start = self.pos;
        if self.peek() == Some(b'-') {
            self.pos += 1;
        }
        match self.peek() {
            Some(b'0') => self.pos += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.syntax()),
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(Span {
            start,
            end: self.pos,
        })
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.pos;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.pos += 1;
        }
        if self.pos == start {
            Err(self.syntax())
        } else {
            Ok(())
        }
    }

    fn string(&mut self) -> Result<Text, JsonError> {
        let start = self.pos;
        let mut escaped = false;
        self.pos += 1;
        loop {
            let rest = self.bytes.get(self.pos..).unwrap_or_default();
            let plain = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            let (plain, _) = rest.split_at_checked(plain).unwrap_or((rest, b""));
            if plain
                .iter()
                .fold(false, |found, byte| found | (*byte < b' '))
            {
                let offset = plain.iter().position(|byte| *byte < b' ').unwrap_or(0);
                return Err(JsonError::Syntax {
                    offset: self.pos + offset,
                });
            }
            self.pos += plain.len();
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(Text {
                        span: Span {
                            start,
                            end: self.pos,
                        },
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let at = self.pos;
        self.pos += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.pos += 1,
            Some(b'u') => {
                let unit = self.unit()?;
                if (0xd800..0xdc00).contains(&unit) {
                    let followed =
                        self.peek() == Some(b'\\') && self.bytes.get(self.pos + 1) == Some(&b'u');
                    self.pos += usize::from(followed);
                    if !followed || !(0xdc00..0xe000).contains(&self.unit()?) {
                        return Err(JsonError::Syntax { offset: at });
                    }
                } else if (0xdc00..0xe000).contains(&unit) {
                    return Err(JsonError::Syntax { offset: at });
                }
            }
            _ => return Err(self.syntax()),
        }
        Ok(())
    }

    /// The four hex digits after `u`, which the position stands on.
    fn unit(&mut self) -> Result<u32, JsonError> {
        self.pos += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self
                .peek()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or_else(|| self.syntax())?;
            unit = unit * 16 + digit;
            self.pos += 1;
        }
        Ok(unit)
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    fn syntax(&self) -> JsonError {
        JsonError::Syntax { offset: self.pos }
    }
}
