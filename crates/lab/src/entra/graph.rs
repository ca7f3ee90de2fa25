//! Microsoft Graph, as far as group membership goes.
//!
//! Source: Microsoft Graph v1.0, "directoryObject: getMemberObjects" and "Microsoft Graph error responses".

use std::sync::Arc;

use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use super::directory::{GRAPH_APP, GRAPH_URI, Tenant};
use super::state::State;
use crate::jose::{self, Parts};
use crate::web::{Answer, Asked};

const CHALLENGE: HeaderName = http::header::WWW_AUTHENTICATE;
/// Any of these lets a token read a person's groups.
const PERMISSIONS: [&str; 4] = [
    "GroupMember.Read.All",
    "Group.Read.All",
    "User.Read.All",
    "Directory.Read.All",
];

/// Answers one request to Graph.
pub(super) fn answer(state: &Arc<State>, asked: &Asked) -> Answer {
    if let Some(refusal) = state.outage("graph") {
        let down = refusal.to_answer(&super::refusal::Ids::new(state.now(), None));
        let code = match down.status {
            StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
            _ => "serviceNotAvailable",
        };
        let mut error = error(
            down.status,
            code,
            "Please retry after the time in the header.",
        );
        let retry = down
            .headers
            .into_iter()
            .filter(|(name, _)| *name == http::header::RETRY_AFTER);
        error.headers.extend(retry);
        return error;
    }
    let tenant = match caller(state, asked) {
        Ok(tenant) => tenant,
        Err(answer) => return answer,
    };
    let segments: Vec<&str> = asked.path.split('/').skip(1).collect();
    match (asked.method.as_str(), segments.as_slice()) {
        ("POST", ["v1.0", "users", user, "getMemberObjects"]) => {
            let body = asked.json();
            if !body
                .get("securityEnabledOnly")
                .is_some_and(Value::is_boolean)
            {
                let text = "A value must be provided for parameter 'securityEnabledOnly'.";
                return error(StatusCode::BAD_REQUEST, "Request_BadRequest", text);
            }
            match tenant.user(user) {
                Some(user) => Answer::json(
                    StatusCode::OK,
                    &json!({
                        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)",
                        "value": user.groups,
                    }),
                ),
                None => error(
                    StatusCode::NOT_FOUND,
                    "Request_ResourceNotFound",
                    &format!(
                        "Resource '{user}' does not exist or one of its queried reference-property objects are not \
                         present."
                    ),
                ),
            }
        }
        _ => error(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "Resource not found for the segment.",
        ),
    }
}

/// The tenant of a token that may ask.
fn caller<'a>(state: &'a State, asked: &Asked) -> Result<&'a Tenant, Answer> {
    let refused = |text: &str| {
        let answer = error(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", text);
        answer.with(
            CHALLENGE,
            format!(
                "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", client_id=\"{GRAPH_APP}\"",
                state.endpoints
            ),
        )
    };
    let token = asked
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| refused("Access token is empty."))?;
    let parts = Parts::read(token).ok_or_else(|| refused("IDX14100: JWT is not well formed."))?;
    if !state.is_own(token) {
        return Err(refused("Signature validation failed."));
    }
    if !matches!(parts.claim("aud"), GRAPH_URI | GRAPH_APP) {
        return Err(refused(
            "Access token validation failure. Invalid audience.",
        ));
    }
    let expires = parts.claims.get("exp").and_then(Value::as_u64);
    if expires.is_none_or(|expires| expires < state.now()) {
        return Err(refused("Lifetime validation failed, the token is expired."));
    }
    let tenant = state
        .tenant(parts.claim("tid"))
        .ok_or_else(|| refused("Invalid tenant."))?;
    let roles = parts.claims.get("roles").and_then(Value::as_array);
    let may = roles
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .chain(parts.claim("scp").split(' '))
        .any(|permission| PERMISSIONS.contains(&permission));
    if !may {
        return Err(error(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        ));
    }
    Ok(tenant)
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let request = jose::random_guid();
    Answer::json(
        status,
        &json!({"error": {
            "code": code,
            "message": message,
            "innerError": {"request-id": request, "client-request-id": request},
        }}),
    )
}
