//! The tools: one table that names them, and how each is run.

mod arguments;
mod contents;
mod dialogues;
mod jobs;
mod notices;

use rmcp::RoleServer;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
    ContentBlock, ErrorData, JsonObject, ListToolsResult, SamplingCapability, Tool,
};
use rmcp::service::RequestContext;
use serde_json::Value;

use crate::input::Echo;
use crate::listeners::Change;
use crate::server::{Everything, TTL_MS};

/// One tool. Names are the suite's.
struct Entry {
    name: &'static str,
    description: &'static str,
    input: fn() -> Value,
    run: Run,
}

/// How a tool comes to its answer.
#[derive(Clone, Copy)]
enum Run {
    /// At once, from its arguments.
    Answer(fn(&JsonObject) -> Result<CallToolResult, ErrorData>),
    /// After some messages on the way.
    Notify(notices::Notices),
    /// After telling subscribers that something changed.
    Announce(Change<'static>),
    /// If the client declares that it can sample.
    NeedSampling,
    /// After the client's answers to questions.
    Ask(dialogues::Script),
    /// As a task, where the client can handle one.
    Work(jobs::Job),
}

/// The table, in the order in which it is listed.
fn entries() -> impl Iterator<Item = &'static Entry> {
    contents::TOOLS
        .iter()
        .chain(arguments::TOOLS)
        .chain(notices::TOOLS)
        .chain(dialogues::TOOLS)
        .chain(jobs::TOOLS)
}

pub(crate) fn list() -> ListToolsResult {
    ListToolsResult::with_all_items(entries().map(Entry::definition).collect())
        .with_ttl_ms(TTL_MS)
        .with_cache_scope(CacheScope::Public)
}

pub(crate) fn find(name: &str) -> Option<Tool> {
    entries()
        .find(|entry| entry.name == name)
        .map(Entry::definition)
}

/// # Errors
/// -32602 if there is no such tool or its arguments do not fit; -32021 if the client lacks a
/// capability that the tool needs.
pub(crate) async fn call(
    server: &Everything,
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let entry = entries()
        .find(|entry| entry.name == request.name)
        .ok_or_else(|| ErrorData::invalid_params("unknown tool", None))?;
    let arguments = request.arguments.unwrap_or_default();
    let echo = Echo {
        responses: request.input_responses,
        state: request.request_state,
    };
    match entry.run {
        Run::Answer(answer) => answer(&arguments).map(Into::into),
        Run::Notify(notices) => Ok(notices.send(server, &context).await.into()),
        Run::Announce(change) => {
            announce(server, change, &context).await;
            Ok(said("The change was announced."))
        }
        Run::NeedSampling => {
            let declared = context.client_capabilities().unwrap_or_default();
            if declared.sampling.is_none() {
                let mut missing = ClientCapabilities::default();
                missing.sampling = Some(SamplingCapability::default());
                return Err(ErrorData::missing_required_client_capability(missing));
            }
            Ok(said("The client declares that it can sample."))
        }
        Run::Ask(script) => script.hold(server, &arguments, echo, &context).await,
        Run::Work(job) => job.start(server, &arguments, echo, &context).await,
    }
}

/// Tells the streams of `subscriptions/listen`, and a legacy client on its own session.
async fn announce(server: &Everything, change: Change<'_>, context: &RequestContext<RoleServer>) {
    server.shared.listeners.announce(change).await;
    if crate::input::is_modern(context) {
        return;
    }
    // A session that has gone away needs no notice.
    let _ = match change {
        Change::Tools => context.peer.notify_tool_list_changed().await,
        Change::Prompts => context.peer.notify_prompt_list_changed().await,
        Change::Resource(uri) if server.watches(uri) => {
            let update = rmcp::model::ResourceUpdatedNotificationParam::new(uri);
            context.peer.notify_resource_updated(update).await
        }
        Change::Resource(_) => Ok(()),
    };
}

impl Entry {
    const fn new(
        name: &'static str,
        description: &'static str,
        input: fn() -> Value,
        run: Run,
    ) -> Self {
        Self {
            name,
            description,
            input,
            run,
        }
    }

    fn definition(&self) -> Tool {
        let Value::Object(schema) = (self.input)() else {
            return Tool::new(self.name, self.description, JsonObject::new());
        };
        Tool::new(self.name, self.description, schema)
    }
}

/// A result of one text.
fn said(text: impl Into<String>) -> CallToolResponse {
    text_result(text).into()
}

fn text_result(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// The schema of a tool without arguments.
fn nothing() -> Value {
    serde_json::json!({"type": "object", "properties": {}})
}

#[cfg(test)]
mod tests;
