//! Unmodified clients against unmodified servers through the built binary.
//!
//! Every client works with every server over HTTP (`serve`) and over standard input and output
//! (`serve --stdio`): it lists, calls a tool, reads a resource, gets a prompt. Each answer is held
//! against `peers.json` and against what the same server answers without a gateway, and each
//! message that was seen on the wire against the audit trail.
//!
//! These tests need the peers of `interop/` (`cargo xtask peers`) and run only when
//! `PORTCULLIS_INTEROP` names that folder and `RUN_SLOW_TESTS` is 1.

mod pair;
mod peers;
mod record;
mod relay;
mod rmcp_client;
mod setup;
mod upstream;

use pair::{Route, Work, carry_out_all};
use peers::Peers;

/// The peers, or `None` with a line that says why not.
fn peers() -> Option<Peers> {
    let folder = std::env::var_os("PORTCULLIS_INTEROP").filter(|folder| !folder.is_empty());
    let slow = std::env::var_os("RUN_SLOW_TESTS").is_some_and(|value| value == "1");
    match (slow, folder) {
        (true, Some(folder)) => Some(Peers::load(folder.as_ref())),
        _ => {
            eprintln!(
                "skipped: interoperability needs RUN_SLOW_TESTS=1 and PORTCULLIS_INTEROP=<absolute path of interop/>, \
                 and `cargo xtask peers` before"
            );
            None
        }
    }
}

/// One client against every server by itself, and against all of them merged into one profile.
///
/// The era that the client finds by itself is tried everywhere, the others where `eras` says.
fn every_server(client: &str, route: Route, eras: &[(&str, &[&str])]) {
    let Some(peers) = peers() else { return };
    let names: Vec<String> = peers.servers.keys().cloned().collect();
    let mut work = Vec::new();
    for (era, only) in eras {
        for server in &names {
            if only.is_empty() || only.contains(&server.as_str()) {
                work.push(Work::new(client, era, server, route));
            }
        }
    }
    // Of all merged, the gateway on a pipe starts every server anew for each host.
    let merged = match route {
        Route::Http => ONE_OF_EACH,
        Route::Stdio | Route::Wrap => &ONE_OF_EACH[..1],
    };
    for server in merged {
        work.push(Work::merged(client, eras[0].0, server, route));
    }
    carry_out_all(&peers, work);
}

const ALL: &[&str] = &[];
/// The server with the most to offer in the legacy era, and the one that knows no other era.
const ONE_OF_EACH: &[&str] = &["everything", "modern"];

#[test]
fn typescript_1_over_http() {
    every_server("ts1", Route::Http, &[("legacy", ALL)]);
}

#[test]
fn typescript_1_over_stdio() {
    every_server("ts1", Route::Stdio, &[("legacy", ALL)]);
}

#[test]
fn typescript_2_over_http() {
    every_server(
        "ts2",
        Route::Http,
        &[("auto", ALL), ("legacy", ALL), ("modern", ALL)],
    );
}

#[test]
fn typescript_2_over_stdio() {
    every_server(
        "ts2",
        Route::Stdio,
        &[
            ("auto", ALL),
            ("legacy", ONE_OF_EACH),
            ("modern", ONE_OF_EACH),
        ],
    );
}

#[test]
fn python_1_over_http() {
    every_server("py1", Route::Http, &[("legacy", ALL)]);
}

#[test]
fn python_1_over_stdio() {
    every_server("py1", Route::Stdio, &[("legacy", ALL)]);
}

#[test]
fn python_2_over_http() {
    every_server(
        "py2",
        Route::Http,
        &[("auto", ALL), ("legacy", ALL), ("modern", ALL)],
    );
}

#[test]
fn python_2_over_stdio() {
    every_server(
        "py2",
        Route::Stdio,
        &[
            ("auto", ALL),
            ("legacy", ONE_OF_EACH),
            ("modern", ONE_OF_EACH),
        ],
    );
}

#[test]
fn rmcp_over_http() {
    every_server(
        "rmcp",
        Route::Http,
        &[("auto", ALL), ("legacy", ALL), ("modern", ALL)],
    );
}

#[test]
fn rmcp_over_stdio() {
    every_server(
        "rmcp",
        Route::Stdio,
        &[("auto", ALL), ("legacy", ALL), ("modern", ALL)],
    );
}

#[test]
fn inspector_over_http() {
    every_server(
        "inspector",
        Route::Http,
        &[
            ("auto", ALL),
            ("legacy", ONE_OF_EACH),
            ("modern", ONE_OF_EACH),
        ],
    );
}

#[test]
fn inspector_over_stdio() {
    every_server("inspector", Route::Stdio, &[("auto", ALL)]);
}

/// `wrap -- CMD` in place of the server's command, with nothing else changed.
#[test]
fn wrapped_servers() {
    let Some(peers) = peers() else { return };
    let mut work = Vec::new();
    for client in ["ts1", "py1"] {
        for server in peers.servers.keys() {
            work.push(Work::new(client, "legacy", server, Route::Wrap));
        }
    }
    carry_out_all(&peers, work);
}
