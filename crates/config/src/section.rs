//! Reads one TOML table: typed values out, problems collected, unknown keys refused.

mod values;

use std::ops::RangeInclusive;
use std::time::Duration;

use toml_span::value::{Table, ValueInner};
use toml_span::{Span, Value};
pub(crate) use values::is_word;

use crate::problem::{Mask, Problems, is_invisible};
use crate::units;

/// A table that is being read. Every key that is asked for counts as known; [`Section::finish`]
/// reports the others.
pub(crate) struct Section<'a, 'de> {
    table: Option<&'a Table<'de>>,
    path: String,
    known: Vec<&'static str>,
    /// Where the table is.
    pub(crate) span: Span,
}

impl<'a, 'de> Section<'a, 'de> {
    pub(crate) fn new(table: &'a Table<'de>, path: &str, span: Span) -> Self {
        Self {
            table: Some(table),
            path: path.to_owned(),
            known: Vec::new(),
            span,
        }
    }

    /// A section that is not in the file: every value is absent.
    fn absent(path: String, span: Span) -> Self {
        Self {
            table: None,
            path,
            known: Vec::new(),
            span,
        }
    }

    /// The dotted name of a key in this section, or of the section for an empty name.
    pub(crate) fn key(&self, name: &str) -> String {
        if name.is_empty() {
            return self.path.clone();
        }
        join(&self.path, name)
    }

    /// The dotted name of the section itself.
    pub(crate) fn path_of_table(&self) -> &str {
        &self.path
    }

    pub(crate) fn value(&mut self, name: &'static str) -> Option<&'a Value<'de>> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.table?.get(name)
    }

    /// The place of a key's value, or of the table when the key is absent.
    pub(crate) fn span_of(&self, name: &str) -> Span {
        self.table
            .and_then(|table| table.get(name))
            .map_or(self.span, |value| value.span)
    }

    /// A sub-table. When it is absent or no table, the section returned has no values.
    pub(crate) fn section(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Section<'a, 'de> {
        let path = self.key(name);
        match self.value(name) {
            Some(value) => match value.as_table() {
                Some(table) => Section::new(table, &path, value.span),
                None => {
                    wrong_type(problems, &path, value, "a table");
                    Section::absent(path, value.span)
                }
            },
            None => Section::absent(path, self.span),
        }
    }

    /// A sub-table whose presence means something: `None` when it is absent or no table.
    pub(crate) fn optional_section(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<Section<'a, 'de>> {
        self.value(name)?;
        let section = self.section(problems, name);
        section.table.is_some().then_some(section)
    }

    /// The entries of a sub-table whose keys are the user's own names, in the order of the names.
    pub(crate) fn entries(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Vec<(&'a str, Span, &'a Value<'de>)> {
        let path = self.key(name);
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        match value.as_table() {
            Some(table) => table
                .iter()
                .map(|(key, value)| (key.name.as_ref(), key.span, value))
                .collect(),
            None => {
                wrong_type(problems, &path, value, "a table");
                Vec::new()
            }
        }
    }

    pub(crate) fn string(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<(&'a str, Span)> {
        let value = self.value(name)?;
        let text = value.as_str().map(|text| (text, value.span));
        if text.is_none() {
            wrong_type(problems, &self.key(name), value, "a string");
        }
        text
    }

    pub(crate) fn boolean(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<bool> {
        let value = self.value(name)?;
        let on = value.as_bool();
        if on.is_none() {
            wrong_type(problems, &self.key(name), value, "`true` or `false`");
        }
        on
    }

    pub(crate) fn strings(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<Vec<(String, Span)>> {
        let value = self.value(name)?;
        strings(problems, &self.key(name), value)
    }

    pub(crate) fn duration(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<Duration> {
        let value = self.value(name)?;
        let duration = value.as_str().and_then(units::duration);
        if duration.is_none() {
            self.refuse(
                problems,
                name,
                format!("`{}` is no duration", self.key(name)),
                "write a whole number above zero with `ms`, `s`, `m` or `h`, at most a day: \"30s\"",
            );
        }
        duration
    }

    pub(crate) fn size(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
        range: RangeInclusive<usize>,
    ) -> Option<usize> {
        let value = self.value(name)?;
        let size = value
            .as_str()
            .and_then(units::size)
            .filter(|size| range.contains(size));
        if size.is_none() {
            self.refuse(
                problems,
                name,
                format!("`{}` is no size that is allowed here", self.key(name)),
                &format!(
                    "write a whole number with `B`, `KiB`, `MiB` or `GiB`, from {} to {}: \"4MiB\"",
                    units::show_size(*range.start()),
                    units::show_size(*range.end()),
                ),
            );
        }
        size
    }

    pub(crate) fn count(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
        range: RangeInclusive<usize>,
    ) -> Option<usize> {
        let value = self.value(name)?;
        let count = value
            .as_integer()
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| range.contains(count));
        if count.is_none() {
            self.refuse(
                problems,
                name,
                format!("`{}` is no number that is allowed here", self.key(name)),
                &format!(
                    "write a whole number from {} to {}",
                    range.start(),
                    range.end()
                ),
            );
        }
        count
    }

    /// Reports a value that has no meaning in its place. The value is shown.
    pub(crate) fn refuse(
        &self,
        problems: &mut Problems<'_>,
        name: &str,
        message: String,
        hint: &str,
    ) {
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        let key = self.key(name);
        problems.push(self.span_of(name), &key, message, hint, Mask::OtherStrings);
    }

    /// Reports a value whose text may be a secret, such as a URL. The value is not shown.
    pub(crate) fn refuse_hidden(
        &self,
        problems: &mut Problems<'_>,
        name: &str,
        message: String,
        hint: &str,
    ) {
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        let key = self.key(name);
        problems.push(self.span_of(name), &key, message, hint, Mask::Everything);
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self, problems: &mut Problems<'_>) {
        for key in self.table.into_iter().flat_map(Table::keys) {
            if self.known.contains(&key.name.as_ref()) {
                continue;
            }
            let hint = suggestion(&key.name, self.known.iter().copied())
                .map(|name| format!("did you mean `{name}`?"))
                .or_else(|| Some(format!("the keys here are {}", list(&self.known))));
            problems.push(
                key.span,
                &join(&self.path, &key.name),
                format!("unknown key {}", quoted(&key.name)),
                hint,
                // A mistyped `env` may hold anything.
                Mask::Everything,
            );
        }
    }
}

/// One of several words.
pub(crate) fn choice<T: Copy>(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name: &'static str,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let (text, _) = section.string(problems, name)?;
    let chosen = choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, choice)| *choice);
    if chosen.is_none() {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let message = format!("`{}` cannot be {}", section.key(name), quoted(text));
        let hint = match suggestion(text, words.iter().copied()) {
            Some(word) => format!("did you mean `{word}`? it can be {}", list(&words)),
            None => format!("it can be {}", list(&words)),
        };
        section.refuse(problems, name, message, &hint);
    }
    chosen
}

/// An array of strings.
pub(crate) fn strings(
    problems: &mut Problems<'_>,
    key: &str,
    value: &Value<'_>,
) -> Option<Vec<(String, Span)>> {
    let Some(array) = value.as_array() else {
        wrong_type(problems, key, value, "an array of strings");
        return None;
    };
    let mut out = Vec::with_capacity(array.len());
    let mut complete = true;
    for item in array {
        match item.as_str() {
            Some(text) => out.push((text.to_owned(), item.span)),
            None => {
                wrong_type(problems, key, item, "a string");
                complete = false;
            }
        }
    }
    complete.then_some(out)
}

pub(crate) fn wrong_type(
    problems: &mut Problems<'_>,
    key: &str,
    value: &Value<'_>,
    expected: &str,
) {
    let found = match value.as_ref() {
        ValueInner::String(_) => "a string",
        ValueInner::Integer(_) => "an integer",
        ValueInner::Float(_) => "a float",
        ValueInner::Boolean(_) => "a boolean",
        ValueInner::Array(_) => "an array",
        ValueInner::Table(_) => "a table",
    };
    problems.push(
        value.span,
        key,
        format!("`{key}` must be {expected}, not {found}"),
        None,
        Mask::Everything,
    );
}

/// The known word that was most likely meant.
pub(crate) fn suggestion<'w>(text: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let text = text.replace('_', "-").to_lowercase();
    words
        .map(|word| (strsim::damerau_levenshtein(&text, word), word))
        .filter(|(distance, word)| *distance <= (word.chars().count() / 3).max(1))
        .min()
        .map(|(_, word)| word)
}

/// A name from the file in backticks, shortened, with invisible characters escaped.
pub(crate) fn quoted(name: &str) -> String {
    const MAX_CHARS: usize = 64;
    let mut shown: String = name
        .chars()
        .take(MAX_CHARS)
        .flat_map(|character| match is_invisible(character) {
            true => character.escape_unicode().collect::<Vec<_>>(),
            false => vec![character],
        })
        .collect();
    if name.chars().count() > MAX_CHARS {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Words in backticks, with commas between.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

fn join(path: &str, name: &str) -> String {
    match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}.{name}"),
    }
}
