//! From a method's raw params to its view.

use std::borrow::Cow;

use super::fields::{Fields, refuse};
use super::{
    CallTool, Complete, CreateMessage, Elicit, ElicitMode, GetPrompt, Initialize, Listen,
    LogMessage, Params, Reference, ResourceUri, Retry, Task,
};
use crate::error::{Fault, WireError};
use crate::json::JsonKind;
use crate::meta::LOG_LEVELS;
use crate::method::Method;

/// Reads the params of a known method. `params` is a message's raw params.
///
/// # Errors
/// [`WireError::Params`] when they are not what the method takes, in whatever revision: a judged
/// member is missing or of another kind, or appears again in another letter case; or `_meta` is not
/// an object or its progress token no token.
pub fn view(method: Method, params: Option<&str>) -> Result<Params<'_>, WireError> {
    let fields = Fields::of(params.unwrap_or("{}"), "params", judged(method))?;
    fields.check_meta()?;
    Ok(match method {
        Method::Initialize => Params::Initialize(Initialize {
            protocol_version: fields.required_string("protocolVersion")?.0,
            capabilities: fields.required("capabilities", JsonKind::Object)?.0,
            client_info: fields
                .optional("clientInfo", JsonKind::Object)?
                .map(|(raw, _)| raw),
        }),
        Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::ResourceTemplatesList
        | Method::TasksList => Params::ListPage {
            cursor: fields.optional_text("cursor")?,
        },
        Method::ToolsCall => Params::CallTool(call_tool(&fields)?),
        Method::ResourcesRead => Params::ReadResource(resource_uri(&fields)?),
        Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            Params::Subscribe(resource_uri(&fields)?)
        }
        Method::ResourcesUpdated => Params::Updated(resource_uri(&fields)?),
        Method::PromptsGet => Params::GetPrompt(get_prompt(&fields)?),
        Method::CompletionComplete => Params::Complete(complete(&fields)?),
        Method::LoggingSetLevel => Params::SetLevel {
            level: level(&fields)?,
        },
        Method::Cancelled => {
            fields.optional_text("reason")?;
            Params::Cancelled {
                request_id: fields.required_token("requestId")?,
            }
        }
        Method::Progress => {
            fields.required("progress", JsonKind::Number)?;
            fields.optional("total", JsonKind::Number)?;
            Params::Progress {
                token: fields.required_token("progressToken")?,
                message: fields.optional_text("message")?,
            }
        }
        Method::LogMessage => Params::LogMessage(LogMessage {
            level: level(&fields)?,
            logger: fields.optional_text("logger")?,
            data: fields.any("data")?,
        }),
        Method::SubscriptionsListen | Method::SubscriptionsAcknowledged => {
            Params::Listen(listen(&fields)?)
        }
        Method::TasksGet | Method::TasksResult | Method::TasksCancel => {
            Params::Task(task(&fields)?)
        }
        Method::TasksUpdate => {
            fields.required("inputResponses", JsonKind::Object)?;
            Params::Task(task(&fields)?)
        }
        Method::TasksStatus | Method::TasksNotification => {
            fields.required_string("status")?;
            Params::Task(task(&fields)?)
        }
        Method::SamplingCreateMessage => Params::CreateMessage(create_message(&fields)?),
        Method::ElicitationCreate => Params::Elicit(elicit(&fields)?),
        Method::ElicitationComplete => Params::ElicitationComplete {
            elicitation_id: fields.required_string("elicitationId")?.0,
        },
        Method::ServerDiscover
        | Method::Ping
        | Method::RootsList
        | Method::Initialized
        | Method::ToolsListChanged
        | Method::PromptsListChanged
        | Method::ResourcesListChanged
        | Method::RootsListChanged => Params::Other,
    })
}

/// The members that [`view`] reads, and so must not appear in two letter cases.
fn judged(method: Method) -> &'static [&'static str] {
    match method {
        Method::Initialize => &["protocolVersion", "capabilities", "clientInfo"],
        Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::ResourceTemplatesList
        | Method::TasksList => &["cursor"],
        Method::ToolsCall => &[
            "name",
            "arguments",
            "task",
            "inputResponses",
            "requestState",
        ],
        Method::PromptsGet => &["name", "arguments", "inputResponses", "requestState"],
        Method::ResourcesRead => &["uri", "inputResponses", "requestState"],
        Method::ResourcesSubscribe | Method::ResourcesUnsubscribe | Method::ResourcesUpdated => {
            &["uri"]
        }
        Method::CompletionComplete => &["ref", "argument", "context"],
        Method::LoggingSetLevel => &["level"],
        Method::Cancelled => &["requestId", "reason"],
        Method::Progress => &["progressToken", "progress", "total", "message"],
        Method::LogMessage => &["level", "logger", "data"],
        Method::SubscriptionsListen | Method::SubscriptionsAcknowledged => &["notifications"],
        Method::TasksGet | Method::TasksResult | Method::TasksCancel => &["taskId"],
        Method::TasksUpdate => &["taskId", "inputResponses"],
        Method::TasksStatus | Method::TasksNotification => &["taskId", "status"],
        Method::SamplingCreateMessage => &[
            "messages",
            "systemPrompt",
            "includeContext",
            "tools",
            "maxTokens",
            "task",
        ],
        Method::ElicitationCreate => &[
            "mode",
            "message",
            "requestedSchema",
            "url",
            "elicitationId",
            "task",
        ],
        Method::ElicitationComplete => &["elicitationId"],
        Method::ServerDiscover
        | Method::Ping
        | Method::RootsList
        | Method::Initialized
        | Method::ToolsListChanged
        | Method::PromptsListChanged
        | Method::ResourcesListChanged
        | Method::RootsListChanged => &[],
    }
}

fn call_tool<'a>(fields: &Fields<'a>) -> Result<CallTool<'a>, WireError> {
    let (name, name_span) = fields.required_string("name")?;
    Ok(CallTool {
        name,
        name_span,
        arguments: fields.optional("arguments", JsonKind::Object)?,
        meta: fields.optional("_meta", JsonKind::Object)?,
        task: fields.optional("task", JsonKind::Object)?,
        retry: retry(fields)?,
    })
}

fn resource_uri<'a>(fields: &Fields<'a>) -> Result<ResourceUri<'a>, WireError> {
    let (uri, uri_span) = fields.required_string("uri")?;
    let meta = fields.optional("_meta", JsonKind::Object)?;
    Ok(ResourceUri {
        uri,
        uri_span,
        meta,
        retry: retry(fields)?,
    })
}

fn get_prompt<'a>(fields: &Fields<'a>) -> Result<GetPrompt<'a>, WireError> {
    let (name, name_span) = fields.required_string("name")?;
    let arguments = fields.optional("arguments", JsonKind::Object)?;
    if let Some((raw, _)) = arguments {
        Fields::of(raw, "arguments", &[])?.check_strings("arguments")?;
    }
    let meta = fields.optional("_meta", JsonKind::Object)?;
    Ok(GetPrompt {
        name,
        name_span,
        arguments,
        meta,
        retry: retry(fields)?,
    })
}

fn retry<'a>(fields: &Fields<'a>) -> Result<Retry<'a>, WireError> {
    Ok(Retry {
        input_responses: fields.optional("inputResponses", JsonKind::Object)?,
        request_state: fields.optional_string("requestState")?,
    })
}

fn complete<'a>(fields: &Fields<'a>) -> Result<Complete<'a>, WireError> {
    let (raw, at) = fields.required("ref", JsonKind::Object)?;
    let inner = Fields::of(raw, "ref", &["type", "name", "uri"])?;
    let reference = match &*inner.required_string("type")?.0 {
        "ref/prompt" => {
            let (name, span) = inner.required_string("name")?;
            Reference::Prompt {
                name,
                name_span: span.within(at.start),
            }
        }
        "ref/resource" => {
            let (uri, span) = inner.required_string("uri")?;
            Reference::Resource {
                uri,
                uri_span: span.within(at.start),
            }
        }
        _ => return Err(refuse("type", Fault::NotAllowed)),
    };
    let argument = fields.required("argument", JsonKind::Object)?;
    let inner = Fields::of(argument.0, "argument", &["name", "value"])?;
    inner.required_string("name")?;
    inner.required_string("value")?;
    Ok(Complete {
        reference,
        argument,
        context: fields.optional("context", JsonKind::Object)?,
        meta: fields.optional("_meta", JsonKind::Object)?,
    })
}

fn level<'a>(fields: &Fields<'a>) -> Result<Cow<'a, str>, WireError> {
    let (level, _) = fields.required_string("level")?;
    if LOG_LEVELS.contains(&&*level) {
        Ok(level)
    } else {
        Err(refuse("level", Fault::NotAllowed))
    }
}

fn listen<'a>(fields: &Fields<'a>) -> Result<Listen<'a>, WireError> {
    const MEMBERS: &[&str] = &[
        "toolsListChanged",
        "promptsListChanged",
        "resourcesListChanged",
        "resourceSubscriptions",
        "taskIds",
    ];
    let (raw, at) = fields.required("notifications", JsonKind::Object)?;
    let filter = Fields::of(raw, "notifications", MEMBERS)?;
    let flag = |key| -> Result<bool, WireError> {
        Ok(filter
            .optional(key, JsonKind::Bool)?
            .is_some_and(|(raw, _)| raw == "true"))
    };
    Ok(Listen {
        tools_list_changed: flag("toolsListChanged")?,
        prompts_list_changed: flag("promptsListChanged")?,
        resources_list_changed: flag("resourcesListChanged")?,
        resource_subscriptions: filter.strings("resourceSubscriptions", at.start)?,
        task_ids: filter.strings("taskIds", at.start)?,
    })
}

fn task<'a>(fields: &Fields<'a>) -> Result<Task<'a>, WireError> {
    let (task_id, task_id_span) = fields.required_string("taskId")?;
    let input_responses = fields.optional("inputResponses", JsonKind::Object)?;
    Ok(Task {
        task_id,
        task_id_span,
        input_responses,
    })
}

fn create_message<'a>(fields: &Fields<'a>) -> Result<CreateMessage<'a>, WireError> {
    fields.required("maxTokens", JsonKind::Number)?;
    fields.optional("task", JsonKind::Object)?;
    let include_context = fields.optional_text("includeContext")?;
    if include_context
        .as_deref()
        .is_some_and(|which| !["none", "thisServer", "allServers"].contains(&which))
    {
        return Err(refuse("includeContext", Fault::NotAllowed));
    }
    Ok(CreateMessage {
        messages: fields.required("messages", JsonKind::Array)?,
        system_prompt: fields.optional_text("systemPrompt")?,
        include_context,
        tools: fields.optional("tools", JsonKind::Array)?,
    })
}

fn elicit<'a>(fields: &Fields<'a>) -> Result<Elicit<'a>, WireError> {
    let (message, _) = fields.required_string("message")?;
    fields.optional("task", JsonKind::Object)?;
    let mode = match fields.optional_text("mode")?.as_deref() {
        None | Some("form") => ElicitMode::Form {
            schema: fields.required("requestedSchema", JsonKind::Object)?,
        },
        Some("url") => ElicitMode::Url {
            url: fields.required_string("url")?.0,
            elicitation_id: fields.optional_text("elicitationId")?,
        },
        Some(_) => return Err(refuse("mode", Fault::NotAllowed)),
    };
    Ok(Elicit { message, mode })
}
