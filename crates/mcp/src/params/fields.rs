//! Typed access to the members of one object of the params.

use std::borrow::Cow;

use super::Raw;
use crate::error::{Fault, WireError};
use crate::json::{self, JsonKind, Object, Span};
use crate::message::{ambiguous, is_token};
use crate::meta::PROGRESS_TOKEN;

/// A string and where it stands, with its quotes.
type Text<'a> = (Cow<'a, str>, Span);

/// The members of one object. Optional members may be absent but not `null`.
pub(super) struct Fields<'a> {
    object: Object<'a>,
}

impl<'a> Fields<'a> {
    /// Reads the object `name`, in which `judged` members must not appear in two letter cases.
    pub(super) fn of(
        text: &'a str,
        name: &'static str,
        judged: &[&'static str],
    ) -> Result<Self, WireError> {
        let object =
            Object::parse(text).map_err(|_| refuse(name, Fault::Expected(JsonKind::Object)))?;
        match ambiguous(&object, judged) {
            Some(member) => Err(refuse(member, Fault::Ambiguous)),
            None => Ok(Fields { object }),
        }
    }

    /// `_meta` is an object, and its progress token a token.
    pub(super) fn check_meta(&self) -> Result<(), WireError> {
        if let Some(member) = ambiguous(&self.object, &["_meta"]) {
            return Err(refuse(member, Fault::Ambiguous));
        }
        let Some((raw, _)) = self.optional("_meta", JsonKind::Object)? else {
            return Ok(());
        };
        let meta = Fields::of(raw, "_meta", &[PROGRESS_TOKEN])?;
        match meta.object.get(PROGRESS_TOKEN) {
            Some(member) if !is_token(member.value) => {
                Err(refuse(PROGRESS_TOKEN, Fault::ExpectedToken))
            }
            _ => Ok(()),
        }
    }

    /// Every member is a string.
    pub(super) fn check_strings(&self, name: &'static str) -> Result<(), WireError> {
        if self
            .object
            .members()
            .iter()
            .all(|member| json::kind(member.value) == JsonKind::String)
        {
            Ok(())
        } else {
            Err(refuse(name, Fault::Expected(JsonKind::String)))
        }
    }

    pub(super) fn any(&self, key: &'static str) -> Result<Raw<'a>, WireError> {
        let member = self.object.get(key).ok_or(refuse(key, Fault::Missing))?;
        Ok((member.value, member.value_span))
    }

    pub(super) fn required(&self, key: &'static str, kind: JsonKind) -> Result<Raw<'a>, WireError> {
        self.optional(key, kind)?.ok_or(refuse(key, Fault::Missing))
    }

    pub(super) fn optional(
        &self,
        key: &'static str,
        kind: JsonKind,
    ) -> Result<Option<Raw<'a>>, WireError> {
        match self.object.get(key) {
            None => Ok(None),
            Some(member) if json::kind(member.value) == kind => {
                Ok(Some((member.value, member.value_span)))
            }
            Some(_) => Err(refuse(key, Fault::Expected(kind))),
        }
    }

    pub(super) fn required_string(&self, key: &'static str) -> Result<Text<'a>, WireError> {
        self.optional_string(key)?
            .ok_or(refuse(key, Fault::Missing))
    }

    pub(super) fn optional_string(&self, key: &'static str) -> Result<Option<Text<'a>>, WireError> {
        let Some((raw, span)) = self.optional(key, JsonKind::String)? else {
            return Ok(None);
        };
        let text = json::as_string(raw).ok_or(refuse(key, Fault::Expected(JsonKind::String)))?;
        Ok(Some((text, span)))
    }

    pub(super) fn optional_text(
        &self,
        key: &'static str,
    ) -> Result<Option<Cow<'a, str>>, WireError> {
        Ok(self.optional_string(key)?.map(|(text, _)| text))
    }

    /// A raw id or progress token.
    pub(super) fn required_token(&self, key: &'static str) -> Result<&'a str, WireError> {
        let (raw, _) = self.any(key)?;
        if is_token(raw) {
            Ok(raw)
        } else {
            Err(refuse(key, Fault::ExpectedToken))
        }
    }

    /// The strings of an optional array, for an object that stands at byte `base` of the params.
    pub(super) fn strings(
        &self,
        key: &'static str,
        base: usize,
    ) -> Result<Vec<Text<'a>>, WireError> {
        let Some((raw, span)) = self.optional(key, JsonKind::Array)? else {
            return Ok(Vec::new());
        };
        let not_strings = || refuse(key, Fault::Expected(JsonKind::String));
        json::elements(raw)
            .map_err(|_| refuse(key, Fault::Expected(JsonKind::Array)))?
            .iter()
            .map(|element| {
                let text = json::as_string(element.value).ok_or_else(not_strings)?;
                Ok((text, element.span.within(span.start + base)))
            })
            .collect()
    }
}

pub(super) fn refuse(member: &'static str, fault: Fault) -> WireError {
    WireError::Params { member, fault }
}
