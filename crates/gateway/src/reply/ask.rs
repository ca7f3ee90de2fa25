//! A server asks: how the question reaches the host, and how the answer gets back.
//!
//! Four ways, by the eras of the two ends. A legacy host is asked on the stream of its call; a modern
//! one gets a result that asks, and calls again. A legacy server waits in the middle of the call; a
//! modern one is called again with the answers.

use portcullis_mcp::json::{Object, Span, Splice, elements, quote};
use portcullis_mcp::message::{self, Message};
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{ElicitMode, Params, view};
use portcullis_mcp::result::{InputRequest, input_required, write_input_required};
use portcullis_mcp::version::Era;
use portcullis_shield::Verdict;
use uuid::Uuid;

use super::questions::{Answered, Outcome as Back, Question, Round, To};
use super::{Outgoing, ReplyStream, broken, log};
use crate::audit::{Entry, Outcome};
use crate::clients::SessionKey;
use crate::inquiry::{self, Asked, MAX_QUESTIONS};
use crate::refusal::{Reason, Refusal};
use crate::shield::Judged;
use crate::suspended;
use crate::tickets::Continuation;
use crate::upstream;

/// The key under which a modern host answers a legacy server's question.
const KEY: &str = "question";

impl ReplyStream {
    /// A legacy server asks in the middle of the call.
    pub(super) async fn asked(&mut self, request: &Message) -> Result<(), Refusal> {
        let (Some(method), Some(id)) = (request.method(), request.id()) else {
            return Ok(());
        };
        let connection = std::sync::Arc::clone(self.call().connection());
        let question = suspended::Question::new(method, id.to_owned(), KEY.to_owned(), connection);
        let mut entry = self.entry_of(method);
        let judged = match self.judge_question(method, request.params(), &mut entry) {
            Ok(judged) => judged,
            // The call goes on: what becomes of it without an answer is the server's affair.
            Err(refusal) => {
                log(&refusal, entry.id());
                entry.refuse(&refusal);
                question.decline().await;
                return Ok(());
            }
        };
        match self.era() {
            Era::Legacy => {
                let to = To::Server(question);
                self.put(method, judged, to, entry)
            }
            Era::Modern => self.suspend(question, &judged, entry),
        }
    }

    /// A question that cannot be said to belong to this call.
    pub(super) async fn turn_away(&mut self, request: &Message) {
        let (Some(method), Some(id)) = (request.method(), request.id()) else {
            return;
        };
        let connection = std::sync::Arc::clone(self.call().connection());
        let refusal = Refusal::new(Reason::QuestionNotOffered);
        let mut entry = self.entry_of(method);
        entry.refuse(&refusal);
        suspended::Question::new(method, id.to_owned(), KEY.to_owned(), connection)
            .decline()
            .await;
    }

    /// A modern server asks in its result.
    pub(super) async fn input_required(&mut self, judged: Judged) -> Result<(), Refusal> {
        let asked = input_required(&judged.text).map_err(broken)?;
        let questions = self.judge_together(asked.requests.iter().map(as_asked))?;
        let state = asked.request_state.as_ref().map(|(state, _)| &**state);
        if self.era() == Era::Legacy {
            let round = Round {
                state: state.map(str::to_owned),
                answers: Vec::new(),
            };
            // Only a state and no question: the server wants nothing but to be called again.
            if questions.is_empty() {
                self.questions.asked += 1;
                self.bound()?;
                return self.call_again(round).await;
            }
            self.questions.round = Some(round);
            for (request, (judged, entry)) in asked.requests.iter().zip(questions) {
                let key = request.key.clone().into_owned();
                self.put(request.method, judged, To::Round { key }, entry)?;
            }
            return Ok(());
        }
        let mut splice = Splice::new(&judged.text);
        tell(&mut splice, &asked.requests, questions);
        if let (Some((_, span)), Some(state)) = (&asked.request_state, state) {
            let next = Continuation::Repeat(state.to_owned());
            let ticket = self.gateway.tickets().state(self.call(), next)?;
            splice.replace(*span, quote(&ticket));
        }
        let text = splice.finish().into_owned();
        let judged = Judged {
            text,
            verdict: judged.verdict,
            findings: judged.findings.clone(),
        };
        self.complete_asking(&judged)
    }

    /// A legacy server (2025-11-25) wants its user to open pages before it takes the call.
    pub(super) fn pages_required(&mut self, data: Option<&str>) -> Result<(), Refusal> {
        let broken_data = || Refusal::new(Reason::UpstreamProtocol);
        let data = Object::parse(data.unwrap_or("{}")).map_err(|_| broken_data())?;
        let pages = data.get("elicitations").ok_or_else(broken_data)?;
        let pages = elements(pages.value).map_err(|_| broken_data())?;
        let asked = |page| (Method::ElicitationCreate, Some(page));
        let judged: Vec<String> = self
            .judge_together(pages.iter().map(|page| asked(page.value)))?
            .into_iter()
            .map(|(page, mut entry)| {
                entry.finish(Outcome::Ok, "");
                page.text
            })
            .collect();
        if self.era() == Era::Legacy {
            let data = format!("{{\"elicitations\":[{}]}}", judged.join(","));
            let code = portcullis_mcp::codes::URL_ELICITATION_REQUIRED;
            let text = "the user must open a page first";
            let answer = message::error_response(Some(self.id()), code, text, Some(&data));
            self.entry.step("reply");
            self.entry.finish(Outcome::RpcError, &answer);
            self.answer(answer, 200);
            return Ok(());
        }
        let ticket = self
            .gateway
            .tickets()
            .state(self.call(), Continuation::Anew)?;
        let keys: Vec<String> = (1..=judged.len()).map(|at| format!("page-{at}")).collect();
        let requests: Vec<(&str, Method, &str)> = keys
            .iter()
            .zip(&judged)
            .map(|(key, params)| (key.as_str(), Method::ElicitationCreate, params.as_str()))
            .collect();
        let asks = Judged::own(write_input_required(&requests, Some(&ticket)));
        self.complete_asking(&asks)
    }

    /// A question came back from a legacy host.
    pub(super) async fn take_answer(&mut self, answered: Answered) -> Result<(), Refusal> {
        let Answered {
            question:
                Question {
                    method,
                    to,
                    mut entry,
                },
            outcome,
        } = answered;
        let answer = match outcome {
            Back::Answer(answer) => answer,
            Back::Withdrawn => {
                drop(entry);
                if let To::Server(question) = to {
                    question.withdrawn();
                }
                self.resume_clock();
                return Ok(());
            }
            Back::Nobody => {
                let refusal = Refusal::new(Reason::QuestionUnanswered);
                entry.refuse(&refusal);
                return self.leave_unanswered(to, refusal).await;
            }
        };
        match (answer.result(), to) {
            (Some(result), to) => {
                let judged = match inquiry::judge_answer(self.snapshot.shield(), method, result) {
                    Ok(judged) => judged,
                    Err((refusal, findings)) => {
                        entry.screened(Verdict::Block, &findings);
                        entry.refuse(&refusal);
                        return self.leave_unanswered(to, refusal).await;
                    }
                };
                entry.screened(judged.verdict, &judged.findings);
                // What a person or a model said is on record before a server hears it.
                let recorded = entry.intend(judged, true).await?;
                let judged = recorded.into_inner();
                entry.finish(Outcome::Ok, &judged.text);
                match to {
                    To::Server(question) => {
                        question.answer(&judged.text).await;
                        self.resume_clock();
                        Ok(())
                    }
                    To::Round { key } => self.round_answer(key, judged.text).await,
                }
            }
            (None, To::Server(question)) => {
                entry.finish(Outcome::RpcError, "");
                let error = answer.error();
                let code = error.as_ref().map_or(-1, |error| error.code);
                question.fail(code, "the host refused").await;
                self.resume_clock();
                Ok(())
            }
            (None, To::Round { key }) if method == Method::ElicitationCreate => {
                entry.finish(Outcome::RpcError, "");
                self.round_answer(key, r#"{"action":"cancel"}"#.to_owned())
                    .await
            }
            (None, To::Round { .. }) => {
                entry.finish(Outcome::RpcError, "");
                Err(Refusal::new(Reason::QuestionUnanswered).detail("it gave an error"))
            }
        }
    }

    /// No answer goes to who asked: a legacy server hears a no and goes on, a modern one has nothing to
    /// go on with.
    async fn leave_unanswered(&mut self, to: To, refusal: Refusal) -> Result<(), Refusal> {
        match to {
            To::Server(question) => {
                question.decline().await;
                self.resume_clock();
                Ok(())
            }
            To::Round { .. } => Err(refusal),
        }
    }

    /// A legacy server takes a question back.
    pub(super) fn withdraw(&mut self, params: &str) -> Option<String> {
        let Ok(Params::Cancelled { request_id, .. }) = view(Method::Cancelled, Some(params)) else {
            return None;
        };
        let own = self.questions.withdraw(request_id)?;
        Some(message::notification(
            Method::Cancelled.as_str(),
            Some(&format!("{{\"requestId\":{own}}}")),
        ))
    }

    /// Puts a question to a legacy host, on the stream of its call.
    fn put(&mut self, method: Method, judged: Judged, to: To, entry: Entry) -> Result<(), Refusal> {
        let routed = self.call().admitted().routed();
        let key = SessionKey::of(routed).ok_or_else(|| Refusal::new(Reason::SessionMissing))?;
        let client = self.gateway.clients().client(&key, routed.principal())?;
        let pending = client.ask();
        let params = with_elicitation_id(method, judged.text);
        if let Ok(Params::Elicit(asked)) = view(method, Some(&params))
            && let ElicitMode::Url {
                elicitation_id: Some(id),
                ..
            } = asked.mode
        {
            // The host is told when the server says that the user is done there.
            client.elicited(&self.call().definition().server, &id);
        }
        self.ready.push_back(Outgoing::Message(message::request(
            pending.id(),
            method.as_str(),
            Some(&params),
        )));
        let patience = self.snapshot.config().limits.input_timeout;
        // The server's own time limit stands still while a person thinks.
        if let Some(exchange) = &mut self.exchange {
            exchange.set_deadline(None);
        }
        let question = Question { method, to, entry };
        self.questions.wait(question, pending, patience);
        Ok(())
    }

    /// Holds the call for a modern host, which is told to call again with the answer.
    fn suspend(
        &mut self,
        question: suspended::Question,
        judged: &Judged,
        mut entry: Entry,
    ) -> Result<(), Refusal> {
        let call = self.call();
        let method = question.method;
        let principal = std::sync::Arc::clone(call.admitted().routed().principal().key());
        let limits = &self.snapshot.config().limits;
        let Some(exchange) = self.exchange.take() else {
            return Err(Refusal::new(Reason::Internal));
        };
        let held = self.gateway.suspended().hold(
            &principal,
            exchange,
            (question, self.call().lease().under_way()),
            limits.input_timeout,
            limits.max_waiting_calls,
        );
        let number = match held {
            Ok(number) => number,
            Err(refusal) => {
                entry.refuse(&refusal);
                return Err(refusal);
            }
        };
        entry.finish(Outcome::Ok, "");
        let next = Continuation::Waiting(number);
        let ticket = self.gateway.tickets().state(self.call(), next)?;
        let requests = [(KEY, method, judged.text.as_str())];
        let asks = Judged {
            text: write_input_required(&requests, Some(&ticket)),
            verdict: judged.verdict,
            findings: judged.findings.clone(),
        };
        self.complete_asking(&asks)
    }

    /// Judges questions that come in one message. Who asks so cannot be told no for one part of it: one
    /// that is refused refuses all.
    pub(super) fn judge_together<'q>(
        &mut self,
        questions: impl Iterator<Item = (Method, Option<&'q str>)>,
    ) -> Result<Vec<(Judged, Entry)>, Refusal> {
        questions
            .map(|(method, params)| {
                let mut entry = self.entry_of(method);
                match self.judge_question(method, params, &mut entry) {
                    Ok(judged) => Ok((judged, entry)),
                    Err(refusal) => {
                        entry.refuse(&refusal);
                        Err(refusal)
                    }
                }
            })
            .collect()
    }

    fn judge_question(
        &mut self,
        method: Method,
        params: Option<&str>,
        entry: &mut Entry,
    ) -> Result<Judged, Refusal> {
        self.questions.asked += 1;
        self.bound()?;
        let admitted = self.call().admitted();
        // A host that reads no stream cannot be asked on one; a modern one is asked in the answer.
        if self.era() == Era::Legacy && !self.streams {
            return Err(Refusal::new(Reason::QuestionNotOffered));
        }
        let rules = inquiry::Rules {
            shield: self.snapshot.shield(),
            capabilities: admitted.protocol().capabilities,
            attribute: admitted.routed().profile().members.len() > 1,
        };
        let asked = Asked {
            server: &self.call().definition().server,
            method,
            params,
        };
        match inquiry::judge(asked, &rules) {
            Ok(judged) => {
                entry.screened(judged.verdict, &judged.findings);
                Ok(judged)
            }
            Err((refusal, findings)) => {
                if !findings.is_empty() {
                    entry.screened(Verdict::Block, &findings);
                }
                Err(refusal)
            }
        }
    }

    fn bound(&self) -> Result<(), Refusal> {
        if self.questions.asked > MAX_QUESTIONS {
            return Err(Refusal::new(Reason::QuestionNotOffered)
                .detail(format!("more than {MAX_QUESTIONS} in one call")));
        }
        Ok(())
    }

    async fn round_answer(&mut self, key: String, answer: String) -> Result<(), Refusal> {
        if let Some(round) = &mut self.questions.round {
            round.answers.push((key, answer));
        }
        if !self.questions.is_empty() {
            return Ok(());
        }
        match self.questions.round.take() {
            Some(round) => self.call_again(round).await,
            None => Ok(()),
        }
    }

    async fn call_again(&mut self, round: Round) -> Result<(), Refusal> {
        let Round { state, answers } = round;
        let exchange = upstream::send_again(&self.screened, &answers, state.as_deref()).await?;
        self.exchange = Some(exchange);
        Ok(())
    }

    /// The server's time runs again when nothing is open.
    fn resume_clock(&mut self) {
        if self.questions.is_empty() {
            let deadline = self.call().connection().deadline();
            if let Some(exchange) = &mut self.exchange {
                exchange.set_deadline(Some(deadline));
            }
        }
    }

    fn entry_of(&self, method: Method) -> Entry {
        let call = self.call();
        let admitted = call.admitted();
        let mut entry = Entry::of_server(self.entry.trail(), admitted.routed(), method.as_str());
        let protocol = admitted.protocol();
        entry.protocol(protocol.version.as_str(), protocol.era(), None);
        entry.describe(|opened| {
            opened.server = Some(call.definition().server.to_string());
            opened.target = Some(call.target().name.clone());
        });
        entry
    }
}

/// A question of a result as it is judged: its method and its raw params.
pub(super) fn as_asked<'r>(request: &InputRequest<'r>) -> (Method, Option<&'r str>) {
    (request.method, request.params.map(|(raw, _)| raw))
}

/// Puts judged questions where they stood as they came.
pub(super) fn tell(
    splice: &mut Splice<'_>,
    requests: &[InputRequest<'_>],
    questions: Vec<(Judged, Entry)>,
) {
    for (request, (question, mut entry)) in requests.iter().zip(questions) {
        if let Some((_, span)) = request.params {
            splice.replace(span, question.text);
        }
        entry.finish(Outcome::Ok, "");
    }
}

/// A legacy host knows the page of a question by an id; modern servers give none.
fn with_elicitation_id(method: Method, params: String) -> String {
    let needs = matches!(
        view(method, Some(&params)),
        Ok(Params::Elicit(ask)) if matches!(&ask.mode, ElicitMode::Url { elicitation_id: None, .. })
    );
    if !needs {
        return params;
    }
    let id = quote(&Uuid::now_v7().to_string());
    let mut splice = Splice::new(&params);
    let whole = Span {
        start: 0,
        end: params.len(),
    };
    match splice.set_member(whole, "elicitationId", id) {
        Ok(()) => splice.finish().into_owned(),
        Err(_) => params,
    }
}
