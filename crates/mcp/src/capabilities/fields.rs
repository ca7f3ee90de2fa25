//! Reading the objects that capabilities are made of.

use crate::error::{Fault, WireError};
use crate::json::{self, JsonKind, Object};
use crate::message::ambiguous;

/// One object of capabilities. Members may be `null`, which real peers send for "absent".
pub(super) struct Fields<'a> {
    object: Object<'a>,
    refuse: Refuse,
}

/// Makes the error for one side's capabilities: clients send theirs in params, servers in a result.
pub(super) type Refuse = fn(&'static str, Fault) -> WireError;

impl<'a> Fields<'a> {
    /// Reads the object `name`, in which `judged` members must not appear in two letter cases.
    pub(super) fn of(
        text: &'a str,
        name: &'static str,
        judged: &[&'static str],
        refuse: Refuse,
    ) -> Result<Self, WireError> {
        let object =
            Object::parse(text).map_err(|_| refuse(name, Fault::Expected(JsonKind::Object)))?;
        match ambiguous(&object, judged) {
            Some(member) => Err(refuse(member, Fault::Ambiguous)),
            None => Ok(Fields { object, refuse }),
        }
    }

    /// The raw object that stands under `key`.
    pub(super) fn object(&self, key: &'static str) -> Result<Option<&'a str>, WireError> {
        self.present(key, JsonKind::Object)
    }

    /// The object under `key`, to be read on.
    pub(super) fn inner(
        &self,
        key: &'static str,
        judged: &[&'static str],
    ) -> Result<Option<Self>, WireError> {
        self.object(key)?
            .map(|raw| Fields::of(raw, key, judged, self.refuse))
            .transpose()
    }

    /// Whether `key` stands there with an object.
    pub(super) fn has(&self, key: &'static str) -> Result<bool, WireError> {
        Ok(self.object(key)?.is_some())
    }

    /// Whether `key` is `true`.
    pub(super) fn flag(&self, key: &'static str) -> Result<bool, WireError> {
        Ok(self
            .present(key, JsonKind::Bool)?
            .is_some_and(|raw| raw == "true"))
    }

    /// The strings of the array under `key`.
    pub(super) fn strings(&self, key: &'static str) -> Result<Option<Vec<String>>, WireError> {
        let Some(raw) = self.present(key, JsonKind::Array)? else {
            return Ok(None);
        };
        let not_strings = || (self.refuse)(key, Fault::Expected(JsonKind::String));
        json::elements(raw)
            .map_err(|_| (self.refuse)(key, Fault::Expected(JsonKind::Array)))?
            .iter()
            .map(|element| {
                json::as_string(element.value)
                    .map(Into::into)
                    .ok_or_else(not_strings)
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn present(&self, key: &'static str, kind: JsonKind) -> Result<Option<&'a str>, WireError> {
        match self.object.get(key).map(|member| member.value) {
            None => Ok(None),
            Some(value) if json::kind(value) == JsonKind::Null => Ok(None),
            Some(value) if json::kind(value) == kind => Ok(Some(value)),
            Some(_) => Err((self.refuse)(key, Fault::Expected(kind))),
        }
    }
}
