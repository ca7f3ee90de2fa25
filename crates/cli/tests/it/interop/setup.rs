//! One configuration with every server as a profile of its own, and all of them merged into one.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::peers::{Peers, Server};
use crate::place::Place;

/// The profile that has every server.
pub(super) const MERGED: &str = "all";
/// The API key that every client over HTTP carries; each has its own principal by its name.
pub(super) fn key(principal: &str) -> String {
    format!("pcl_interop_{principal}")
}

/// A gateway's folder, with API keys for these principals.
pub(super) fn place(peers: &Peers, principals: &[String]) -> Place {
    let mut text = String::from(
        "[listen]\naddress = \"127.0.0.1:0\"\n# Clients come through a relay, which has another port.\n\
         allowed-hosts = [\"127.0.0.1\"]\n[registry]\nmode = \"trust-on-first-use\"\n",
    );
    for principal in principals {
        let hash: String = Sha256::digest(key(principal))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(
            text,
            "[[authn.key]]\nname = \"{principal}\"\nhash = \"sha256:{hash}\""
        )
        .unwrap();
    }
    for (name, server) in &peers.servers {
        match &server.url {
            Some(url) => writeln!(text, "[servers.{name}]\nurl = {url:?}").unwrap(),
            None => text.push_str(&stdio(name, server)),
        }
        writeln!(
            text,
            "isolation = \"shared\"\n[profiles.{name}]\nservers = [\"{name}\"]"
        )
        .unwrap();
    }
    let all: Vec<String> = peers.servers.keys().cloned().collect();
    writeln!(
        text,
        "[profiles.{MERGED}]\nservers = {}",
        serde_json::to_string(&all).unwrap()
    )
    .unwrap();
    Place::new(&text)
}

fn stdio(name: &str, server: &Server) -> String {
    let (command, arguments) = server.command.split_first().unwrap();
    let env: Vec<String> = server
        .env
        .iter()
        .map(|(key, value)| format!("{key} = {value:?}"))
        .collect();
    // A JSON array of strings is TOML too.
    format!(
        "[servers.{name}]\ncommand = {command:?}\nargs = {}\nplain-env = {{ {} }}\n",
        serde_json::to_string(arguments).unwrap(),
        env.join(", ")
    )
}
