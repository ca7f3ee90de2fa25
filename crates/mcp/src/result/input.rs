//! Multi-round-trip requests (2026-07-28, "MRTR"): what a server asks for inside a result, and what
//! the client answers.

use std::borrow::Cow;

use super::{ResultType, View, fault, result_type};
use crate::error::{Fault, WireError};
use crate::json::{self, JsonKind, Object, Span};
use crate::method::Method;
use crate::params::{self, Raw};

/// An `input_required` result. Spans are relative to the result's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRequired<'a> {
    /// What the client must answer, in the server's order.
    pub requests: Vec<InputRequest<'a>>,
    /// The opaque state that the client brings along when it asks again, and where its string stands.
    pub request_state: Option<(Cow<'a, str>, Span)>,
}

/// One request of a server inside a result. Spans are relative to the result's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRequest<'a> {
    /// What the answer is known by.
    pub key: Cow<'a, str>,
    /// `sampling/createMessage`, `elicitation/create` or `roots/list`.
    pub method: Method,
    /// A raw object that fits the method.
    pub params: Option<Raw<'a>>,
    /// Where the whole request stands, without its key.
    pub span: Span,
}

/// Reads an `input_required` result.
///
/// # Errors
/// [`WireError::Result`] when it is another kind of result; when it asks for nothing and has no
/// state; when it asks for something else than the three methods that may be asked for; and when
/// params do not fit their method.
pub fn input_required(result: &str) -> Result<InputRequired<'_>, WireError> {
    let view = View::of(
        result,
        "result",
        &["resultType", "inputRequests", "requestState"],
    )?;
    if result_type(&view.object)? != ResultType::InputRequired {
        return Err(fault("resultType", Fault::NotAllowed));
    }
    let requests = input_requests(&view)?;
    let request_state = view.string_at("requestState")?;
    if requests.is_empty() && request_state.is_none() {
        return Err(fault("inputRequests", Fault::Missing));
    }
    Ok(InputRequired {
        requests,
        request_state,
    })
}

/// The text of an `input_required` result. Each request is a key, a method and its raw params, which
/// are left out where they are empty.
pub fn write_input_required(
    requests: &[(&str, Method, &str)],
    request_state: Option<&str>,
) -> String {
    let mut out = r#"{"resultType":"input_required""#.to_owned();
    if !requests.is_empty() {
        let requests: Vec<String> = requests
            .iter()
            .map(|(key, method, params)| {
                let params = if params.is_empty() {
                    String::new()
                } else {
                    format!(r#","params":{params}"#)
                };
                format!(r#"{}:{{"method":"{method}"{params}}}"#, json::quote(key))
            })
            .collect();
        out.push_str(&format!(r#","inputRequests":{{{}}}"#, requests.join(",")));
    }
    if let Some(state) = request_state {
        out.push_str(&format!(r#","requestState":{}"#, json::quote(state)));
    }
    out.push('}');
    out
}

/// Reads the raw object `inputResponses` of a retry or of `tasks/update`: the answers by their keys.
/// Spans are relative to `raw`.
///
/// # Errors
/// [`WireError::Params`] when it, or one of the answers, is not an object.
pub fn input_responses(raw: &str) -> Result<Vec<(Cow<'_, str>, Raw<'_>)>, WireError> {
    let refuse = || WireError::Params {
        member: "inputResponses",
        fault: Fault::Expected(JsonKind::Object),
    };
    let object = Object::parse(raw).map_err(|_| refuse())?;
    object
        .members()
        .iter()
        .map(|member| match json::kind(member.value) {
            JsonKind::Object => Ok((member.key.clone(), (member.value, member.value_span))),
            _ => Err(refuse()),
        })
        .collect()
}

/// Reads what a client answered to `elicitation/create`: `accept`, `decline` or `cancel`.
///
/// # Errors
/// [`WireError::Result`] when it is none of the three, or there is none.
pub fn elicit_action(result: &str) -> Result<Cow<'_, str>, WireError> {
    let view = View::of(result, "result", &["action", "content"])?;
    let action = view
        .string("action")?
        .ok_or(fault("action", Fault::Missing))?;
    if ["accept", "decline", "cancel"].contains(&&*action) {
        Ok(action)
    } else {
        Err(fault("action", Fault::NotAllowed))
    }
}

/// The member `inputRequests` of a result or a task; empty when there is none.
pub(super) fn input_requests<'a>(view: &View<'a>) -> Result<Vec<InputRequest<'a>>, WireError> {
    const NAME: &str = "inputRequests";
    let Some((raw, at)) = view.object_at(NAME)? else {
        return Ok(Vec::new());
    };
    let object = Object::parse(raw).map_err(|_| fault(NAME, Fault::Expected(JsonKind::Object)))?;
    object
        .members()
        .iter()
        .map(|member| {
            let span = member.value_span.within(at.start);
            let request = View::of(member.value, NAME, &["method", "params"])?;
            let method = request
                .string("method")?
                .ok_or(fault("method", Fault::Missing))?;
            let method = Method::parse(&method)
                .filter(|method| askable(*method))
                .ok_or(fault("method", Fault::NotAllowed))?;
            let params = request.object_at("params")?;
            params::view(method, params.map(|(raw, _)| raw)).map_err(in_result)?;
            Ok(InputRequest {
                key: member.key.clone(),
                method,
                params: params.map(|(raw, inner)| (raw, inner.within(span.start))),
                span,
            })
        })
        .collect()
}

/// Whether a server may ask for it inside a result (schema, `InputRequest`).
fn askable(method: Method) -> bool {
    matches!(
        method,
        Method::SamplingCreateMessage | Method::ElicitationCreate | Method::RootsList
    )
}

/// What is wrong with the params of a request inside a result is wrong with the result.
fn in_result(error: WireError) -> WireError {
    match error {
        WireError::Params { member, fault } => WireError::Result { member, fault },
        other => other,
    }
}

#[cfg(test)]
mod tests;
