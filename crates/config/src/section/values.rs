//! The kinds of values that several sections have: URLs, paths, references, words from a list.

use std::time::Duration;

use toml_span::Span;

use super::{Section, list, quoted, suggestion};
use crate::problem::{Mask, Problems};
use crate::secret::{self, SecretRef};
use crate::{units, url};

impl Section<'_, '_> {
    /// A time that may be in days.
    pub(crate) fn long_duration(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<Duration> {
        let value = self.value(name)?;
        let duration = value.as_str().and_then(units::long_duration);
        if duration.is_none() {
            let message = format!("`{}` is no duration", self.key(name));
            let hint = "write a whole number above zero with `s`, `m`, `h` or `d`, at most 366 days: \"90d\"";
            self.refuse(problems, name, message, hint);
        }
        duration
    }

    /// A path of a file, relative to the configuration file.
    pub(crate) fn path(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<String> {
        let (text, _) = self.string(problems, name)?;
        if text.trim().is_empty() || text.contains('\0') {
            let message = format!("`{}` names no file", self.key(name));
            let hint = "write a path, absolute or relative to this file";
            self.refuse(problems, name, message, hint);
            return None;
        }
        Some(text.to_owned())
    }

    /// An absolute `https` URL (`http` to a loopback address) without credentials and fragment.
    pub(crate) fn url(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<String> {
        let (text, _) = self.string(problems, name)?;
        match url::check_url(text) {
            Ok(()) => Some(text.to_owned()),
            Err(fault) => {
                let message = format!("`{}` {}", self.key(name), fault.message());
                self.refuse_hidden(problems, name, message, fault.hint());
                None
            }
        }
    }

    /// The identifier of an issuer (RFC 8414, section 2): a URL without query and fragment, and
    /// one only, since it is compared byte by byte.
    pub(crate) fn issuer(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<String> {
        let (text, _) = self.string(problems, name)?;
        let key = self.key(name);
        if text.contains(['*', '{', '}']) {
            let message = format!("`{key}` is a pattern, which would accept the tokens of others");
            let hint = "an issuer is one URL, compared byte by byte; write an entry for each";
            self.refuse_hidden(problems, name, message, hint);
            return None;
        }
        let text = self.url(problems, name)?;
        if text.contains('?') {
            let message = format!("`{key}` has a query");
            let hint = "an issuer is a URL without query and fragment: RFC 8414, section 2";
            self.refuse_hidden(problems, name, message, hint);
            return None;
        }
        Some(text)
    }

    /// A reference to a secret. A `file:` path may be relative to the configuration file.
    pub(crate) fn secret(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<SecretRef> {
        let key = self.key(name);
        let value = self.value(name)?;
        secret::read_nearby(problems, &key, value)
    }

    /// A short printable text: a name, an identifier, a scope.
    pub(crate) fn word(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<String> {
        let (text, span) = self.string(problems, name)?;
        let key = self.key(name);
        is_word(problems, &key, text, span).then(|| text.to_owned())
    }

    /// Such texts, none of them twice.
    pub(crate) fn words(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<Vec<String>> {
        let texts = self.strings(problems, name)?;
        let key = self.key(name);
        let mut out: Vec<String> = Vec::new();
        for (text, span) in texts {
            if !is_word(problems, &key, &text, span) {
                continue;
            }
            match out.contains(&text) {
                true => twice(problems, &key, &text, span),
                false => out.push(text),
            }
        }
        Some(out)
    }

    /// Scopes: RFC 6749, section 3.3: printable ASCII without blank, `"` and `\`.
    pub(crate) fn scopes(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
    ) -> Option<Vec<String>> {
        let scopes = self.words(problems, name)?;
        let is_scope = |scope: &String| {
            let mut bytes = scope.bytes();
            bytes.all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        };
        if let Some(scope) = scopes.iter().find(|scope| !is_scope(scope)) {
            let message = format!("{} in `{}` is no scope", quoted(scope), self.key(name));
            let hint = "a scope is one word of printable ASCII; write one string for each";
            self.refuse(problems, name, message, hint);
        }
        Some(scopes)
    }

    /// Some of several words, at least one, none of them twice. `explain` has a reason why a word
    /// that looks right is none.
    pub(crate) fn choices<T: Copy + PartialEq>(
        &mut self,
        problems: &mut Problems<'_>,
        name: &'static str,
        choices: &[(&'static str, T)],
        explain: fn(&str) -> Option<&'static str>,
    ) -> Option<Vec<T>> {
        let texts = self.strings(problems, name)?;
        let key = self.key(name);
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        if texts.is_empty() {
            let hint = format!("it can have {}", list(&words));
            self.refuse(problems, name, format!("`{key}` is empty"), &hint);
            return None;
        }
        let mut out = Vec::new();
        for (text, span) in texts {
            match choices.iter().find(|(word, _)| *word == text) {
                Some((_, choice)) if out.contains(choice) => twice(problems, &key, &text, span),
                Some((_, choice)) => out.push(*choice),
                None => {
                    let message = format!("`{key}` cannot have {}", quoted(&text));
                    let in_other_case = words.iter().find(|word| word.eq_ignore_ascii_case(&text));
                    let meant = match in_other_case {
                        Some(word) => Some(*word),
                        None => suggestion(&text, words.iter().copied()),
                    };
                    let hint = match (explain(&text), meant) {
                        (Some(reason), _) => reason.to_owned(),
                        (None, Some(word)) => format!("did you mean `{word}`?"),
                        (None, None) => format!("it can have {}", list(&words)),
                    };
                    problems.push(span, &key, message, Some(hint), Mask::OtherStrings);
                }
            }
        }
        Some(out)
    }

    /// Reports each of these keys that is there, since it has no meaning: "`KEY` is only for
    /// WHAT".
    pub(crate) fn only_for(
        &mut self,
        problems: &mut Problems<'_>,
        names: &[&'static str],
        what: &str,
    ) {
        for name in names.iter().copied() {
            if self.value(name).is_some() {
                let message = format!("`{}` is only for {what}", self.key(name));
                self.refuse_hidden(problems, name, message, "take it out");
            }
        }
    }

    /// Reports a key that has to be there.
    pub(crate) fn missing(&self, problems: &mut Problems<'_>, name: &str, hint: &str) {
        let message = format!("`{}` is missing", self.key(name));
        self.refuse_hidden(problems, name, message, hint);
    }
}

/// A name of a principal, group, role, client or scope stands in policies and in the audit trail,
/// so it is short and printable.
pub(crate) fn is_word(problems: &mut Problems<'_>, key: &str, text: &str, span: Span) -> bool {
    let is_valid =
        (1..=512).contains(&text.len()) && text.trim() == text && !text.contains(char::is_control);
    if !is_valid {
        let message = format!("`{key}` holds what is empty, too long or not printable");
        let hint = "write 1 to 512 bytes, no control characters and no space at the ends";
        let hint = Some(hint.to_owned());
        problems.push(span, key, message, hint, Mask::OtherStrings);
    }
    is_valid
}

fn twice(problems: &mut Problems<'_>, key: &str, text: &str, span: Span) {
    let message = format!("{} is there twice", quoted(text));
    problems.push(span, key, message, None, Mask::OtherStrings);
}
