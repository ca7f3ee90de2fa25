//! Shallow views of the params of every known method.
//!
//! [`view`] either gives the members that are judged or refuses: params that do not fit never pass as
//! something unknown. Spans are relative to the params' text. Members that nobody judges stay where
//! they are in that text.

mod fields;
mod read;

use std::borrow::Cow;

pub use read::view;

use crate::json::Span;

/// A raw JSON value and where it stands in the params' text.
pub type Raw<'a> = (&'a str, Span);

/// The judged members of the params of one method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Params<'a> {
    /// `initialize`
    Initialize(Initialize<'a>),
    /// The lists of definitions, and `tasks/list`
    ListPage {
        /// Where the page starts; `None` for the first.
        cursor: Option<Cow<'a, str>>,
    },
    /// `tools/call`
    CallTool(CallTool<'a>),
    /// `resources/read`
    ReadResource(ResourceUri<'a>),
    /// `resources/subscribe` and `resources/unsubscribe`
    Subscribe(ResourceUri<'a>),
    /// `notifications/resources/updated`
    Updated(ResourceUri<'a>),
    /// `prompts/get`
    GetPrompt(GetPrompt<'a>),
    /// `completion/complete`
    Complete(Complete<'a>),
    /// `logging/setLevel`
    SetLevel {
        /// One of [`LOG_LEVELS`](crate::meta::LOG_LEVELS).
        level: Cow<'a, str>,
    },
    /// `notifications/cancelled`
    Cancelled {
        /// The raw id of the request to cancel.
        request_id: &'a str,
    },
    /// `notifications/progress`
    Progress {
        /// The raw progress token.
        token: &'a str,
        /// Untrusted text.
        message: Option<Cow<'a, str>>,
    },
    /// `notifications/message`
    LogMessage(LogMessage<'a>),
    /// `subscriptions/listen` and its acknowledgement
    Listen(Listen<'a>),
    /// `tasks/get`, `update`, `result` and `cancel`, and the notifications about a task
    Task(Task<'a>),
    /// `sampling/createMessage`
    CreateMessage(CreateMessage<'a>),
    /// `elicitation/create`
    Elicit(Elicit<'a>),
    /// `notifications/elicitation/complete`
    ElicitationComplete {
        /// Which elicitation is over.
        elicitation_id: Cow<'a, str>,
    },
    /// A known method without judged members; its `_meta` was checked.
    Other,
}

/// Params of `initialize`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initialize<'a> {
    /// The revision that the client asks for, as written.
    pub protocol_version: Cow<'a, str>,
    /// A raw object.
    pub capabilities: &'a str,
    /// A raw object; self-reported.
    pub client_info: Option<&'a str>,
}

/// Params of `tools/call`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTool<'a> {
    /// The tool.
    pub name: Cow<'a, str>,
    /// Where its name stands, with its quotes.
    pub name_span: Span,
    /// A raw object.
    pub arguments: Option<Raw<'a>>,
    /// A raw object.
    pub meta: Option<Raw<'a>>,
    /// A raw object: the client asks for a task (2025-11-25).
    pub task: Option<Raw<'a>>,
    /// What a retry brings along.
    pub retry: Retry<'a>,
}

/// Params of `resources/read`, `subscribe` and `unsubscribe`, and of `resources/updated`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceUri<'a> {
    /// The resource, as written: nothing is normalised.
    pub uri: Cow<'a, str>,
    /// Where the URI stands, with its quotes.
    pub uri_span: Span,
    /// A raw object.
    pub meta: Option<Raw<'a>>,
    /// What a retry of `resources/read` brings along.
    pub retry: Retry<'a>,
}

/// Params of `prompts/get`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetPrompt<'a> {
    /// The prompt.
    pub name: Cow<'a, str>,
    /// Where its name stands, with its quotes.
    pub name_span: Span,
    /// A raw object of strings.
    pub arguments: Option<Raw<'a>>,
    /// A raw object.
    pub meta: Option<Raw<'a>>,
    /// What a retry brings along.
    pub retry: Retry<'a>,
}

/// What the client adds when it asks again after `input_required` (2026-07-28, MRTR).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retry<'a> {
    /// A raw object: the answers, by the keys of `inputRequests`.
    pub input_responses: Option<Raw<'a>>,
    /// The opaque state that the server gave, and where its string stands.
    pub request_state: Option<(Cow<'a, str>, Span)>,
}

/// Params of `completion/complete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete<'a> {
    /// What is being filled in.
    pub reference: Reference<'a>,
    /// A raw object with the strings `name` and `value`.
    pub argument: Raw<'a>,
    /// A raw object.
    pub context: Option<Raw<'a>>,
    /// A raw object.
    pub meta: Option<Raw<'a>>,
}

/// What `completion/complete` refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `ref/prompt`
    Prompt {
        /// The prompt.
        name: Cow<'a, str>,
        /// Where its name stands, with its quotes.
        name_span: Span,
    },
    /// `ref/resource`
    Resource {
        /// A URI or a URI template.
        uri: Cow<'a, str>,
        /// Where it stands, with its quotes.
        uri_span: Span,
    },
}

/// Params of `notifications/message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogMessage<'a> {
    /// One of [`LOG_LEVELS`](crate::meta::LOG_LEVELS).
    pub level: Cow<'a, str>,
    /// Who logs.
    pub logger: Option<Cow<'a, str>>,
    /// What is logged, as raw JSON.
    pub data: Raw<'a>,
}

/// The filter of `subscriptions/listen` and of its acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen<'a> {
    /// Changes of the list of tools.
    pub tools_list_changed: bool,
    /// Changes of the list of prompts.
    pub prompts_list_changed: bool,
    /// Changes of the list of resources.
    pub resources_list_changed: bool,
    /// Updates of these resources, each with where its string stands.
    pub resource_subscriptions: Vec<(Cow<'a, str>, Span)>,
    /// States of these tasks (tasks extension), each with where its string stands.
    pub task_ids: Vec<(Cow<'a, str>, Span)>,
}

/// Params that name a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task<'a> {
    /// The task.
    pub task_id: Cow<'a, str>,
    /// Where its id stands, with its quotes.
    pub task_id_span: Span,
    /// A raw object; always there for `tasks/update`.
    pub input_responses: Option<Raw<'a>>,
}

/// Params of `sampling/createMessage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateMessage<'a> {
    /// A raw array.
    pub messages: Raw<'a>,
    /// What the server would tell the model first.
    pub system_prompt: Option<Cow<'a, str>>,
    /// `none`, `thisServer` or `allServers`.
    pub include_context: Option<Cow<'a, str>>,
    /// A raw array.
    pub tools: Option<Raw<'a>>,
}

/// Params of `elicitation/create`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elicit<'a> {
    /// What the user is told.
    pub message: Cow<'a, str>,
    /// How the user is asked.
    pub mode: ElicitMode<'a>,
}

/// How an elicitation asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElicitMode<'a> {
    /// By a form.
    Form {
        /// A raw object: the form's schema.
        schema: Raw<'a>,
    },
    /// By a page.
    Url {
        /// The page.
        url: Cow<'a, str>,
        /// The server's id for it (2025-11-25).
        elicitation_id: Option<Cow<'a, str>>,
    },
}

#[cfg(test)]
mod tests;
