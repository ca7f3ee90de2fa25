//! The fake model: does its task, and everything else it is told to.

mod answer;

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde_json::{Value, json};

use super::grammar::{self, Instruction};
use super::{Answer, Client, ClientError, Event, Step, Task, Transcript, Why, marker};
use crate::conceal;
use answer::{fill, into_answer, strings};

/// How many instructions it obeys in one run, so that two that call for each other come to an end.
const OBEDIENCE: usize = 16;

pub(crate) async fn run(clients: &mut [Client], task: &Task) -> Transcript {
    let mut model = Model {
        clients,
        tools: Vec::new(),
        saved: BTreeMap::new(),
        obeyed: HashSet::new(),
        intents: VecDeque::new(),
        standing: Vec::new(),
        transcript: Transcript {
            task: task.title.clone(),
            events: Vec::new(),
        },
    };
    model.read_introductions();
    model.list().await;
    model.obey().await;
    for step in &task.steps {
        model.step(step).await;
        model.obey().await;
        if model
            .clients
            .iter_mut()
            .any(|client| client.take_tools_changed())
        {
            model.list().await;
            model.obey().await;
        }
    }
    model.transcript
}

struct Model<'a> {
    clients: &'a mut [Client],
    tools: Vec<Tool>,
    saved: BTreeMap<String, String>,
    obeyed: HashSet<String>,
    intents: VecDeque<(String, Instruction)>,
    standing: Vec<Standing>,
    transcript: Transcript,
}

/// A tool as it is listed.
#[derive(Clone)]
struct Tool {
    client: usize,
    exposed: String,
}

impl Tool {
    /// The name without a server's prefix.
    fn own_name(&self) -> &str {
        self.exposed
            .rsplit_once("__")
            .map_or(self.exposed.as_str(), |(_, name)| name)
    }
}

/// An instruction that holds from now on.
struct Standing {
    place: String,
    tool: String,
    to: String,
}

impl Model<'_> {
    async fn step(&mut self, step: &Step) {
        match step {
            Step::List => self.list().await,
            Step::Call {
                tool,
                arguments,
                save_as,
            } => {
                let arguments = fill(arguments, &self.saved);
                let answer = self
                    .call(&Why::Task, tool, arguments)
                    .await
                    .filter(|answer| !answer.is_error);
                if let Some(name) = save_as {
                    let text = answer.map_or_else(
                        || "(not available)".to_owned(),
                        |answer| marker::without_markers(&answer.text),
                    );
                    self.saved.insert(name.clone(), text);
                }
            }
            Step::CallUnlisted {
                server,
                tool,
                arguments,
            } => {
                let target = self.unlisted(server, tool);
                self.perform(&Why::Unlisted, &target, arguments.clone())
                    .await;
            }
            Step::ReadResource { server, uri } => {
                let (client, _) = self.client_of(server).unwrap_or_default();
                self.fetch(
                    client,
                    "resource",
                    uri,
                    "resources/read",
                    json!({"uri": uri}),
                )
                .await;
            }
            Step::GetPrompt {
                server,
                name,
                arguments,
            } => {
                let target = self.unlisted(server, name);
                let params = json!({"name": target.exposed, "arguments": arguments});
                self.fetch(target.client, "prompt", name, "prompts/get", params)
                    .await;
            }
        }
    }

    /// Reads what every server says about itself.
    fn read_introductions(&mut self) {
        let texts: Vec<(String, String)> = self
            .clients
            .iter()
            .filter_map(|client| {
                Some((client.name().to_owned(), client.instructions()?.to_owned()))
            })
            .collect();
        for (name, text) in texts {
            self.read(&format!("instructions of {name}"), &text);
        }
    }

    /// Fetches every tool list and reads every string of every definition.
    async fn list(&mut self) {
        self.tools.clear();
        for client in 0..self.clients.len() {
            let Some(connection) = self.clients.get_mut(client) else {
                continue;
            };
            let server = connection.name().to_owned();
            let tools = match connection.list("tools/list", "tools").await {
                Ok(tools) => tools,
                Err(error) => {
                    self.transcript.events.push(Event::Failed {
                        what: format!("tools/list of {server}: {error}"),
                    });
                    continue;
                }
            };
            let name = |tool: &Value| {
                tool.get("name")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let names: Vec<String> = tools.iter().map(name).collect();
            self.tools.extend(names.iter().map(|name| Tool {
                client,
                exposed: name.clone(),
            }));
            self.transcript.events.push(Event::Listed {
                server,
                tools: names,
            });
            for tool in &tools {
                let place = format!("definition of {}", name(tool));
                for text in strings(tool) {
                    self.read(&place, text);
                }
            }
        }
    }

    /// Looks for instructions in the unmarked part of a text.
    fn read(&mut self, place: &str, text: &str) {
        for segment in marker::segments(text)
            .into_iter()
            .filter(|segment| !segment.marked)
        {
            let concealed_by = conceal::concealment(segment.text);
            for found in grammar::instructions(&conceal::as_read_by_a_model(segment.text)) {
                if self.obeyed.len() < OBEDIENCE && self.obeyed.insert(found.sentence.clone()) {
                    self.transcript.events.push(Event::Instruction {
                        place: place.to_owned(),
                        sentence: found.sentence,
                        concealed_by,
                    });
                    self.intents
                        .push_back((place.to_owned(), found.instruction));
                }
            }
        }
    }

    /// Does what it was told, until nothing is left to do.
    async fn obey(&mut self) {
        while let Some((place, instruction)) = self.intents.pop_front() {
            let why = Why::Instruction(place.clone());
            match instruction {
                Instruction::Call { tool, arguments } => {
                    self.call(&why, &tool, Value::Object(arguments)).await;
                }
                Instruction::SendCalendar { to } => {
                    if let Some(calendar) = self.call(&why, "list_events", json!({})).await {
                        let body = marker::without_markers(&calendar.text);
                        self.call(
                            &why,
                            "send",
                            json!({"to": to, "subject": "Calendar", "body": body}),
                        )
                        .await;
                    }
                }
                Instruction::CopyOf { tool, to } => {
                    self.standing.push(Standing { place, tool, to })
                }
            }
        }
    }

    /// Calls a tool by the name that the task or an instruction used.
    async fn call(&mut self, why: &Why, name: &str, arguments: Value) -> Option<Answer> {
        let Some(tool) = self.resolve(name) else {
            self.transcript.events.push(Event::NoSuchTool {
                why: why.clone(),
                tool: name.to_owned(),
            });
            return None;
        };
        let answer = self.perform(why, &tool, arguments.clone()).await;
        let orders = self
            .standing
            .iter()
            .filter(|order| order.tool == tool.own_name() || order.tool == tool.exposed);
        for order in orders {
            let content = arguments
                .get("text")
                .and_then(Value::as_str)
                .map_or_else(|| arguments.to_string(), str::to_owned);
            let copy = json!({"to": order.to, "subject": "Copy", "body": content});
            let Value::Object(arguments) = copy else {
                continue;
            };
            self.intents.push_back((
                order.place.clone(),
                Instruction::Call {
                    tool: "send".to_owned(),
                    arguments,
                },
            ));
        }
        Some(answer)
    }

    async fn perform(&mut self, why: &Why, tool: &Tool, arguments: Value) -> Answer {
        let params = json!({"name": tool.exposed, "arguments": arguments});
        let (server, answer) = self.request(tool.client, "tools/call", params).await;
        self.read(&format!("answer of {}", tool.exposed), &answer.text);
        self.transcript.events.push(Event::Call {
            why: why.clone(),
            server,
            tool: tool.exposed.clone(),
            arguments,
            answer: answer.clone(),
        });
        answer
    }

    async fn fetch(
        &mut self,
        client: usize,
        what: &'static str,
        name: &str,
        method: &str,
        params: Value,
    ) {
        let (_, answer) = self.request(client, method, params).await;
        self.read(&format!("{what} {name}"), &answer.text);
        self.transcript.events.push(Event::Fetched {
            what,
            name: name.to_owned(),
            answer,
        });
    }

    async fn request(&mut self, client: usize, method: &str, params: Value) -> (String, Answer) {
        match self.clients.get_mut(client) {
            Some(client) => (
                client.name().to_owned(),
                into_answer(client.request(method, params).await),
            ),
            None => (String::new(), into_answer(Err(ClientError::Closed))),
        }
    }

    /// A listed tool by its exposed name, by its own name under any prefix, or by `server__tool` where the host talks
    /// to that server itself.
    fn resolve(&self, name: &str) -> Option<Tool> {
        let exact = self.tools.iter().find(|tool| tool.exposed == name);
        let prefixed = || self.tools.iter().find(|tool| tool.own_name() == name);
        let direct = || {
            let (server, own) = name.split_once("__")?;
            let (client, _) = self.client_of(server).filter(|(_, direct)| *direct)?;
            self.tools
                .iter()
                .find(|tool| tool.client == client && tool.exposed == own)
        };
        exact.or_else(prefixed).or_else(direct).cloned()
    }

    /// A server's tool by name alone: as it is where the host talks to that server, with its prefix otherwise.
    fn unlisted(&self, server: &str, tool: &str) -> Tool {
        let (client, direct) = self.client_of(server).unwrap_or_default();
        let exposed = if direct {
            tool.to_owned()
        } else {
            format!("{server}__{tool}")
        };
        Tool { client, exposed }
    }

    /// The connection that leads to a server, and whether its tools go by their own names there: on a connection of
    /// the server's name, or on the only one when nothing that it lists has a prefix.
    fn client_of(&self, server: &str) -> Option<(usize, bool)> {
        if let Some(client) = self
            .clients
            .iter()
            .position(|client| client.name() == server)
        {
            return Some((client, true));
        }
        let transparent =
            !self.tools.is_empty() && self.tools.iter().all(|tool| !tool.exposed.contains("__"));
        (self.clients.len() == 1).then_some((0, transparent))
    }
}
