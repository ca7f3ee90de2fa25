//! Tools that ask the client something before they answer.
//!
//! Every one works in both eras. The suite calls some in one era only; the others show a bridge.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, ErrorData, InputRequests,
    InputResponses, JsonObject,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use super::{Entry, Run, nothing, said};
use crate::input::{self, Dialogue, Echo, Progress};
use crate::server::Everything;

/// What is asked, and what is made of the answers.
#[derive(Clone, Copy)]
pub(super) struct Script {
    ask: fn(&JsonObject, &ClientCapabilities) -> Result<Dialogue, ErrorData>,
    conclude: fn(&InputResponses) -> String,
}

const fn script(
    ask: fn(&JsonObject, &ClientCapabilities) -> Result<Dialogue, ErrorData>,
    conclude: fn(&InputResponses) -> String,
) -> Run {
    Run::Ask(Script { ask, conclude })
}

pub(super) const TOOLS: &[Entry] = &[
    Entry::new(
        "test_sampling",
        "Asks the client's model",
        || one_text("prompt"),
        script(
            |arguments, _| once([("sampling", input::sampling(text(arguments, "prompt"))?)]),
            |answers| format!("LLM response: {}", sampled(answers, "sampling")),
        ),
    ),
    Entry::new(
        "test_elicitation",
        "Asks the user for a name and an address",
        || one_text("message"),
        script(
            |arguments, _| {
                let properties = json!({
                    "username": {"type": "string", "description": "User's response"},
                    "email": {"type": "string", "description": "User's email address"},
                });
                let form = input::form(
                    text(arguments, "message"),
                    &properties,
                    &["username", "email"],
                )?;
                once([("elicitation", form)])
            },
            |answers| elicited("User response", answers),
        ),
    ),
    Entry::new(
        "test_elicitation_sep1034_defaults",
        "Asks with a default for every kind of field",
        nothing,
        script(
            |_, _| {
                once([(
                    "elicitation",
                    input::form("Please review the defaults", &with_defaults(), &[])?,
                )])
            },
            |answers| elicited("Elicitation completed", answers),
        ),
    ),
    Entry::new(
        "test_elicitation_sep1330_enums",
        "Asks with every kind of choice",
        nothing,
        script(
            |_, _| {
                once([(
                    "elicitation",
                    input::form("Please choose", &with_choices(), &[])?,
                )])
            },
            |answers| elicited("Elicitation completed", answers),
        ),
    ),
    Entry::new(
        "test_streaming_elicitation",
        "Asks the user for a value",
        nothing,
        script(
            |_, _| once([("value", question("Provide a value", "value")?)]),
            |answers| elicited("Value", answers),
        ),
    ),
    Entry::new(
        "test_input_required_result_elicitation",
        "Asks the user for a name",
        nothing,
        script(
            |_, _| once([("user_name", question("What is your name?", "name")?)]),
            |answers| {
                let name = input::field(answers, "user_name", "name").unwrap_or_default();
                format!("Hello, {name}!")
            },
        ),
    ),
    Entry::new(
        "test_input_required_result_sampling",
        "Asks the client's model for a capital",
        nothing,
        script(
            |_, _| {
                let prompt = input::sampling("What is the capital of France?")?;
                once([("capital_question", prompt)])
            },
            |answers| sampled(answers, "capital_question").to_owned(),
        ),
    ),
    Entry::new(
        "test_input_required_result_list_roots",
        "Asks for the client's roots",
        nothing,
        script(
            |_, _| once([("client_roots", input::roots()?)]),
            |answers| format!("Roots: {}", root_uris(answers).join(", ")),
        ),
    ),
    Entry::new(
        "test_input_required_result_request_state",
        "Asks for a confirmation and keeps its state with the client",
        nothing,
        script(confirmation, |_| "state-ok".to_owned()),
    ),
    Entry::new(
        "test_input_required_result_tampered_state",
        "Refuses a state that was changed",
        nothing,
        script(confirmation, |_| "state-ok".to_owned()),
    ),
    Entry::new(
        "test_input_required_result_multiple_inputs",
        "Asks three things at once",
        nothing,
        script(
            |_, _| Ok(Dialogue::stateful(vec![three_questions()?])),
            |_| "All three were answered.".to_owned(),
        ),
    ),
    Entry::new(
        "test_input_required_result_multi_round",
        "Asks twice",
        nothing,
        script(
            |_, _| {
                let first = question("Step 1: What is your name?", "name")?;
                let second = question("Step 2: What is your favorite color?", "color")?;
                Ok(Dialogue::stateful(vec![
                    InputRequests::from([("step1".to_owned(), first)]),
                    InputRequests::from([("step2".to_owned(), second)]),
                ]))
            },
            |_| "Both rounds are over.".to_owned(),
        ),
    ),
    Entry::new(
        "test_input_required_result_capabilities",
        "Asks only what the client says it can answer",
        nothing,
        script(
            |_, declared| {
                let mut questions = three_questions()?;
                questions.retain(|key, _| match key.as_str() {
                    "user_name" => declared.elicitation.is_some(),
                    "greeting" => declared.sampling.is_some(),
                    _ => declared.roots.is_some(),
                });
                Ok(Dialogue::once(questions))
            },
            |answers| format!("{} answers", answers.len()),
        ),
    ),
];

impl Script {
    pub(super) async fn hold(
        self,
        server: &Everything,
        arguments: &JsonObject,
        echo: Echo,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let declared = context.client_capabilities().unwrap_or_default();
        let dialogue = (self.ask)(arguments, &declared)?;
        match dialogue.hold(context, echo, &server.shared.seal).await? {
            Progress::Asks(result) => Ok(result.into()),
            Progress::Answered(answers) => Ok(said((self.conclude)(&answers))),
            Progress::Refused(why) => {
                Ok(CallToolResult::error(vec![ContentBlock::text(why)]).into())
            }
        }
    }
}

fn once<const N: usize>(
    requests: [(&str, rmcp::model::InputRequest); N],
) -> Result<Dialogue, ErrorData> {
    let requests = requests.map(|(key, request)| (key.to_owned(), request));
    Ok(Dialogue::once(InputRequests::from(requests)))
}

fn question(message: &str, name: &str) -> Result<rmcp::model::InputRequest, ErrorData> {
    input::form(message, &json!({name: {"type": "string"}}), &[name])
}

fn confirmation(_: &JsonObject, _: &ClientCapabilities) -> Result<Dialogue, ErrorData> {
    let form = input::form(
        "Please confirm",
        &json!({"ok": {"type": "boolean"}}),
        &["ok"],
    )?;
    let round = InputRequests::from([("confirm".to_owned(), form)]);
    Ok(Dialogue::stateful(vec![round]))
}

fn three_questions() -> Result<InputRequests, ErrorData> {
    Ok(InputRequests::from([
        (
            "user_name".to_owned(),
            question("What is your name?", "name")?,
        ),
        (
            "greeting".to_owned(),
            input::sampling("Generate a greeting")?,
        ),
        ("client_roots".to_owned(), input::roots()?),
    ]))
}

fn one_text(name: &str) -> Value {
    json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]})
}

/// SEP-1034: a default for each primitive.
fn with_defaults() -> Value {
    json!({
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {
            "type": "string",
            "description": "User status",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "description": "Verification status", "default": true},
    })
}

/// SEP-1330: choices with and without titles, one or many, and the older `enumNames`.
fn with_choices() -> Value {
    let titled = |first: u8| {
        let option = |number: u8, title: &str| json!({"const": format!("value{}", first + number), "title": title});
        json!([option(0, "First"), option(1, "Second"), option(2, "Third")])
    };
    let plain = json!(["option1", "option2", "option3"]);
    json!({
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled(1)},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled(1)}},
    })
}

fn text<'a>(arguments: &'a JsonObject, name: &str) -> &'a str {
    arguments
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The text of a sampled message, whose content is a block or a list of blocks.
fn sampled<'a>(answers: &'a InputResponses, key: &str) -> &'a str {
    let content = answers.get(key).and_then(|answer| answer.get("content"));
    let block = content.and_then(|content| match content {
        Value::Array(blocks) => blocks.first(),
        block => Some(block),
    });
    block
        .and_then(|block| block.get("text")?.as_str())
        .unwrap_or_default()
}

fn root_uris(answers: &InputResponses) -> Vec<&str> {
    answers
        .get("client_roots")
        .and_then(|answer| answer.get("roots")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(|root| root.get("uri")?.as_str())
        .collect()
}

fn elicited(title: &str, answers: &InputResponses) -> String {
    let answer = answers.values().next();
    let part = |name: &str| answer.and_then(|answer| answer.get(name));
    let action = part("action").and_then(Value::as_str).unwrap_or_default();
    let content = part("content").unwrap_or(&Value::Null);
    format!("{title}: action={action}, content={content}")
}
