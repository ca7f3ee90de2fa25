//! Tools that run as tasks (SEP-2663): the `io.modelcontextprotocol/tasks` extension.
//!
//! A client that does not declare the extension gets the answer when it is ready, or -32021 from
//! a tool that has none without a task.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult,
    ErrorData, InputRequests, JsonObject,
};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskContext, TaskExit, TaskFuture, TaskOptions};
use serde_json::{Value, json};

use super::{Entry, Run, nothing, said, text_result};
use crate::input::{self, Dialogue, Echo, Progress};
use crate::server::Everything;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Answers at once, never as a task.
    Greet,
    /// Sleeps for the seconds that it is told; can be cancelled.
    Compute,
    /// Ends with a result that is an error.
    Fail,
    /// Ends with an error of the protocol.
    Break,
    /// Stops in the middle for one question.
    Confirm,
    /// Stops in the middle for two questions at once.
    AskTwice,
    /// Asks before it becomes a task.
    AskFirst,
}

pub(super) const TOOLS: &[Entry] = &[
    Entry::new(
        "greet",
        "Greets, without a task",
        || properties(&json!({"name": {"type": "string"}})),
        Run::Work(Job::Greet),
    ),
    Entry::new(
        "slow_compute",
        "Takes as many seconds as it is told",
        || properties(&json!({"seconds": {"type": "number"}, "label": {"type": "string"}})),
        Run::Work(Job::Compute),
    ),
    Entry::new(
        "failing_job",
        "Fails after a second",
        nothing,
        Run::Work(Job::Fail),
    ),
    Entry::new(
        "protocol_error_job",
        "Ends with an error of the protocol",
        nothing,
        Run::Work(Job::Break),
    ),
    Entry::new(
        "confirm_delete",
        "Asks for a confirmation in the middle",
        || properties(&json!({"filename": {"type": "string"}})),
        Run::Work(Job::Confirm),
    ),
    Entry::new(
        "multi_input",
        "Asks two things at once in the middle",
        nothing,
        Run::Work(Job::AskTwice),
    ),
    Entry::new(
        "test_tool_with_task",
        "Asks for a name, then becomes a task",
        nothing,
        Run::Work(Job::AskFirst),
    ),
];

impl Job {
    pub(super) async fn start(
        self,
        server: &Everything,
        arguments: &JsonObject,
        echo: Echo,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let as_task = context
            .client_capabilities()
            .is_some_and(|declared| declared.supports_tasks());
        if self.needs_task() && !as_task {
            let missing = ClientCapabilities::builder().enable_tasks().build();
            return Err(ErrorData::missing_required_client_capability(missing));
        }
        let arguments = arguments.clone();
        match self {
            Self::Greet => {
                let name = text(&arguments, "name", "friend");
                return Ok(said(format!("Hello, {name}!")));
            }
            Self::AskFirst => return ask_first(server, echo, context).await,
            Self::Compute | Self::Fail | Self::Break if !as_task => {
                return self.work(&arguments).await.map(Into::into);
            }
            _ => {}
        }
        let options = TaskOptions::default().with_poll_interval_ms(200);
        let task = server
            .shared
            .tasks
            .spawn(options, move |task| -> TaskFuture {
                Box::pin(async move {
                    match self {
                        Self::Confirm => confirm(&task, &arguments).await,
                        Self::AskTwice => ask_twice(&task).await,
                        _ => tokio::select! {
                            () = task.cancelled() => Err(TaskExit::Cancelled),
                            result = self.work(&arguments) => Ok(result?),
                        },
                    }
                })
            });
        Ok(CreateTaskResult::new(task).into())
    }

    /// Whether there is no answer without a task.
    fn needs_task(self) -> bool {
        matches!(
            self,
            Self::Fail | Self::Confirm | Self::AskTwice | Self::AskFirst
        )
    }

    /// The work of a job that asks nothing.
    async fn work(self, arguments: &JsonObject) -> Result<CallToolResult, ErrorData> {
        match self {
            Self::Fail => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(CallToolResult::error(vec![ContentBlock::text(
                    "This job always fails",
                )]))
            }
            Self::Break => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Err(ErrorData::internal_error("this job always breaks", None))
            }
            _ => {
                let seconds = arguments
                    .get("seconds")
                    .and_then(Value::as_f64)
                    .unwrap_or(1.0);
                let pause = Duration::try_from_secs_f64(seconds)
                    .map_err(|_| ErrorData::invalid_params("seconds is out of range", None))?;
                tokio::time::sleep(pause).await;
                let label = text(arguments, "label", "compute");
                Ok(text_result(format!("{label} took {seconds} s")))
            }
        }
    }
}

async fn confirm(task: &TaskContext, arguments: &JsonObject) -> Result<CallToolResult, TaskExit> {
    let file = text(arguments, "filename", "file.txt");
    let properties = json!({"confirm": {"type": "boolean"}});
    let question = input::form(&format!("Delete {file}?"), &properties, &["confirm"])?;
    let answer = task.request_input("confirm", question).await?;
    let confirmed = answer.pointer("/content/confirm") == Some(&Value::Bool(true));
    let outcome = if confirmed { "deleted" } else { "kept" };
    Ok(text_result(format!("{file} was {outcome}")))
}

async fn ask_twice(task: &TaskContext) -> Result<CallToolResult, TaskExit> {
    let question = |what: &str| {
        let properties = json!({"value": {"type": "string"}});
        input::form(&format!("The {what} value?"), &properties, &["value"])
    };
    let (first, second) = tokio::try_join!(
        task.request_input("first", question("first")?),
        task.request_input("second", question("second")?),
    )?;
    let value = |answer: &Value| {
        let value = answer.pointer("/content/value");
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Ok(text_result(format!(
        "{}, {}",
        value(&first),
        value(&second)
    )))
}

async fn ask_first(
    server: &Everything,
    echo: Echo,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let properties = json!({"name": {"type": "string"}});
    let question = input::form("What is your name?", &properties, &["name"])?;
    let dialogue = Dialogue::once(InputRequests::from([("user_name".to_owned(), question)]));
    match dialogue.hold(context, echo, &server.shared.seal).await? {
        Progress::Asks(result) => Ok(result.into()),
        Progress::Refused(why) => Err(ErrorData::internal_error(why, None)),
        Progress::Answered(answers) => {
            let name = input::field(&answers, "user_name", "name").unwrap_or_default();
            let options = TaskOptions::default().with_poll_interval_ms(200);
            let task = server.shared.tasks.spawn(options, move |_| -> TaskFuture {
                Box::pin(async move {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    Ok(text_result(format!("Hello, {name}!")))
                })
            });
            Ok(CreateTaskResult::new(task).into())
        }
    }
}

fn properties(properties: &Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn text<'a>(arguments: &'a JsonObject, name: &str, otherwise: &'a str) -> &'a str {
    arguments
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or(otherwise)
}
