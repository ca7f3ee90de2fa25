//! The lab against itself: every server through the host's client, and every scenario without a gateway.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod browse;
mod entra;
mod host;
mod identity_provider;
mod issuers;
mod servers;
mod story;

use std::path::{Path, PathBuf};

use portcullis_lab::ServerKind;
use portcullis_lab::host::{Client, Connection};

fn exe() -> PathBuf {
    env!("CARGO_BIN_EXE_portcullis-lab").into()
}

fn stdio(kind: ServerKind, env: &[(&str, &str)]) -> Connection {
    Connection::Stdio {
        command: exe(),
        args: vec!["lab".into(), kind.as_str().into()],
        env: env
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
    }
}

async fn connect(kind: ServerKind, env: &[(&str, &str)]) -> Client {
    Client::connect(kind.as_str(), &stdio(kind, env))
        .await
        .unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
