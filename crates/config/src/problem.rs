//! What is wrong with a configuration file, where, and what to write instead.

use std::fmt::Write as _;
use std::ops::Range;

use toml_span::Span;

/// One problem in a configuration file. Its text never holds a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The dotted key that the problem is about, for example `servers.papers.command`.
    pub key: Option<String>,
    /// What to write instead.
    pub hint: Option<String>,
    width: usize,
    mask: Mask,
}

/// How much of the source line [`Problem::render`] hides, since a line may hold a secret that was
/// written where only a reference belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// The contents of all strings but the one that the problem is about.
    OtherStrings,
    /// Every value on the line.
    Everything,
}

impl Problem {
    /// A problem at a place in a file, for checks made outside this crate. The values of the
    /// source line are hidden when it is rendered.
    pub fn new(message: impl Into<String>, line: usize, column: usize) -> Self {
        Self {
            message: message.into(),
            line,
            column,
            key: None,
            hint: None,
            width: 1,
            mask: Mask::Everything,
        }
    }

    /// The problem as a compiler would print it: place and message, the source line with a caret,
    /// and the hint. `file` is the name to print, `source` the text that was parsed. No colour;
    /// no newline at the end.
    pub fn render(&self, file: &str, source: &str) -> String {
        let mut out = format!("{file}:{}:{}: {}", self.line, self.column, self.message);
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        if let Some(line) = source.lines().nth(self.line.saturating_sub(1)) {
            let start = self.column.saturating_sub(1);
            let shown = masked(line, start..start.saturating_add(self.width), self.mask);
            let rest = shown.chars().count().saturating_sub(start).max(1);
            let carets = "^".repeat(self.width.clamp(1, rest));
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "\n {gutter} |\n {number} | {shown}\n {gutter} | {}{carets}",
                " ".repeat(start.min(shown.chars().count())),
            );
        }
        if let Some(hint) = &self.hint {
            let _ = write!(out, "\n {gutter} = hint: {hint}");
        }
        out
    }
}

/// Collects the problems of one text.
pub(crate) struct Problems<'s> {
    source: &'s str,
    line_starts: Vec<usize>,
    found: Vec<Problem>,
    /// The references to secrets that lead to a service, which `[secrets]` must know: where they
    /// stand, the dotted key, and the scheme.
    pub(crate) remote_references: Vec<(Span, String, &'static str)>,
}

impl<'s> Problems<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(source.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            source,
            line_starts,
            found: Vec::new(),
            remote_references: Vec::new(),
        }
    }

    pub(crate) fn push(
        &mut self,
        span: Span,
        key: &str,
        message: String,
        hint: Option<String>,
        mask: Mask,
    ) {
        let (line, column) = self.place(span.start);
        let width = self
            .source
            .get(span.start..span.end)
            .and_then(|text| text.lines().next())
            .map_or(1, |text| text.chars().count().max(1));
        self.found.push(Problem {
            message,
            line,
            column,
            key: Some(key.to_owned()).filter(|key| !key.is_empty()),
            hint,
            width,
            mask,
        });
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.line_starts
            .partition_point(|start| *start <= offset)
            .max(1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All problems in the order of the file.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found
            .sort_by_key(|problem| (problem.line, problem.column));
        self.found
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let column = self
            .source
            .get(start..offset)
            .map_or(1, |before| before.chars().count() + 1);
        (line, column)
    }
}

/// The line with values hidden and invisible characters shown. Columns are kept: every
/// character stands for itself or for one `·`.
fn masked(line: &str, own: Range<usize>, mask: Mask) -> String {
    let mut quote = None;
    let mut escaped = false;
    let is_header = line.trim_start().starts_with('[');
    let mut is_value = mask == Mask::Everything && !is_header && !line.contains('=');
    let mut out = String::with_capacity(line.len());
    for (index, character) in line.chars().enumerate() {
        let was_inside = quote.is_some();
        match quote {
            _ if escaped => escaped = false,
            Some('"') if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            None if matches!(character, '"' | '\'') => quote = Some(character),
            Some(_) | None => {}
        }
        let inside = was_inside && quote.is_some();
        let hidden = match mask {
            Mask::OtherStrings => inside && !own.contains(&index),
            Mask::Everything => inside || (is_value && character.is_alphanumeric()),
        };
        if character == '=' && quote.is_none() {
            is_value = mask == Mask::Everything;
        }
        match character {
            _ if hidden => out.push('·'),
            '\t' => out.push(' '),
            _ if is_invisible(character) => out.push('·'),
            _ => out.push(character),
        }
    }
    out
}

/// Whether a character can hide or move other text: control characters, zero-width characters,
/// direction marks and tag characters.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests;
