//! What a tool or a prompt asks of the client before it can answer: elicitation, sampling, roots.
//!
//! A [`Dialogue`] is held in the way of the client's era: a modern one gets `input_required`
//! results and calls again (2026-07-28, basic/patterns/mrtr), a legacy one gets requests in the
//! middle of its call (2025-11-25, client/elicitation, client/sampling, client/roots).

use rmcp::RoleServer;
use rmcp::model::{
    ClientCapabilities, ErrorData, InputRequest, InputRequests, InputRequiredResult,
    InputResponses, ProtocolVersion, RequestStateCodec, ServerRequest,
};
use rmcp::service::{Peer, RequestContext};
use serde_json::{Value, json};

/// The rounds of questions that come before an answer.
#[derive(Debug)]
pub(crate) struct Dialogue {
    rounds: Vec<InputRequests>,
    stateful: bool,
}

/// How far a dialogue got with this message.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Everything was answered: the responses of the last round, and in the legacy era of all.
    Answered(InputResponses),
    /// A modern client has to call again with the answers.
    Asks(InputRequiredResult),
    /// A legacy client refused; the text says what.
    Refused(String),
}

/// What a modern client sends back when it calls again.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    pub(crate) responses: Option<InputResponses>,
    pub(crate) state: Option<String>,
}

impl Dialogue {
    /// One round that needs no memory.
    pub(crate) fn once(requests: InputRequests) -> Self {
        Self {
            rounds: vec![requests],
            stateful: false,
        }
    }

    /// Rounds whose number travels in a sealed `requestState`.
    pub(crate) fn stateful(rounds: Vec<InputRequests>) -> Self {
        Self {
            rounds,
            stateful: true,
        }
    }

    /// Asks what is left to ask.
    ///
    /// # Errors
    /// -32021 if a modern client does not declare what would be asked of it; -32602 if the state
    /// it echoes is not one that this server sealed.
    pub(crate) async fn hold(
        self,
        context: &RequestContext<RoleServer>,
        echo: Echo,
        seal: &RequestStateCodec,
    ) -> Result<Progress, ErrorData> {
        if is_modern(context) {
            return self.next(context, echo, seal);
        }
        let mut answers = InputResponses::new();
        for (key, request) in self.rounds.into_iter().flatten() {
            match ask(&context.peer, request).await {
                Ok(answer) => answers.insert(key, answer),
                Err(refusal) => return Ok(Progress::Refused(refusal)),
            };
        }
        Ok(Progress::Answered(answers))
    }

    fn next(
        self,
        context: &RequestContext<RoleServer>,
        echo: Echo,
        seal: &RequestStateCodec,
    ) -> Result<Progress, ErrorData> {
        let answers = echo.responses.unwrap_or_default();
        // The state is the number of the round that was asked last. It comes from the client, so
        // nothing in it counts before its seal is checked.
        let asked: usize = match echo.state {
            _ if !self.stateful => 1,
            None => 0,
            Some(state) => seal
                .open_json(&state)
                .map_err(|_| ErrorData::invalid_params("requestState fails its check", None))?,
        };
        let mut complete = asked.saturating_sub(1);
        if asked > 0 {
            let last = self.rounds.get(complete).ok_or_else(no_such_round)?;
            complete += usize::from(answered(last, &answers));
        }
        if complete == self.rounds.len() {
            return Ok(Progress::Answered(answers));
        }
        let requests = self.rounds.into_iter().nth(complete);
        let requests = requests.ok_or_else(no_such_round)?;
        declared(context, &requests)?;
        let state = if self.stateful {
            Some(seal.seal_json(&(complete + 1)).map_err(internal)?)
        } else {
            None
        };
        Ok(Progress::Asks(InputRequiredResult::new(
            Some(requests),
            state,
        )))
    }
}

fn no_such_round() -> ErrorData {
    ErrorData::invalid_params("requestState names no round", None)
}

/// Whether the request came in the era without sessions.
pub(crate) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::NO_INITIALIZE.as_str())
}

/// An elicitation by form. `properties` and `required` are those of its JSON Schema.
pub(crate) fn form(
    message: &str,
    properties: &Value,
    required: &[&str],
) -> Result<InputRequest, ErrorData> {
    let schema = json!({"type": "object", "properties": properties, "required": required});
    request(json!({
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": schema},
    }))
}

/// A question to the client's model.
pub(crate) fn sampling(prompt: &str) -> Result<InputRequest, ErrorData> {
    request(json!({
        "method": "sampling/createMessage",
        "params": {
            "messages": [{"role": "user", "content": {"type": "text", "text": prompt}}],
            "maxTokens": 100,
        },
    }))
}

/// A question for the client's roots.
pub(crate) fn roots() -> Result<InputRequest, ErrorData> {
    request(json!({"method": "roots/list"}))
}

/// The value that a form's field was given, as text.
pub(crate) fn field(answers: &InputResponses, key: &str, name: &str) -> Option<String> {
    let value = answers.get(key)?.get("content")?.get(name)?;
    Some(match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

fn request(request: Value) -> Result<InputRequest, ErrorData> {
    serde_json::from_value(request).map_err(internal)
}

/// An answer that is not an object counts as none: it is asked for again.
fn answered(requests: &InputRequests, answers: &InputResponses) -> bool {
    requests
        .keys()
        .all(|key| answers.get(key).is_some_and(Value::is_object))
}

/// Refuses if the client did not declare what is asked of it (2026-07-28, basic/versioning).
fn declared(
    context: &RequestContext<RoleServer>,
    requests: &InputRequests,
) -> Result<(), ErrorData> {
    let has = context.client_capabilities().unwrap_or_default();
    let mut missing = ClientCapabilities::default();
    for request in requests.values() {
        match request {
            InputRequest::Elicitation(_) if has.elicitation.is_none() => {
                missing.elicitation = Some(Default::default());
            }
            InputRequest::CreateMessage(_) if has.sampling.is_none() => {
                missing.sampling = Some(Default::default());
            }
            InputRequest::ListRoots(_) if has.roots.is_none() => {
                missing.roots = Some(Default::default());
            }
            _ => {}
        }
    }
    if missing == ClientCapabilities::default() {
        return Ok(());
    }
    Err(ErrorData::missing_required_client_capability(missing))
}

/// Asks a legacy client in the middle of its call.
async fn ask(peer: &Peer<RoleServer>, request: InputRequest) -> Result<Value, String> {
    let request = match request {
        InputRequest::Elicitation(request) => ServerRequest::ElicitRequest(request),
        InputRequest::CreateMessage(request) => ServerRequest::CreateMessageRequest(request),
        InputRequest::ListRoots(request) => ServerRequest::ListRootsRequest(request),
        _ => return Err("a request of an unknown kind".to_owned()),
    };
    let result = peer
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    serde_json::to_value(result).map_err(|error| error.to_string())
}

fn internal(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
