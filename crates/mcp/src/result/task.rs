//! Tasks (extension `io.modelcontextprotocol/tasks`, SEP-2663).

use std::borrow::Cow;

use super::input::{InputRequest, input_requests};
use super::{View, fault};
use crate::error::{Fault, WireError};
use crate::json::Span;
use crate::params::Raw;

/// What the extension says about a task's state.
const STATUSES: [&str; 5] = [
    "working",
    "input_required",
    "completed",
    "failed",
    "cancelled",
];

/// A task, as its server tells of it. Spans are relative to the text it was read from.
///
/// Whatever stands there is given, also where it does not go with the status, so that all of it is
/// judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView<'a> {
    /// The task.
    pub task_id: Cow<'a, str>,
    /// Where its id stands, with its quotes.
    pub task_id_span: Span,
    /// `working`, `input_required`, `completed`, `failed` or `cancelled`.
    pub status: Cow<'a, str>,
    /// What may be shown to a user or a model; untrusted text.
    pub status_message: Option<Cow<'a, str>>,
    /// A raw object: the result of the request that the task stands for.
    pub result: Option<Raw<'a>>,
    /// A raw object: the JSON-RPC error that the request ended with.
    pub error: Option<Raw<'a>>,
    /// What the server asks of the client.
    pub input_requests: Vec<InputRequest<'a>>,
}

/// Reads a task from a result with `resultType` `task`, from a result of `tasks/get`, or from the
/// params of `notifications/tasks`. The results of `tasks/update` and `tasks/cancel` hold none.
///
/// # Errors
/// [`WireError::Result`] when the id or the status is missing, the status is unknown, or another
/// member is not what the extension says.
pub fn task(result_or_params: &str) -> Result<TaskView<'_>, WireError> {
    let view = View::of(
        result_or_params,
        "task",
        &[
            "taskId",
            "status",
            "statusMessage",
            "result",
            "error",
            "inputRequests",
        ],
    )?;
    let (task_id, task_id_span) = view
        .string_at("taskId")?
        .ok_or(fault("taskId", Fault::Missing))?;
    let status = view
        .string("status")?
        .ok_or(fault("status", Fault::Missing))?;
    if !STATUSES.contains(&&*status) {
        return Err(fault("status", Fault::NotAllowed));
    }
    Ok(TaskView {
        task_id,
        task_id_span,
        status,
        status_message: view.string("statusMessage")?,
        result: view.object_at("result")?,
        error: view.object_at("error")?,
        input_requests: input_requests(&view)?,
    })
}

#[cfg(test)]
mod tests;
