//! A definition, and how it is read from what a server said.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::json::{self, Object, Span, Splice};
use portcullis_mcp::meta;
use portcullis_mcp::param_headers::{ParamHeaderFault, ParamHeaders};

use super::shown::Shown;
use super::{Kind, Standing};
use crate::digest::sha256;
use crate::profile::Profile;

/// What a server said, with its standing.
#[derive(Debug)]
pub(crate) struct Definition {
    stated: Arc<Stated>,
    pub(crate) standing: Standing,
}

/// A definition as a server gave it. Everything in it follows from the text, so that one of the
/// same text need not be read again.
#[derive(Debug)]
pub(crate) struct Stated {
    pub(crate) server: Arc<str>,
    pub(crate) kind: Kind,
    /// Tool or prompt name, URI, or URI template.
    pub(crate) name: String,
    /// The JSON object the server sent.
    pub(crate) text: String,
    pub(crate) hash: String,
    /// The arguments that a call mirrors in headers; empty but for tools.
    pub(crate) mirrored: Arc<ParamHeaders>,
    /// Whether only pages of its own server may call it (MCP Apps, visibility).
    pub(crate) app_only: bool,
    /// What lists made of it.
    pub(crate) shown: Shown,
}

impl Deref for Definition {
    type Target = Stated;

    fn deref(&self) -> &Stated {
        &self.stated
    }
}

impl Definition {
    /// Whether a client may have it at all. A page of one server must not reach tools of another one,
    /// and behind a merged endpoint the host cannot tell them apart; a host without pages would show
    /// such a tool to its model.
    pub(crate) fn reaches(&self, profile: &Profile, capabilities: ClientCapabilities) -> bool {
        !self.app_only
            || (profile.members.len() == 1 && capabilities.contains(ClientCapabilities::UI))
    }

    /// The same definition with this standing.
    pub(super) fn with(self: Arc<Self>, standing: Standing) -> Arc<Self> {
        if self.standing == standing {
            return self;
        }
        Arc::new(Self {
            stated: Arc::clone(&self.stated),
            standing,
        })
    }

    /// Whether this was read from the same text as the other, and stands as it does.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stated, &other.stated) && self.standing == other.standing
    }
}

/// One entry of a server's list.
pub(crate) enum Item {
    /// Byte for byte what was read before.
    Known(Arc<Definition>),
    /// Anything else.
    New {
        /// Tool or prompt name, URI, or URI template.
        name: String,
        /// The JSON object.
        text: String,
    },
}

impl Item {
    fn name(&self) -> &str {
        match self {
            Self::Known(known) => &known.name,
            Self::New { name, .. } => name,
        }
    }
}

/// A definition before its standing is known.
pub(super) enum Read {
    Before(Arc<Definition>),
    Now(Stated),
}

impl Deref for Read {
    type Target = Stated;

    fn deref(&self) -> &Stated {
        match self {
            Self::Before(known) => known,
            Self::Now(stated) => stated,
        }
    }
}

impl Read {
    pub(super) fn standing(self, standing: Standing) -> Arc<Definition> {
        match self {
            Self::Before(known) => known.with(standing),
            Self::Now(stated) => Arc::new(Definition {
                stated: Arc::new(stated),
                standing,
            }),
        }
    }
}

/// Reads a list. Names of one list are unique. The second of two equal names is dropped: the first is
/// what a reviewer saw, and a call could not say which of them it means.
pub(super) fn read(server: &Arc<str>, kind: Kind, items: Vec<Item>) -> Vec<Read> {
    let mut names = HashSet::with_capacity(items.len());
    let first: Vec<bool> = items.iter().map(|item| names.insert(item.name())).collect();
    let mut read = Vec::with_capacity(items.len());
    for (item, first) in items.into_iter().zip(first) {
        if !first {
            tracing::warn!(
                server = %server,
                kind = kind.as_str(),
                name = item.name(),
                "the server lists this name twice; the second is dropped"
            );
            continue;
        }
        match item {
            Item::Known(known) => read.push(Read::Before(known)),
            Item::New { name, text } => {
                read.extend(stated(server, kind, name, text).map(Read::Now));
            }
        }
    }
    read
}

fn stated(server: &Arc<str>, kind: Kind, name: String, text: String) -> Option<Stated> {
    let mirrored = match mirrored(kind, &text) {
        Ok(mirrored) => mirrored,
        // A client must leave such a tool out (2026-07-28, custom headers).
        Err(error) => {
            tracing::warn!(server = %server, name, %error, "the tool is dropped");
            return None;
        }
    };
    let hash = match json::canonical(&pinned_text(kind, &text)) {
        Ok(canonical) => sha256(canonical.as_bytes()),
        Err(error) => {
            tracing::warn!(server = %server, kind = kind.as_str(), name, %error, "a definition has no canonical form; it is dropped");
            return None;
        }
    };
    Some(Stated {
        server: Arc::clone(server),
        kind,
        name,
        hash,
        app_only: is_app_only(kind, &text),
        text,
        mirrored,
        shown: Shown::default(),
    })
}

/// The arguments that calls of this definition mirror in headers.
fn mirrored(kind: Kind, text: &str) -> Result<Arc<ParamHeaders>, ParamHeaderFault> {
    match kind {
        Kind::Tool => ParamHeaders::of_tool(text).map(Arc::new),
        _ => Ok(Arc::default()),
    }
}

/// Whether a tool is for pages alone: `_meta.ui.visibility` names nobody else (MCP Apps). What cannot
/// be read that way is no tool for a model either.
fn is_app_only(kind: Kind, text: &str) -> bool {
    if kind != Kind::Tool {
        return false;
    }
    let Some(ui) = meta::member(text, "ui") else {
        return false;
    };
    let visibility = Object::parse(ui)
        .ok()
        .and_then(|ui| ui.get("visibility").map(|member| member.value));
    visibility.is_some_and(|raw| {
        json::elements(raw).map_or(true, |who| {
            !who.iter()
                .any(|one| json::as_string(one.value).as_deref() == Some("model"))
        })
    })
}

/// The part of a definition that its pin covers: all of it, but for two members of a resource that
/// change with its content and say nothing to a model (`size`, `annotations.lastModified`). Only a
/// number and a date say nothing; anything else in their place is pinned.
pub(super) fn pinned_text(kind: Kind, text: &str) -> std::borrow::Cow<'_, str> {
    if kind != Kind::Resource {
        return text.into();
    }
    let pinned = || -> Result<String, json::JsonError> {
        let object = Object::parse(text)?;
        let mut splice = Splice::new(text);
        if object.get("size").is_some_and(|size| is_size(size.value)) {
            splice.remove_member(
                Span {
                    start: 0,
                    end: text.len(),
                },
                "size",
            )?;
        }
        if let Some(annotations) = object.get("annotations")
            && Object::parse(annotations.value).is_ok_and(|inner| {
                inner
                    .get("lastModified")
                    .is_some_and(|date| is_date(date.value))
            })
        {
            splice.remove_member(annotations.value_span, "lastModified")?;
        }
        Ok(splice.finish().into_owned())
    };
    // What cannot be reduced is pinned whole: stricter, never looser.
    pinned().map_or(text.into(), Into::into)
}

fn is_size(raw: &str) -> bool {
    raw.len() <= 20 && raw.bytes().all(|byte| byte.is_ascii_digit())
}

/// A date and time by RFC 3339, told by its characters.
fn is_date(raw: &str) -> bool {
    raw.len() <= 40
        && json::as_string(raw).is_some_and(|date| {
            date.bytes()
                .all(|byte| byte.is_ascii_digit() || b"-:.+TZ ".contains(&byte))
        })
}
