//! Views of the results that the gateway reads: lists, what a server says about itself, and results
//! that ask for something or put the answer off.

mod input;
mod task;

use std::borrow::Cow;

pub use input::{
    InputRequest, InputRequired, elicit_action, input_required, input_responses,
    write_input_required,
};
pub use task::{TaskView, task};

use crate::error::{Fault, WireError};
use crate::json::{self, JsonKind, Object, Span};
use crate::message::ambiguous;
use crate::meta;
use crate::method::Method;
use crate::params::Raw;

/// What a result says it is (2026-07-28, `resultType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResultType {
    /// The answer. Results of earlier revisions, which do not say, are complete.
    Complete,
    /// The client is asked for something first; see [`input_required`].
    InputRequired,
    /// The answer comes later; see [`task`].
    Task,
    /// Something that no revision defines.
    Other,
}

/// The four kinds of definition that servers list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListKind {
    /// `tools/list`
    Tools,
    /// `prompts/list`
    Prompts,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    ResourceTemplates,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The definitions, in the server's order.
    pub items: Vec<Item<'a>>,
    /// Where the next page starts; `None` on the last.
    pub next_cursor: Option<Cow<'a, str>>,
    /// For how many milliseconds the page may be cached (2026-07-28).
    pub ttl_ms: Option<u64>,
    /// `public` or `private` (2026-07-28), as written.
    pub cache_scope: Option<Cow<'a, str>>,
}

/// One definition.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// It, as written.
    pub text: &'a str,
    /// Where it stands in the result's text.
    pub span: Span,
    /// The name, URI or URI template it is known by.
    pub identity: Cow<'a, str>,
    /// Where that string stands, with its quotes, in [`Item::text`].
    pub identity_span: Span,
}

/// The result of `initialize`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitializeResult<'a> {
    /// The revision that the server chose, as written.
    pub protocol_version: Cow<'a, str>,
    /// A raw object.
    pub capabilities: &'a str,
    /// A raw object; self-reported.
    pub server_info: Option<&'a str>,
    /// Untrusted text that would reach a model.
    pub instructions: Option<Cow<'a, str>>,
}

/// The result of `server/discover`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverResult<'a> {
    /// The revisions that the server takes by per-request metadata, as written.
    pub supported_versions: Vec<Cow<'a, str>>,
    /// A raw object.
    pub capabilities: &'a str,
    /// A raw object, from `_meta`; self-reported.
    pub server_info: Option<&'a str>,
    /// Untrusted text that would reach a model.
    pub instructions: Option<Cow<'a, str>>,
}

/// What kind of result an object is.
///
/// # Errors
/// [`WireError::Result`] when `resultType` is not a string, or appears again in another letter case.
pub fn result_type(result: &Object<'_>) -> Result<ResultType, WireError> {
    const NAME: &str = "resultType";
    if ambiguous(result, &[NAME]).is_some() {
        return Err(fault(NAME, Fault::Ambiguous));
    }
    let written = result
        .string(NAME)
        .map_err(|_| fault(NAME, Fault::Expected(JsonKind::String)))?;
    Ok(match written.as_deref() {
        None | Some("complete") => ResultType::Complete,
        Some("input_required") => ResultType::InputRequired,
        Some("task") => ResultType::Task,
        Some(_) => ResultType::Other,
    })
}

impl ListKind {
    /// All four.
    pub const ALL: &[ListKind] = &[
        ListKind::Tools,
        ListKind::Prompts,
        ListKind::Resources,
        ListKind::ResourceTemplates,
    ];

    /// The member of the result that holds the list.
    pub fn member(self) -> &'static str {
        match self {
            ListKind::Tools => "tools",
            ListKind::Prompts => "prompts",
            ListKind::Resources => "resources",
            ListKind::ResourceTemplates => "resourceTemplates",
        }
    }

    /// The member that a definition is known by.
    pub fn identity(self) -> &'static str {
        match self {
            ListKind::Tools | ListKind::Prompts => "name",
            ListKind::Resources => "uri",
            ListKind::ResourceTemplates => "uriTemplate",
        }
    }

    /// The method that lists it.
    pub fn method(self) -> Method {
        match self {
            ListKind::Tools => Method::ToolsList,
            ListKind::Prompts => Method::PromptsList,
            ListKind::Resources => Method::ResourcesList,
            ListKind::ResourceTemplates => Method::ResourceTemplatesList,
        }
    }
}

/// Reads one page of a list.
///
/// # Errors
/// [`WireError::Result`] when the list is missing or one of its items has no identity.
pub fn page(kind: ListKind, result: &str) -> Result<Page<'_>, WireError> {
    let view = View::of(
        result,
        "result",
        &[kind.member(), "nextCursor", "ttlMs", "cacheScope"],
    )?;
    let list = view
        .object
        .get(kind.member())
        .ok_or(fault(kind.member(), Fault::Missing))?;
    let elements = json::elements(list.value)
        .map_err(|_| fault(kind.member(), Fault::Expected(JsonKind::Array)))?;
    let items = elements
        .iter()
        .map(|element| {
            item(
                kind,
                element.value,
                element.span.within(list.value_span.start),
            )
        })
        .collect::<Result<_, _>>()?;
    Ok(Page {
        items,
        next_cursor: view.string("nextCursor")?,
        ttl_ms: view.milliseconds("ttlMs")?,
        cache_scope: view.string("cacheScope")?,
    })
}

/// Reads the result of `initialize`.
///
/// # Errors
/// [`WireError::Result`] when it does not fit.
pub fn initialize_result(result: &str) -> Result<InitializeResult<'_>, WireError> {
    let view = View::of(
        result,
        "result",
        &[
            "protocolVersion",
            "capabilities",
            "serverInfo",
            "instructions",
        ],
    )?;
    Ok(InitializeResult {
        protocol_version: view
            .string("protocolVersion")?
            .ok_or(fault("protocolVersion", Fault::Missing))?,
        capabilities: view
            .object("capabilities")?
            .ok_or(fault("capabilities", Fault::Missing))?,
        server_info: view.object("serverInfo")?,
        instructions: view.string("instructions")?,
    })
}

/// Reads the result of `server/discover`.
///
/// # Errors
/// [`WireError::Result`] when it does not fit.
pub fn discover_result(result: &str) -> Result<DiscoverResult<'_>, WireError> {
    let view = View::of(
        result,
        "result",
        &["supportedVersions", "capabilities", "instructions", "_meta"],
    )?;
    let versions = view
        .object
        .get("supportedVersions")
        .ok_or(fault("supportedVersions", Fault::Missing))?;
    let supported_versions = json::elements(versions.value)
        .map_err(|_| fault("supportedVersions", Fault::Expected(JsonKind::Array)))?
        .iter()
        .map(|element| {
            json::as_string(element.value).ok_or(fault(
                "supportedVersions",
                Fault::Expected(JsonKind::String),
            ))
        })
        .collect::<Result<_, _>>()?;
    let server_info = match view.object("_meta")? {
        None => None,
        Some(raw) => View::of(raw, "_meta", &[])?.object(meta::SERVER_INFO)?,
    };
    Ok(DiscoverResult {
        supported_versions,
        capabilities: view
            .object("capabilities")?
            .ok_or(fault("capabilities", Fault::Missing))?,
        server_info,
        instructions: view.string("instructions")?,
    })
}

fn item(kind: ListKind, text: &str, span: Span) -> Result<Item<'_>, WireError> {
    let view = View::of(text, kind.member(), &[kind.identity()])?;
    let member = view
        .object
        .get(kind.identity())
        .ok_or(fault(kind.identity(), Fault::Missing))?;
    let identity = json::as_string(member.value)
        .ok_or(fault(kind.identity(), Fault::Expected(JsonKind::String)))?;
    Ok(Item {
        text,
        span,
        identity,
        identity_span: member.value_span,
    })
}

/// An object of a result. Optional members may be `null`, which real servers send for "absent".
struct View<'a> {
    object: Object<'a>,
}

impl<'a> View<'a> {
    fn of(text: &'a str, name: &'static str, members: &[&'static str]) -> Result<Self, WireError> {
        let object =
            Object::parse(text).map_err(|_| fault(name, Fault::Expected(JsonKind::Object)))?;
        match ambiguous(&object, members) {
            Some(member) => Err(fault(member, Fault::Ambiguous)),
            None => Ok(View { object }),
        }
    }

    fn present(&self, key: &str) -> Option<Raw<'a>> {
        self.object
            .get(key)
            .map(|member| (member.value, member.value_span))
            .filter(|(value, _)| json::kind(value) != JsonKind::Null)
    }

    fn string(&self, key: &'static str) -> Result<Option<Cow<'a, str>>, WireError> {
        Ok(self.string_at(key)?.map(|(text, _)| text))
    }

    /// A string and where it stands, with its quotes.
    fn string_at(&self, key: &'static str) -> Result<Option<(Cow<'a, str>, Span)>, WireError> {
        let Some((value, span)) = self.present(key) else {
            return Ok(None);
        };
        json::as_string(value)
            .map(|text| Some((text, span)))
            .ok_or(fault(key, Fault::Expected(JsonKind::String)))
    }

    fn object(&self, key: &'static str) -> Result<Option<&'a str>, WireError> {
        Ok(self.object_at(key)?.map(|(raw, _)| raw))
    }

    fn object_at(&self, key: &'static str) -> Result<Option<Raw<'a>>, WireError> {
        match self.present(key) {
            Some((value, _)) if json::kind(value) != JsonKind::Object => {
                Err(fault(key, Fault::Expected(JsonKind::Object)))
            }
            present => Ok(present),
        }
    }

    /// A number of milliseconds. Fractions are cut, and what is negative or beyond reason is 0, so
    /// that it is not cached.
    fn milliseconds(&self, key: &'static str) -> Result<Option<u64>, WireError> {
        match self.present(key) {
            None => Ok(None),
            Some((value, _)) if json::kind(value) == JsonKind::Number => {
                let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
                Ok(Some(whole.parse().unwrap_or(0)))
            }
            Some(_) => Err(fault(key, Fault::Expected(JsonKind::Number))),
        }
    }
}

fn fault(member: &'static str, fault: Fault) -> WireError {
    WireError::Result { member, fault }
}

#[cfg(test)]
mod tests;
