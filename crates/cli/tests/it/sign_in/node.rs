//! Programs of `interop/authorization`: they say in one line of JSON where they are, and end with
//! their standard input.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::binary::scrubbed;

/// A running program. It ends with this value.
pub(super) struct Program {
    child: Child,
    pub(super) ready: Value,
}

impl Program {
    fn start(interop: &Path, name: &str, arguments: &[&str], home: &Path) -> Self {
        // The version that `oidc-provider` supports, where npm has it for this system.
        let carried = interop.join("node_modules/node22/bin/node");
        let node = if carried.exists() {
            carried
        } else {
            "node".into()
        };
        let mut child = scrubbed(node, home)
            .arg(interop.join("authorization").join(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{name} says {line:?}"));
        Self { child, ready }
    }

    /// The real authorization server. Its `public` client is known beforehand, the one of `document`
    /// by its document.
    pub(super) fn provider(interop: &Path, home: &Path, seconds: u64, document: &str) -> Self {
        let config = json!({
            "accessTokenSeconds": seconds,
            "documents": {document: {
                "client_id": document,
                "client_name": "Interop host",
                "application_type": "native",
                "redirect_uris": ["http://127.0.0.1/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }},
        });
        let config = config.to_string();
        Self::start(interop, "server.mjs", &["--config", &config], home)
    }

    /// A client's document, over TLS.
    pub(super) fn document(interop: &Path, home: &Path, certificate: &str, key: &str) -> Self {
        let arguments = ["--certificate", certificate, "--key", key];
        Self::start(interop, "document.mjs", &arguments, home)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ended = self.child.wait();
    }
}
