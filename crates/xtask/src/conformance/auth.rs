//! The scenarios in which the server asks its client to sign in. The client is Portcullis: what it
//! is told about the suite's server follows from what the suite tells its clients.

use std::env;

use serde_json::Value;

const FOLDER: &str = "auth/";
/// The client id that the suite wants to see. Nobody publishes a document there, and nobody asks.
const DOCUMENT: &str = "https://conformance-test.local/client-metadata.json";

/// How Portcullis signs in at the suite's server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignIn {
    /// `[servers.everything.auth]`, with the secret in the file `secret`.
    pub(super) section: String,
    pub(super) secret: String,
}

/// The scenarios of this kind, and the others.
pub(super) fn apart(scenarios: Vec<String>) -> (Vec<String>, Vec<String>) {
    scenarios
        .into_iter()
        .partition(|scenario| scenario.starts_with(FOLDER))
}

/// What the suite's variables say.
///
/// # Errors
/// When they say something that no scenario does.
pub(super) fn of_scenario() -> Result<Option<SignIn>, String> {
    let scenario = env::var("MCP_CONFORMANCE_SCENARIO").unwrap_or_default();
    let context = env::var("MCP_CONFORMANCE_CONTEXT").unwrap_or_else(|_| "{}".to_owned());
    let Some(name) = scenario.strip_prefix(FOLDER) else {
        return Ok(None);
    };
    let context = serde_json::from_str(&context)
        .map_err(|error| format!("MCP_CONFORMANCE_CONTEXT: {error}"))?;
    Ok(Some(sign_in(name, &context)))
}

fn sign_in(name: &str, context: &Value) -> SignIn {
    let text = |member: &str| {
        let value = context.get(member).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let id = text("client_id");
    let section = |lines: &[String]| {
        let lines = lines.join("\n");
        format!("[servers.everything.auth]\n{lines}\n")
    };
    let known = |kind: &str, proof: &str| {
        section(&[
            format!("kind = \"{kind}\""),
            format!("client-id = \"{id}\""),
            format!("{proof} = \"file:secret\""),
        ])
    };
    match name {
        "client-credentials-basic" => SignIn {
            section: known("client-credentials", "client-secret"),
            secret: text("client_secret"),
        },
        "client-credentials-jwt" => SignIn {
            section: known("client-credentials", "key"),
            secret: text("private_key_pem"),
        },
        "pre-registration" => SignIn {
            section: known("user-grant", "client-secret"),
            secret: text("client_secret"),
        },
        "basic-cimd" => SignIn {
            section: section(&[
                "kind = \"user-grant\"".to_owned(),
                format!("client-document = \"{DOCUMENT}\""),
            ]),
            secret: String::new(),
        },
        _ => SignIn {
            section: section(&["kind = \"user-grant\"".to_owned()]),
            secret: String::new(),
        },
    }
}

#[cfg(test)]
mod tests;
