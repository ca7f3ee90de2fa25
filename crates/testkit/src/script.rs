//! What a scripted server offers and how it answers.

use crate::Speaks;

/// Everything a scripted server says.
#[derive(Clone, Debug)]
pub struct Script {
    /// The era it speaks; requests of the other one are refused as real servers refuse them.
    pub speaks: Speaks,
    /// Raw definitions, in order.
    pub tools: Vec<String>,
    /// Raw definitions, in order.
    pub prompts: Vec<String>,
    /// Raw definitions, in order.
    pub resources: Vec<String>,
    /// Raw definitions of resource templates, in order.
    pub templates: Vec<String>,
    /// Instructions to a model.
    pub instructions: Option<String>,
    /// How many definitions one page of a list holds.
    pub page: usize,
    /// Whether clients can subscribe to its resources.
    pub subscribable: bool,
    /// Answers by method and by name or URI (`*`: any). The first that fits is used.
    pub answers: Vec<(String, String, Vec<Step>)>,
}

/// One thing a server does when it is asked. In texts `$ID` is the request's id, `$TOKEN` its
/// progress token, `$PARAMS` its params and `$ANSWER` the last message that answered a question.
#[derive(Clone, Debug)]
pub enum Step {
    /// A notification before the answer: method and raw params.
    Notify(String, String),
    /// A whole raw message before the answer.
    Message(String),
    /// A request to the client, method and raw params; goes on when it is answered.
    Ask(String, String),
    /// The answer, unless the request brings `inputResponses`: a raw result that asks.
    AskInResult(String),
    /// The answer: a raw result.
    Result(String),
    /// The answer: a raw JSON-RPC error object.
    Error(String),
    /// The answer: a whole raw message.
    Raw(String),
    /// Waits for [`crate::ScriptedServer::go_on`].
    Wait,
    /// Nothing any more; the connection stays open.
    Stall,
    /// The connection is dropped.
    Die,
    /// An HTTP response: status, content type, body.
    Http(u16, String, String),
    /// An HTTP response without a body: status, and what `WWW-Authenticate` says.
    Challenge(u16, String),
}

impl Script {
    /// A server up to 2025-11-25 that offers nothing yet.
    pub fn legacy() -> Self {
        Self {
            speaks: Speaks::Legacy,
            tools: Vec::new(),
            prompts: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            instructions: None,
            page: 100,
            subscribable: false,
            answers: Vec::new(),
        }
    }

    /// A server of 2026-07-28 that offers nothing yet.
    pub fn modern() -> Self {
        Self {
            speaks: Speaks::Modern,
            ..Self::legacy()
        }
    }

    /// A server of this era that offers nothing yet.
    pub fn of(speaks: Speaks) -> Self {
        Self {
            speaks,
            ..Self::legacy()
        }
    }

    /// Offers a plain tool.
    #[must_use]
    pub fn tool(self, name: &str) -> Self {
        let name = serde_json::to_string(name).unwrap();
        self.tool_json(format!(
            r#"{{"name":{name},"description":"does it","inputSchema":{{"type":"object"}}}}"#
        ))
    }

    /// Offers a tool with this definition.
    #[must_use]
    pub fn tool_json(mut self, definition: impl Into<String>) -> Self {
        self.tools.push(definition.into());
        self
    }

    /// Offers a prompt.
    #[must_use]
    pub fn prompt(mut self, name: &str) -> Self {
        self.prompts.push(format!(
            r#"{{"name":"{name}","arguments":[{{"name":"topic"}}]}}"#
        ));
        self
    }

    /// Offers a resource.
    #[must_use]
    pub fn resource(mut self, uri: &str) -> Self {
        self.resources
            .push(format!(r#"{{"uri":"{uri}","name":"{uri}"}}"#));
        self
    }

    /// Offers a resource template.
    #[must_use]
    pub fn template(mut self, template: &str) -> Self {
        self.templates
            .push(format!(r#"{{"uriTemplate":"{template}","name":"made"}}"#));
        self
    }

    /// Has instructions.
    #[must_use]
    pub fn instructions(mut self, text: &str) -> Self {
        self.instructions = Some(text.to_owned());
        self
    }

    /// Lets clients subscribe to its resources.
    #[must_use]
    pub fn subscribable(self) -> Self {
        Self {
            subscribable: true,
            ..self
        }
    }

    /// Answers `method` for `name` like this.
    #[must_use]
    pub fn on(mut self, method: &str, name: &str, steps: impl Into<Vec<Step>>) -> Self {
        self.answers
            .insert(0, (method.to_owned(), name.to_owned(), steps.into()));
        self
    }

    pub(crate) fn capabilities(&self) -> String {
        let has = |list: &[String]| !list.is_empty();
        let mut members = vec![r#""logging":{}"#, r#""completions":{}"#];
        members.extend(has(&self.tools).then_some(r#""tools":{"listChanged":true}"#));
        members.extend(has(&self.prompts).then_some(r#""prompts":{"listChanged":true}"#));
        members.extend((has(&self.resources) || has(&self.templates)).then_some(
            match self.subscribable {
                true => r#""resources":{"listChanged":true,"subscribe":true}"#,
                false => r#""resources":{"listChanged":true}"#,
            },
        ));
        format!("{{{}}}", members.join(","))
    }

    pub(crate) fn steps(&self, method: &str, name: &str) -> Vec<Step> {
        self.answers
            .iter()
            .find(|(known, of, _)| known == method && (of == "*" || of == name))
            .map_or_else(
                || vec![self.usual(method, name)],
                |(_, _, steps)| steps.clone(),
            )
    }

    fn usual(&self, method: &str, name: &str) -> Step {
        let uri = serde_json::to_string(name).unwrap();
        let result = match method {
            "tools/call" => r#"{"content":[{"type":"text","text":"done"}]}"#.to_owned(),
            "prompts/get" => {
                r#"{"messages":[{"role":"user","content":{"type":"text","text":"hello"}}]}"#
                    .to_owned()
            }
            "resources/read" => format!(r#"{{"contents":[{{"uri":{uri},"text":"content"}}]}}"#),
            "completion/complete" => r#"{"completion":{"values":["one","two"]}}"#.to_owned(),
            "logging/setLevel" | "ping" => "{}".to_owned(),
            "resources/subscribe" | "resources/unsubscribe" if self.subscribable => "{}".to_owned(),
            _ => return Step::Error(r#"{"code":-32601,"message":"method not found"}"#.to_owned()),
        };
        Step::Result(result)
    }
}
