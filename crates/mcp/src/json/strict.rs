//! The strict pass that every text from outside goes through once.

use std::borrow::Cow;
use std::collections::HashSet;

use super::scan::{Event, Scanner};
use super::strings::decode;
use super::{JsonError, Limits};

/// Up to this many keys of one object are compared one by one; more go into a set.
const FEW_KEYS: usize = 16;

/// Checks that `bytes` are one JSON value that every parser reads alike: UTF-8, RFC 8259, no lone
/// surrogate escapes, no key twice in one object (compared after unescaping, at every level), within
/// the limits, and nothing after it but whitespace. One pass, linear in the size.
///
/// # Errors
/// The first problem, with its offset.
pub fn check<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, JsonError> {
    if bytes.len() > limits.max_bytes {
        return Err(JsonError::TooLarge {
            limit: limits.max_bytes,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::NotUtf8 {
        offset: error.valid_up_to(),
    })?;
    check_text(text, limits)?;
    Ok(text)
}

/// [`check`] for what is known to be UTF-8.
pub(crate) fn check_text(text: &str, limits: &Limits) -> Result<(), JsonError> {
    if text.len() > limits.max_bytes {
        return Err(JsonError::TooLarge {
            limit: limits.max_bytes,
        });
    }
    let mut scanner = Scanner::new(text, limits.max_depth);
    let mut keys = Keys::default();
    while let Some(event) = scanner.next()? {
        match event {
            Event::ObjectStart(_) => keys.open(),
            Event::ObjectEnd(_) => keys.close(),
            Event::Key(key) => {
                if let Err(key_text) = keys.insert(decode(text, key)) {
                    return Err(JsonError::DuplicateKey {
                        key: key_text,
                        offset: key.span.start,
                    });
                }
            }
            _ => {}
        }
    }
    scanner.rest_is_blank()
}

/// The keys of the objects that are open, innermost last, on one stack that is used again.
#[derive(Default)]
pub(super) struct Keys<'a> {
    keys: Vec<Cow<'a, str>>,
    objects: Vec<OpenObject<'a>>,
}

struct OpenObject<'a> {
    /// Where its keys start on the stack.
    first: usize,
    /// Takes over from the stack once there are many.
    many: Option<HashSet<Cow<'a, str>>>,
}

impl<'a> Keys<'a> {
    pub(super) fn open(&mut self) {
        self.objects.push(OpenObject {
            first: self.keys.len(),
            many: None,
        });
    }

    pub(super) fn close(&mut self) {
        if let Some(object) = self.objects.pop() {
            self.keys.truncate(object.first);
        }
    }

    /// Adds a key to the innermost object; gives it back when it is there already.
    pub(super) fn insert(&mut self, key: Cow<'a, str>) -> Result<(), String> {
        let Some(object) = self.objects.last_mut() else {
            return Ok(());
        };
        if let Some(many) = &mut object.many {
            let shown = key.clone();
            return if many.insert(key) {
                Ok(())
            } else {
                Err(shown.into_owned())
            };
        }
        let own = self.keys.get(object.first..).unwrap_or_default();
        if own.contains(&key) {
            return Err(key.into_owned());
        }
        if own.len() < FEW_KEYS {
            self.keys.push(key);
        } else {
            let mut many: HashSet<_> = self.keys.drain(object.first..).collect();
            many.insert(key);
            object.many = Some(many);
        }
        Ok(())
    }
}
