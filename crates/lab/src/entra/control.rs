//! The lab's own endpoints, for tests in other processes: what the Rust API does, over HTTP.
//!
//! | Request | Body | Answer |
//! |---|---|---|
//! | `POST /lab/rotate` | | `{"kid"}` of the new key |
//! | `POST /lab/retire` | | keys that are no longer used are no longer published |
//! | `POST /lab/policies` | a [`Policy`] | |
//! | `DELETE /lab/policies` | | |
//! | `POST /lab/mint` | `{"claims", "header"?}` | `{"token"}` |
//! | `POST /lab/claims` | `{"user"?, "client", "scope"}` | `{"claims"}` as Entra would issue them |
//! | `POST /lab/revoke` | `{"user"}` | refresh tokens of the person no longer work |
//! | `POST /lab/time` | `{"now"}`, or nothing | the clock stands, or goes again |

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::settings::Policy;
use super::state::State;
use crate::web::{Answer, Asked, lock};

pub(super) fn answer(state: &Arc<State>, action: &str, asked: &Asked) -> Answer {
    let body = asked.json();
    let done = match (asked.method.as_str(), action) {
        ("POST", "rotate") => state
            .rotate()
            .map(|()| json!({"kid": lock(&state.keys).current.kid()}))
            .map_err(|error| error.to_string()),
        ("POST", "retire") => {
            lock(&state.keys).previous.clear();
            Ok(json!({}))
        }
        ("POST", "policies") => serde_json::from_value::<Policy>(body)
            .map(|policy| lock(&state.policies).push(policy))
            .map(|()| json!({}))
            .map_err(|error| error.to_string()),
        ("DELETE", "policies") => {
            lock(&state.policies).clear();
            Ok(json!({}))
        }
        ("POST", "mint") => {
            let claims = body.get("claims").unwrap_or(&Value::Null);
            match body.get("header") {
                Some(header) => lock(&state.keys).current.sign(header, claims),
                None => state.sign(claims),
            }
            .map(|token| json!({"token": token}))
            .map_err(|error| error.to_string())
        }
        ("POST", "claims") => {
            let text = |name| body.get(name).and_then(Value::as_str);
            let (client, scope) = (text("client"), text("scope"));
            state
                .claims_for(
                    text("user"),
                    client.unwrap_or_default(),
                    scope.unwrap_or_default(),
                )
                .map(|claims| json!({"claims": claims}))
                .map_err(|error| error.to_string())
        }
        ("POST", "revoke") => {
            let user = body.get("user").and_then(Value::as_str);
            state.revoke(user.unwrap_or_default());
            Ok(json!({}))
        }
        ("POST", "time") => {
            *lock(&state.fixed_time) = body.get("now").and_then(Value::as_u64);
            Ok(json!({}))
        }
        _ => return Answer::not_found(),
    };
    match done {
        Ok(body) => Answer::json(StatusCode::OK, &body),
        Err(error) => Answer::json(StatusCode::BAD_REQUEST, &json!({"error": error})),
    }
}
