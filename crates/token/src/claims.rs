//! Reading claims: each by its kind, and nothing else.

use std::borrow::Cow;
use std::collections::BTreeSet;

use portcullis_mcp::json::{self, JsonError, JsonKind, Limits, Object};

use crate::rejection::Rejection;

/// One second past the year 9999: no date of a token is later.
const END_OF_TIME: u64 = 253_402_300_800;

/// The claims of one token, or of one object in it.
pub(crate) struct Claims<'a>(Object<'a>);

/// Checks that `bytes` are one strict JSON object.
pub(crate) fn strict_object(
    bytes: &[u8],
    max_bytes: usize,
    otherwise: Rejection,
) -> Result<&str, Rejection> {
    let limits = Limits {
        max_bytes,
        max_depth: 32,
    };
    let text = json::check(bytes, &limits).map_err(|error| match error {
        JsonError::DuplicateKey { .. } => Rejection::DuplicateMember,
        _ => otherwise,
    })?;
    if json::kind(text) == JsonKind::Object {
        Ok(text)
    } else {
        Err(otherwise)
    }
}

impl<'a> Claims<'a> {
    /// Reads a text that [`strict_object`] has accepted.
    pub(crate) fn read(text: &'a str) -> Result<Claims<'a>, Rejection> {
        Object::parse(text)
            .map(Claims)
            .map_err(|_| Rejection::ClaimsMalformed)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// The value as written.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|member| member.value)
    }

    /// A string.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, Rejection> {
        self.raw(name).map(text).transpose()
    }

    /// A string, or an array of strings. Empty when there is no such claim.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<Cow<'a, str>>, Rejection> {
        self.raw(name).map_or(Ok(Vec::new()), texts)
    }

    /// The words of a string with spaces, or of an array of strings. `name` is a member's name, or a
    /// JSON Pointer (RFC 6901) when it starts with `/`.
    pub(crate) fn words(&self, name: &str) -> Result<BTreeSet<String>, Rejection> {
        let Some(raw) = self.at(name)? else {
            return Ok(BTreeSet::new());
        };
        let words = texts(raw)?;
        Ok(words
            .iter()
            .flat_map(|word| word.split(' '))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// The strings of an array, or one string, as they are. `name` is as for [`Claims::words`].
    pub(crate) fn listed(&self, name: &str) -> Result<BTreeSet<String>, Rejection> {
        let Some(raw) = self.at(name)? else {
            return Ok(BTreeSet::new());
        };
        Ok(texts(raw)?.into_iter().map(Cow::into_owned).collect())
    }

    /// A NumericDate (RFC 7519 section 2) in whole seconds, fractions cut off.
    pub(crate) fn date(&self, name: &str) -> Result<Option<u64>, Rejection> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if let Ok(seconds) = raw.parse::<u64>() {
            return if seconds < END_OF_TIME {
                Ok(Some(seconds))
            } else {
                Err(Rejection::ClaimWrongKind)
            };
        }
        if json::kind(raw) != JsonKind::Number {
            return Err(Rejection::ClaimWrongKind);
        }
        match raw.parse::<f64>() {
            // The range makes the cast exact but for the fraction.
            Ok(seconds) if (0.0..END_OF_TIME as f64).contains(&seconds) => Ok(Some(seconds as u64)),
            _ => Err(Rejection::ClaimWrongKind),
        }
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Claims<'a>>, Rejection> {
        self.raw(name)
            .map(|raw| {
                Object::parse(raw)
                    .map(Claims)
                    .map_err(|_| Rejection::ClaimWrongKind)
            })
            .transpose()
    }

    /// Whether the claim is true, in JSON or as a word.
    pub(crate) fn is_true(&self, name: &str) -> Result<bool, Rejection> {
        match self.raw(name) {
            None | Some("false" | "\"false\"") => Ok(false),
            Some("true" | "\"true\"") => Ok(true),
            Some(_) => Err(Rejection::ClaimWrongKind),
        }
    }

    /// The raw value of a member, or at a JSON Pointer through objects.
    fn at(&self, name: &str) -> Result<Option<&'a str>, Rejection> {
        let Some(pointer) = name.strip_prefix('/') else {
            return Ok(self.raw(name));
        };
        let mut value = self.0.text();
        for step in pointer.split('/') {
            let step = step.replace("~1", "/").replace("~0", "~");
            let object = Object::parse(value).map_err(|_| Rejection::ClaimWrongKind)?;
            match object.get(&step) {
                Some(member) => value = member.value,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }
}

fn text(raw: &str) -> Result<Cow<'_, str>, Rejection> {
    json::as_string(raw).ok_or(Rejection::ClaimWrongKind)
}

fn texts(raw: &str) -> Result<Vec<Cow<'_, str>>, Rejection> {
    match json::kind(raw) {
        JsonKind::String => Ok(vec![text(raw)?]),
        JsonKind::Array => json::elements(raw)
            .map_err(|_| Rejection::ClaimWrongKind)?
            .into_iter()
            .map(|element| text(element.value))
            .collect(),
        _ => Err(Rejection::ClaimWrongKind),
    }
}
