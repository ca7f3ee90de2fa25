//! Rewriting a few values and leaving every other byte as it came.

use std::borrow::Cow;

use super::{JsonError, Object, Span, quote};

/// Edits to one JSON text, applied together by [`Splice::finish`].
///
/// Of two edits to the same span the last wins. An edit inside a wider one goes with it. No byte that
/// any edit covers is left in the result.
pub struct Splice<'a> {
    text: &'a str,
    edits: Vec<Edit<'a>>,
    objects: Vec<ObjectEdit<'a>>,
}

struct Edit<'a> {
    span: Span,
    with: Cow<'a, str>,
}

/// Members added to and removed from one object. Spans are relative to the whole text.
struct ObjectEdit<'a> {
    object: Span,
    /// Just after its `{`.
    inside: usize,
    members: Vec<Known>,
    added: Vec<(String, Cow<'a, str>)>,
}

struct Known {
    key: String,
    key_span: Span,
    value_span: Span,
    removed: bool,
}

impl<'a> Splice<'a> {
    /// No edits yet.
    pub fn new(text: &'a str) -> Self {
        Splice {
            text,
            edits: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// Puts `with` in the place of `span`. A span that is not on character boundaries is widened to
    /// them.
    pub fn replace(&mut self, span: Span, with: impl Into<Cow<'a, str>>) {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end).max(start);
        self.edits.push(Edit {
            span: Span { start, end },
            with: with.into(),
        });
    }

    /// Sets a member of the object at `object` to the raw JSON `value`: in place when the object has
    /// it, else as its last member.
    ///
    /// # Errors
    /// When there is no object at `object`.
    pub fn set_member(
        &mut self,
        object: Span,
        key: &str,
        value: impl Into<Cow<'a, str>>,
    ) -> Result<(), JsonError> {
        let value = value.into();
        let edit = self.object(object)?;
        let in_place = edit
            .members
            .iter_mut()
            .find(|member| member.key == key)
            .map(|member| {
                member.removed = false;
                member.value_span
            });
        if let Some(span) = in_place {
            self.replace(span, value);
        } else if let Some(added) = edit.added.iter_mut().find(|(name, _)| name == key) {
            added.1 = value;
        } else {
            edit.added.push((key.to_owned(), value));
        }
        Ok(())
    }

    /// Removes a member, with its comma, from the object at `object`; nothing when it has none.
    ///
    /// # Errors
    /// When there is no object at `object`.
    pub fn remove_member(&mut self, object: Span, key: &str) -> Result<(), JsonError> {
        let edit = self.object(object)?;
        edit.added.retain(|(name, _)| name != key);
        for member in edit.members.iter_mut().filter(|member| member.key == key) {
            member.removed = true;
        }
        Ok(())
    }

    /// Whether [`Splice::finish`] gives the text back unchanged.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.objects.iter().all(ObjectEdit::is_empty)
    }

    /// The edited text, in one allocation; borrowed when there are no edits.
    pub fn finish(mut self) -> Cow<'a, str> {
        if self.is_empty() {
            return Cow::Borrowed(self.text);
        }
        for object in &self.objects {
            object.resolve(&mut self.edits);
        }
        // At one place, what is added comes before what is removed, and the widest edit decides. The
        // sort is stable, so that the last of two edits to one span can be told.
        self.edits.sort_by_key(|Edit { span, .. }| {
            (
                span.start,
                span.start != span.end,
                std::cmp::Reverse(span.end),
            )
        });
        let grown: usize = self.edits.iter().map(|edit| edit.with.len()).sum();
        let mut out = String::with_capacity(self.text.len() + grown);
        let mut at = 0;
        let mut edits = self.edits.iter().peekable();
        while let Some(Edit { span, with }) = edits.next() {
            let replaced_again =
                span.start != span.end && edits.peek().is_some_and(|next| next.span == *span);
            if replaced_again {
                continue;
            }
            if span.start >= at {
                out.push_str(
                    Span {
                        start: at,
                        end: span.start,
                    }
                    .of(self.text),
                );
                out.push_str(with);
            }
            at = at.max(span.end);
        }
        out.push_str(
            Span {
                start: at,
                end: self.text.len(),
            }
            .of(self.text),
        );
        Cow::Owned(out)
    }

    fn object(&mut self, object: Span) -> Result<&mut ObjectEdit<'a>, JsonError> {
        let known = self.objects.iter().position(|edit| edit.object == object);
        let index = match known {
            Some(index) => index,
            None => {
                self.objects.push(ObjectEdit::read(self.text, object)?);
                self.objects.len() - 1
            }
        };
        self.objects.get_mut(index).ok_or(JsonError::Syntax {
            offset: object.start,
        })
    }
}

impl<'a> ObjectEdit<'a> {
    fn read(text: &'a str, object: Span) -> Result<Self, JsonError> {
        let own = object.of(text);
        let members = Object::parse(own)?
            .members()
            .iter()
            .map(|member| Known {
                key: member.key.clone().into_owned(),
                key_span: member.key_span.within(object.start),
                value_span: member.value_span.within(object.start),
                removed: false,
            })
            .collect();
        let inside = object.start + own.find('{').map_or(0, |brace| brace + 1);
        Ok(ObjectEdit {
            object,
            inside,
            members,
            added: Vec::new(),
        })
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.members.iter().all(|member| !member.removed)
    }

    /// Turns what is added and removed into edits that keep the commas right.
    fn resolve(&self, edits: &mut Vec<Edit<'a>>) {
        let mut kept: Option<&Known> = None;
        let mut run: Option<Span> = None;
        for member in &self.members {
            match (member.removed, run) {
                (true, Some(span)) => {
                    run = Some(Span {
                        end: member.value_span.end,
                        ..span
                    })
                }
                (true, None) => {
                    // After a member that stays, the comma before the run goes with it.
                    let start = kept.map_or(member.key_span.start, |kept| kept.value_span.end);
                    run = Some(Span {
                        start,
                        end: member.value_span.end,
                    });
                }
                (false, Some(span)) => {
                    // Before the first member that stays, the comma after the run goes with it.
                    let end = if kept.is_some() {
                        span.end
                    } else {
                        member.key_span.start
                    };
                    edits.push(Edit {
                        span: Span { end, ..span },
                        with: Cow::Borrowed(""),
                    });
                    run = None;
                }
                (false, None) => {}
            }
            if !member.removed {
                kept = Some(member);
            }
        }
        if let Some(span) = run {
            edits.push(Edit {
                span,
                with: Cow::Borrowed(""),
            });
        }
        if self.added.is_empty() {
            return;
        }
        let mut with = String::new();
        for (key, value) in &self.added {
            if kept.is_some() || !with.is_empty() {
                with.push(',');
            }
            with.push_str(&quote(key));
            with.push(':');
            with.push_str(value);
        }
        let at = match (kept, self.members.first()) {
            (Some(member), _) => member.value_span.end,
            (None, Some(first)) => first.key_span.start,
            (None, None) => self.inside,
        };
        edits.push(Edit {
            span: Span { start: at, end: at },
            with: Cow::Owned(with),
        });
    }
}

#[cfg(test)]
mod tests;
