//! A real authorization server (npm `oidc-provider`, `interop/authorization/server.mjs`).
//!
//! It runs only when `PORTCULLIS_INTEROP` names the folder of the peers (`cargo xtask peers`) and
//! `RUN_SLOW_TESTS` is 1.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A running server. It ends with this value.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    _child: Child,
}

impl Provider {
    /// Starts one, or says why not.
    #[expect(clippy::print_stderr, reason = "says why a test does nothing")]
    pub(crate) async fn start(config: Value) -> Option<Self> {
        let folder = std::env::var_os("PORTCULLIS_INTEROP").filter(|folder| !folder.is_empty());
        let slow = std::env::var_os("RUN_SLOW_TESTS").is_some_and(|value| value == "1");
        let Some(folder) = folder.filter(|_| slow) else {
            eprintln!(
                "skipped: the authorization server needs RUN_SLOW_TESTS=1 and PORTCULLIS_INTEROP=<absolute path \
                 of interop/>, and `cargo xtask peers` before"
            );
            return None;
        };
        let folder = Path::new(&folder);
        let node = folder.join("node_modules/node22/bin/node");
        let node = if node.exists() { node } else { "node".into() };
        let mut child = Command::new(node)
            .arg(folder.join("authorization/server.mjs"))
            .arg("--config")
            .arg(config.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line())
            .await
            .expect("the server starts within a minute")
            .unwrap()
            .expect("the server says where it is");
        let ready: Value = serde_json::from_str(&line).unwrap();
        Some(Self {
            issuer: ready["issuer"].as_str().unwrap().to_owned(),
            _child: child,
        })
    }
}
