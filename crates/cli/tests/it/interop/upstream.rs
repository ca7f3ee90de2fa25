//! Servers that the gateway itself reaches over HTTP: Streamable HTTP in both eras, and the old
//! HTTP+SSE.

use super::pair::{Route, Work, carry_out_all};
use super::peers::{Peers, free_port, strings};
use crate::binary::{Running, eventually, scrubbed};

/// The servers that speak HTTP, each started on a port of its own.
fn over_http(mut peers: Peers) -> (Peers, Vec<Running>) {
    let mut running = Vec::new();
    let home = peers.home();
    peers.servers.retain(|_, server| server.http.is_some());
    for server in peers.servers.values_mut() {
        let port = free_port();
        let text = server
            .http
            .take()
            .unwrap()
            .to_string()
            .replace("{port}", &port.to_string());
        let http: serde_json::Value = serde_json::from_str(&text).unwrap();
        let line = strings(&http["command"]);
        let mut command = scrubbed(&line[0], &home);
        command
            .args(&line[1..])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null());
        for (key, value) in http["env"].as_object().unwrap() {
            command.env(key, value.as_str().unwrap());
        }
        running.push(Running::start(command));
        eventually("the server listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        server.url = Some(http["url"].as_str().unwrap().to_owned());
    }
    (peers, running)
}

#[test]
fn upstreams_over_http() {
    let Some(peers) = super::peers() else { return };
    let (peers, _running) = over_http(peers);
    let mut work = Vec::new();
    for server in peers.servers.keys() {
        for (client, era) in [("ts1", "legacy"), ("ts2", "modern"), ("py2", "auto")] {
            work.push(Work::new(client, era, server, Route::Http));
        }
    }
    work.push(Work::merged("ts2", "auto", "modern", Route::Http));
    carry_out_all(&peers, work);
}

/// The reference server also speaks the transport of 2024-11-05; the gateway finds that out.
#[test]
fn an_upstream_over_the_old_transport() {
    let Some(mut peers) = super::peers() else {
        return;
    };
    peers.servers.retain(|name, _| name == "everything");
    for server in peers.servers.values_mut() {
        let http = server.http.as_mut().unwrap();
        assert_eq!(http["command"][2], "streamableHttp");
        http["command"][2] = "sse".into();
        http["url"] = "http://127.0.0.1:{port}/sse".into();
    }
    let (peers, _running) = over_http(peers);
    let work = [("ts1", "legacy"), ("ts2", "modern")]
        .map(|(client, era)| Work::new(client, era, "everything", Route::Http));
    carry_out_all(&peers, work.into());
}
