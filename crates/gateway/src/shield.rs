//! The shield's place in the path: arguments before they leave, answers before they arrive.
//!
//! `Permitted<Call> → Screened<Call>`. What is screened here is exactly what goes on: the params
//! are rewritten first (the server's own name for the tool, `_meta` without what only the gateway
//! may say) and judged after.

use std::borrow::Cow;

use portcullis_mcp::error::WireError;
use portcullis_mcp::json::{Object, Span, Splice, quote};
use portcullis_mcp::meta::{self, RECEIPT_PREFIX, RESERVED_PREFIX};
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, Reference, view};
use portcullis_mcp::result::input_responses;
use portcullis_mcp::version::Era;
use portcullis_shield::{Direction, Finding, Screening, Shield, Verdict};

use crate::authz::Permitted;
use crate::inquiry;
use crate::pipeline::SIGN_IN;
use crate::receipt;
use crate::refusal::{Reason, Refusal};
use crate::registry::{Call, Round};
use crate::suspended::Suspended;
use crate::tickets::Continuation;

/// Proof that content was judged. Holds the very text that will be sent.
#[derive(Debug)]
pub(crate) struct Screened<T> {
    permitted: Permitted<T>,
    params: String,
    answer: Option<String>,
    verdict: Verdict,
    findings: Vec<Finding>,
}

impl<T> Screened<T> {
    pub(crate) fn permitted(&self) -> &Permitted<T> {
        &self.permitted
    }

    /// The judged params, as they go to the server.
    pub(crate) fn params(&self) -> &str {
        &self.params
    }

    /// The judged answer for a server that waits for one in the middle of the call: a raw object.
    pub(crate) fn answer(&self) -> Option<&str> {
        self.answer.as_deref()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// Judges what a call would send. A refusal comes with what was found.
pub(crate) fn screen_call(
    shield: &Shield,
    permitted: Permitted<Call>,
    suspended: &Suspended,
) -> Result<Screened<Call>, (Refusal, Vec<Finding>)> {
    let blocked = |findings| (Refusal::new(Reason::ArgumentsBlocked), findings);
    let params = outgoing(permitted.what())
        .map_err(|cause| (Refusal::new(Reason::Internal).because(cause), Vec::new()))?;
    let Screening {
        verdict,
        findings,
        text,
    } = shield.screen(Direction::Argument, &params);
    match verdict {
        Verdict::Block | Verdict::Hold => Err(blocked(findings)),
        Verdict::Redact if !is_same_call(permitted.what(), &params, &text) => {
            Err(blocked(findings))
        }
        Verdict::Allow | Verdict::Mark | Verdict::Redact => {
            let params = text.into_owned();
            let mut screened = Screened {
                permitted,
                params,
                answer: None,
                verdict,
                findings,
            };
            let call = screened.permitted.what();
            if let Round::Next(Continuation::Waiting(number)) = *call.round() {
                let judged = screen_answer(shield, call, number, suspended)?;
                screened.verdict = screened.verdict.max(judged.verdict);
                screened.findings.extend(judged.findings);
                screened.answer = Some(judged.text);
            }
            Ok(screened)
        }
    }
}

/// Judges the answer that a suspended call waits for: it is no part of the params that its server got.
fn screen_answer(
    shield: &Shield,
    call: &Call,
    number: u64,
    suspended: &Suspended,
) -> Result<Judged, (Refusal, Vec<Finding>)> {
    let refuse = |refusal| (refusal, Vec::new());
    let (key, method) = suspended
        .question(number)
        .ok_or_else(|| refuse(Refusal::new(Reason::RequestStateInvalid)))?;
    let params = call.admitted().message().params().unwrap_or("{}");
    let object = Object::parse(params).map_err(|cause| refuse(WireError::from(cause).into()))?;
    let answers = object
        .get("inputResponses")
        .map_or("{}", |member| member.value);
    let answers = input_responses(answers).map_err(|cause| refuse(cause.into()))?;
    // Without an answer the call goes on waiting for one.
    let Some((_, (answer, _))) = answers.into_iter().find(|(known, _)| *known == *key) else {
        let detail = format!("inputResponses has no answer for {}", quote(&key));
        return Err(refuse(Refusal::new(Reason::InvalidParams).detail(detail)));
    };
    inquiry::judge_answer(shield, method, answer)
}

/// Whether params still say after redaction what was authorized: the same target, the same members,
/// and nothing in `_meta` that only the gateway may say. Hidden characters can stand in a name, so
/// that taking them out makes another one.
fn is_same_call(call: &Call, before: &str, after: &str) -> bool {
    let keys = |params| {
        let object = Object::parse(params).ok()?;
        let members = object.members().iter();
        Some(
            members
                .map(|member| member.key.to_string())
                .collect::<Vec<_>>(),
        )
    };
    let target = call.target();
    keys(before) == keys(after)
        && matches!(cleaned(after), Ok(Cow::Borrowed(_)))
        && target_of(target.method, after).is_some_and(|name| name == target.name)
}

fn target_of(method: Method, params: &str) -> Option<Cow<'_, str>> {
    match view(method, Some(params)).ok()? {
        Params::CallTool(call) => Some(call.name),
        Params::GetPrompt(prompt) => Some(prompt.name),
        Params::ReadResource(resource) => Some(resource.uri),
        Params::Task(task) => Some(task.task_id),
        Params::Complete(complete) => match complete.reference {
            Reference::Prompt { name, .. } => Some(name),
            Reference::Resource { uri, .. } => Some(uri),
        },
        _ => None,
    }
}

/// What a result became.
pub(crate) struct Judged {
    pub(crate) text: String,
    pub(crate) verdict: Verdict,
    pub(crate) findings: Vec<Finding>,
}

impl Judged {
    /// A text of our own.
    pub(crate) fn own(text: String) -> Self {
        Self {
            text,
            verdict: Verdict::Allow,
            findings: Vec::new(),
        }
    }
}

/// Judges a JSON text that a server sent, less what only the gateway may say.
pub(crate) fn screen_reply(shield: &Shield, text: &str) -> Result<Judged, (Refusal, Vec<Finding>)> {
    let text = receipt::without_forged(text).map_err(|cause| {
        (
            Refusal::new(Reason::UpstreamProtocol).because(cause),
            Vec::new(),
        )
    })?;
    let screening = shield.screen(Direction::Result, &text);
    match screening.verdict {
        Verdict::Block | Verdict::Hold => {
            Err((Refusal::new(Reason::ResultBlocked), screening.findings))
        }
        verdict => Ok(Judged {
            text: screening.text.into_owned(),
            verdict,
            findings: screening.findings,
        }),
    }
}

/// The params as the server will get them.
fn outgoing(call: &Call) -> Result<String, WireError> {
    let params = call.admitted().message().params().unwrap_or("{}");
    let target = call.target();
    let mut splice = Splice::new(params);
    splice.replace(target.name_span, quote(&target.name));
    // The state is the gateway's own ticket; what it stands for is added when the call is sent.
    // Answers are for servers that asked in this way.
    let whole = Span {
        start: 0,
        end: params.len(),
    };
    if target.again {
        splice.remove_member(whole, "requestState")?;
        let host = call.admitted().protocol().era();
        if (host, call.connection().era()) != (Era::Modern, Era::Modern) {
            splice.remove_member(whole, "inputResponses")?;
        } else if let Some(others) = without_own_answer(params)? {
            match others.as_str() {
                "{}" => splice.remove_member(whole, "inputResponses")?,
                _ => splice.set_member(whole, "inputResponses", others)?,
            }
        }
    }
    if target.augmented {
        splice.remove_member(whole, "task")?;
    }
    let named = splice.finish();
    Ok(cleaned(&named)?.into_owned())
}

/// The answers less the one to a question of our own, if there is one.
fn without_own_answer(params: &str) -> Result<Option<String>, WireError> {
    let object = Object::parse(params)?;
    let Some(answers) = object.get("inputResponses").map(|member| member.value) else {
        return Ok(None);
    };
    let others = input_responses(answers)?.into_iter();
    let mut has_own = false;
    let others: Vec<String> = others
        .filter(|(key, _)| {
            has_own |= *key == SIGN_IN;
            *key != SIGN_IN
        })
        .map(|(key, (answer, _))| format!("{}:{answer}", quote(&key)))
        .collect();
    Ok(has_own.then(|| format!("{{{}}}", others.join(","))))
}

/// Takes out of `_meta` what belongs to the gateway's hop: the reserved keys, our receipts, the
/// progress token (ours replaces it) and `baggage`, which could carry data to a server unseen.
fn cleaned(params: &str) -> Result<Cow<'_, str>, WireError> {
    meta::strip(params, |key| {
        key.starts_with(RESERVED_PREFIX)
            || key.starts_with(RECEIPT_PREFIX)
            || key == "progressToken"
            || key == "baggage"
    })
}
