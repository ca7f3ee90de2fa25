//! What servers ask of hosts: sampling, elicitation, roots.
//!
//! A question is text of a server on its way to a person or a model, so that it takes the path of a
//! call in the other direction: is it offered, does the profile carry it, does it ask for something
//! that nobody should be asked, what does the shield say. The answer that comes back is judged like
//! arguments, because it leaves for a server.

mod secrets;

use std::borrow::Cow;

use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::error::WireError;
use portcullis_mcp::json::{Object, Span, Splice, quote};
use portcullis_mcp::meta::{self, RECEIPT_PREFIX, RESERVED_PREFIX};
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{ElicitMode, Params, view};
use portcullis_mcp::result;
use portcullis_shield::{Direction, Finding, Shield, Verdict};

use crate::refusal::{Reason, Refusal};
use crate::shield::{self, Judged};

/// How many questions one call may lead to. A server that asks on and on gets no more answers.
pub(crate) const MAX_QUESTIONS: usize = 32;

/// A question as a server put it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) server: &'a str,
    pub(crate) method: Method,
    pub(crate) params: Option<&'a str>,
}

/// What decides about a question.
pub(crate) struct Rules<'a> {
    pub(crate) shield: &'a Shield,
    /// What the client declared, as far as the profile carries it.
    pub(crate) capabilities: ClientCapabilities,
    /// Whether a person must be told which server asks, because the host sees only the gateway.
    pub(crate) attribute: bool,
}

/// A refused question: why, and what was found in it.
pub(crate) type Refused = (Refusal, Vec<Finding>);

/// Judges a question. Gives its params as the host may see them.
pub(crate) fn judge(asked: Asked<'_>, rules: &Rules<'_>) -> Result<Judged, Refused> {
    let params = rewritten(asked, rules).map_err(|refusal| (refusal, Vec::new()))?;
    let needed = ClientCapabilities::needed(asked.method, Some(&params)).map_err(broken)?;
    if needed.is_empty() || !rules.capabilities.contains(needed) {
        return Err((Refusal::new(Reason::QuestionNotOffered), Vec::new()));
    }
    shield::screen_reply(rules.shield, &params).map_err(|(refusal, findings)| {
        let reason = match refusal.reason() {
            Reason::ResultBlocked => Reason::QuestionBlocked,
            other => other,
        };
        (Refusal::new(reason), findings)
    })
}

/// The params less what a host must not be asked, and with what a person must be told.
fn rewritten(asked: Asked<'_>, rules: &Rules<'_>) -> Result<String, Refusal> {
    let text = asked.params.unwrap_or("{}");
    let whole = Span {
        start: 0,
        end: text.len(),
    };
    let protocol = |cause: WireError| Refusal::new(Reason::UpstreamProtocol).because(cause);
    let params = view(asked.method, Some(text)).map_err(protocol)?;
    let mut splice = Splice::new(text);
    let mut edit = |key: &str, value: Option<String>| {
        let edited = match value {
            Some(value) => splice.set_member(whole, key, value),
            None => splice.remove_member(whole, key),
        };
        edited.map_err(|cause| protocol(cause.into()))
    };
    let object = Object::parse(text).map_err(|cause| protocol(cause.into()))?;
    // Tasks of 2025-11-25 are not carried, in neither direction.
    if object.get("task").is_some() {
        edit("task", None)?;
    }
    match params {
        Params::CreateMessage(ask) if ask.include_context.is_some() => {
            // What other servers said stays with the host (2026-07-28, sampling).
            edit("includeContext", Some("\"none\"".to_owned()))?;
        }
        Params::Elicit(ask) => {
            match &ask.mode {
                ElicitMode::Form {
                    schema: (schema, _),
                } => {
                    if let Some(field) = secrets::asked_for(schema, &ask.message) {
                        return Err(Refusal::new(Reason::QuestionAsksForSecret)
                            .detail(format!("the field {}", quote(&field))));
                    }
                }
                ElicitMode::Url { url, .. } => check_url(url)?,
            }
            if rules.attribute {
                let message = format!("[{}] {}", asked.server, ask.message);
                edit("message", Some(quote(&message)))?;
            }
        }
        _ => {}
    }
    let text = splice.finish();
    let cleaned = meta::strip(&text, reserved).map_err(protocol)?;
    Ok(cleaned.into_owned())
}

/// Judges what a host answered, before a server gets it.
pub(crate) fn judge_answer(
    shield: &Shield,
    method: Method,
    result: &str,
) -> Result<Judged, Refused> {
    let unfit = |cause: WireError| {
        let refusal = Refusal::new(Reason::InvalidParams).because(cause);
        (refusal, Vec::new())
    };
    if method == Method::ElicitationCreate {
        result::elicit_action(result).map_err(unfit)?;
    }
    let object = Object::parse(result).map_err(|cause| unfit(cause.into()))?;
    let mut splice = Splice::new(result);
    let whole = Span {
        start: 0,
        end: result.len(),
    };
    if object.get("resultType").is_some() {
        splice
            .remove_member(whole, "resultType")
            .map_err(|cause| unfit(cause.into()))?;
    }
    let text = splice.finish();
    let text: Cow<'_, str> = meta::strip(&text, reserved).map_err(unfit)?;
    let screening = shield.screen(Direction::Argument, &text);
    match screening.verdict {
        Verdict::Block | Verdict::Hold => {
            Err((Refusal::new(Reason::ArgumentsBlocked), screening.findings))
        }
        verdict => Ok(Judged {
            text: screening.text.into_owned(),
            verdict,
            findings: screening.findings,
        }),
    }
}

/// What a person may be sent to: a page over TLS, or on this machine, without credentials in its
/// address (2026-07-28, elicitation, safe URL handling). The gateway never fetches it.
fn check_url(url: &str) -> Result<(), Refusal> {
    let refuse = |detail| Err(Refusal::new(Reason::QuestionUrl).detail(detail));
    let Ok(uri) = url.parse::<http::Uri>() else {
        return refuse("it is no absolute address");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return refuse("it is no absolute address");
    };
    if authority.as_str().contains('@') {
        return refuse("it holds user information");
    }
    let host = authority.host().trim_matches(['[', ']']);
    let loopback = host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if scheme != "https" && !(scheme == "http" && loopback) {
        return refuse("it is not https");
    }
    // A name that shows as other characters than it is written in can pass for another one.
    let punycode = host.split('.').any(|label| {
        label
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
    });
    if punycode {
        return refuse("its host is written in punycode");
    }
    Ok(())
}

/// Keys of `_meta` that belong to one hop.
fn reserved(key: &str) -> bool {
    key.starts_with(RESERVED_PREFIX)
        || key.starts_with(RECEIPT_PREFIX)
        || key == "progressToken"
        || key == "baggage"
}

fn broken(cause: WireError) -> Refused {
    let refusal = Refusal::new(Reason::UpstreamProtocol).because(cause);
    (refusal, Vec::new())
}

#[cfg(test)]
mod tests;
