//! Tools that send messages while they run, and tools that tell subscribers of changes.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, LoggingLevel, LoggingMessageNotification, LoggingMessageNotificationParam,
    ProgressNotificationParam, ServerNotification,
};
use rmcp::service::RequestContext;
use serde_json::json;

use super::{Entry, Run, nothing, text_result};
use crate::listeners::Change;
use crate::resources::WATCHED;
use crate::server::Everything;

/// The suite asks for this pause, so that messages can be seen to come one by one.
const PAUSE: Duration = Duration::from_millis(50);
const LOGGER: &str = "everything";

/// What is sent on the way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notices {
    /// Three log messages of level `info`.
    Log,
    /// One log message of the level that was asked for.
    LogAsAsked,
    /// 0, 50 and 100 of 100, if the call has a progress token.
    Progress,
    /// Nothing, after some time.
    Silence,
}

pub(super) const TOOLS: &[Entry] = &[
    Entry::new(
        "test_tool_with_logging",
        "Sends three log messages",
        nothing,
        Run::Notify(Notices::Log),
    ),
    Entry::new(
        "test_logging_tool",
        "Sends a log message of the level that was asked for",
        nothing,
        Run::Notify(Notices::LogAsAsked),
    ),
    Entry::new(
        "test_tool_with_progress",
        "Reports its progress",
        nothing,
        Run::Notify(Notices::Progress),
    ),
    Entry::new(
        "test_reconnection",
        "Takes a moment to answer",
        nothing,
        Run::Notify(Notices::Silence),
    ),
    Entry::new(
        "test_trigger_tool_change",
        "Says that the list of tools has changed",
        nothing,
        Run::Announce(Change::Tools),
    ),
    Entry::new(
        "test_trigger_prompt_change",
        "Says that the list of prompts has changed",
        nothing,
        Run::Announce(Change::Prompts),
    ),
    Entry::new(
        "test_trigger_resource_change",
        "Says that the watched resource has changed",
        nothing,
        Run::Announce(Change::Resource(WATCHED)),
    ),
    Entry::new(
        "test_missing_capability",
        "Needs a client that can sample",
        nothing,
        Run::NeedSampling,
    ),
];

impl Notices {
    pub(super) async fn send(
        self,
        server: &Everything,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResult {
        match self {
            Self::Log => {
                let wanted = server.level(context);
                for text in [
                    "Tool execution started",
                    "Tool processing data",
                    "Tool execution completed",
                ] {
                    if wanted.is_some_and(|level| rank(level) <= rank(LoggingLevel::Info)) {
                        log(context, LoggingLevel::Info, text).await;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Self::LogAsAsked => {
                if let Some(level) = server.level(context) {
                    log(context, level, "A message of the level that was asked for").await;
                }
            }
            Self::Progress => progress(context).await,
            Self::Silence => tokio::time::sleep(2 * PAUSE).await,
        }
        text_result("Done.")
    }
}

async fn progress(context: &RequestContext<RoleServer>) {
    let token = context.meta.get_progress_token();
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = token.clone() {
            let notice = ProgressNotificationParam::new(token, done)
                .with_total(100.0)
                .with_message(format!("Completed step {done} of 100"));
            // Who asked may have gone away.
            let _ = context.peer.notify_progress(notice).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, text: &str) {
    let message = LoggingMessageNotificationParam::new(level, json!(text)).with_logger(LOGGER);
    let notice = LoggingMessageNotification::new(message);
    // Who asked may have gone away.
    let _ = context
        .peer
        .send_notification(ServerNotification::LoggingMessageNotification(notice))
        .await;
}

/// The order of RFC 5424, from the least severe.
fn rank(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}
