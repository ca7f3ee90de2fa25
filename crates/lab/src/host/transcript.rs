//! What a host saw, why it acted, and what came of it.

use serde::Serialize;
use serde_json::Value;

/// The account of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Transcript {
    /// The task's title.
    pub task: String,
    /// Everything, in order.
    pub events: Vec<Event>,
}

impl Transcript {
    /// All calls with their reasons and answers.
    pub fn calls(&self) -> impl Iterator<Item = (&Why, &str, &Value, &Answer)> {
        self.events.iter().filter_map(|event| match event {
            Event::Call {
                why,
                tool,
                arguments,
                answer,
                ..
            } => Some((why, tool.as_str(), arguments, answer)),
            _ => None,
        })
    }

    /// Calls that came back as an error and tools that were missing, one line each.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        let refusal = |event: &Event| match event {
            Event::Call { tool, answer, .. } if answer.is_error => {
                Some(format!("{tool} answered: {}", answer.text))
            }
            Event::NoSuchTool { tool, .. } => Some(format!("no server lists {tool}")),
            Event::Failed { what } => Some(what.clone()),
            _ => None,
        };
        self.events.iter().filter_map(refusal).collect()
    }

    /// Whether any instruction was obeyed, or tried.
    #[must_use]
    pub fn was_led_astray(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, Event::Instruction { .. }))
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The model saw these tools, under the names they are exposed by.
    Listed {
        /// The host's name for the server.
        server: String,
        /// Names.
        tools: Vec<String>,
    },
    /// The model found an instruction and means to obey it.
    Instruction {
        /// Where it stood, for example `definition of today`.
        place: String,
        /// Its words.
        sentence: String,
        /// How it was kept from a person's eyes.
        concealed_by: Option<&'static str>,
    },
    /// A tool call.
    Call {
        /// Reason.
        why: Why,
        /// The host's name for the server.
        server: String,
        /// The name that was sent.
        tool: String,
        /// What was sent.
        arguments: Value,
        /// What came back.
        answer: Answer,
    },
    /// A resource or a prompt.
    Fetched {
        /// `resource` or `prompt`.
        what: &'static str,
        /// URI or name.
        name: String,
        /// What came back.
        answer: Answer,
    },
    /// The model wanted a tool that no server lists.
    NoSuchTool {
        /// Reason.
        why: Why,
        /// The name it looked for.
        tool: String,
    },
    /// Something else failed.
    Failed {
        /// What, in words.
        what: String,
    },
}

/// Why the model acted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The task says so.
    Task,
    /// The task names a tool that the host was not shown.
    Unlisted,
    /// It read an instruction at this place.
    Instruction(String),
}

/// What came back from a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// All text of the answer, as it came.
    pub text: String,
    /// Whether it was an error of any kind.
    pub is_error: bool,
    /// JSON-RPC error code.
    pub code: Option<i64>,
    /// HTTP status other than success.
    pub status: Option<u16>,
}
