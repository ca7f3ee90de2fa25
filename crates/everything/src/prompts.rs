//! Prompts: plain, with arguments, with content, and one that asks back.

use rmcp::RoleServer;
use rmcp::model::{
    CacheScope, ContentBlock, ErrorData, GetPromptRequestParams, GetPromptResponse,
    GetPromptResult, InputRequests, JsonObject, ListPromptsResult, Prompt, PromptArgument,
    PromptMessage, RequestStateCodec, ResourceContents, Role,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use crate::input::{self, Dialogue, Echo, Progress};
use crate::samples;
use crate::server::TTL_MS;

const SIMPLE: &str = "test_simple_prompt";
pub(crate) const WITH_ARGUMENTS: &str = "test_prompt_with_arguments";
const WITH_RESOURCE: &str = "test_prompt_with_embedded_resource";
const WITH_IMAGE: &str = "test_prompt_with_image";
const ASKS: &str = "test_input_required_result_prompt";

pub(crate) fn list() -> ListPromptsResult {
    let argument = |name: &str, description: &str| {
        PromptArgument::new(name)
            .with_description(description)
            .with_required(true)
    };
    ListPromptsResult::with_all_items(vec![
        Prompt::new(SIMPLE, Some("A prompt without arguments"), None),
        Prompt::new(
            WITH_ARGUMENTS,
            Some("A prompt with two arguments"),
            Some(vec![
                argument("arg1", "The first argument"),
                argument("arg2", "The second argument"),
            ]),
        ),
        Prompt::new(
            WITH_RESOURCE,
            Some("A prompt that holds a resource"),
            Some(vec![argument("resourceUri", "The URI of the resource")]),
        ),
        Prompt::new(WITH_IMAGE, Some("A prompt that holds an image"), None),
        Prompt::new(ASKS, Some("A prompt that asks for context first"), None),
    ])
    .with_ttl_ms(TTL_MS)
    .with_cache_scope(CacheScope::Public)
}

/// # Errors
/// -32602 if there is no such prompt, and what [`Dialogue::hold`] may say.
pub(crate) async fn get(
    seal: &RequestStateCodec,
    request: GetPromptRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<GetPromptResponse, ErrorData> {
    let arguments = request.arguments.unwrap_or_default();
    let messages = match request.name.as_str() {
        SIMPLE => vec![user("This is a simple prompt for testing.")],
        WITH_ARGUMENTS => vec![user(&format!(
            "Prompt with arguments: arg1='{}', arg2='{}'",
            text(&arguments, "arg1"),
            text(&arguments, "arg2")
        ))],
        WITH_RESOURCE => with_resource(text(&arguments, "resourceUri")),
        WITH_IMAGE => vec![
            PromptMessage::new(Role::User, ContentBlock::image(samples::IMAGE, "image/png")),
            user("Please analyze the image above."),
        ],
        ASKS => {
            let echo = Echo {
                responses: request.input_responses,
                state: request.request_state,
            };
            return with_context(seal, echo, context).await;
        }
        _ => return Err(ErrorData::invalid_params("unknown prompt", None)),
    };
    Ok(GetPromptResult::new(messages).into())
}

fn with_resource(uri: &str) -> Vec<PromptMessage> {
    let contents = ResourceContents::text("Embedded resource content for testing.", uri)
        .with_mime_type("text/plain");
    vec![
        PromptMessage::new(Role::User, ContentBlock::resource(contents)),
        user("Please process the embedded resource above."),
    ]
}

async fn with_context(
    seal: &RequestStateCodec,
    echo: Echo,
    context: &RequestContext<RoleServer>,
) -> Result<GetPromptResponse, ErrorData> {
    let question = input::form(
        "What context should the prompt use?",
        &json!({"context": {"type": "string"}}),
        &["context"],
    )?;
    let dialogue = Dialogue::once(InputRequests::from([("user_context".into(), question)]));
    match dialogue.hold(context, echo, seal).await? {
        Progress::Asks(result) => Ok(result.into()),
        Progress::Refused(why) => Err(ErrorData::internal_error(why, None)),
        Progress::Answered(answers) => {
            let given = input::field(&answers, "user_context", "context").unwrap_or_default();
            let message = user(&format!("Use this context: {given}"));
            Ok(GetPromptResult::new(vec![message]).into())
        }
    }
}

fn user(text: &str) -> PromptMessage {
    PromptMessage::new_text(Role::User, text)
}

fn text<'a>(arguments: &'a JsonObject, name: &str) -> &'a str {
    arguments
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
