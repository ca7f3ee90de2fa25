//! A gateway whose public address is known before it starts, because tokens are for it.

use std::net::TcpListener;

use serde_json::Value;

use crate::binary::{self, Running, eventually};
use crate::http::{self, Answer};
use crate::place::Place;

/// The tool that every client calls, of the lab's server `quotes`.
pub(crate) const TOOL: &str = "today";
/// The profile with that server.
pub(crate) const PROFILE: &str = "research";

/// A place for a gateway at a port of its own.
pub(crate) struct World {
    pub(crate) place: Place,
    port: u16,
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) process: Running,
}

impl World {
    pub(crate) fn new() -> Self {
        let place = Place::new("");
        // Free now, and taken by nobody else: the system gives out every other port first.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        Self { place, port }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where clients find the profile.
    pub(crate) fn url(&self) -> String {
        format!("{}/mcp/{PROFILE}", self.base())
    }

    /// Writes the configuration: `issuers` is sections of `[authn.issuers]`, `profile` what stands in
    /// the profile's section.
    pub(crate) fn configure(&self, issuers: &str, profile: &str) {
        let text = format!(
            "[listen]\naddress = \"{address}\"\npublic-url = \"{base}\"\n\
             [registry]\nmode = \"trust-on-first-use\"\n{issuers}\n\
             [servers.quotes]\ncommand = {binary:?}\nargs = [\"lab\", \"quotes\"]\nisolation = \"shared\"\n\
             [profiles.{PROFILE}]\nservers = [\"quotes\"]\n{profile}\n",
            address = self.address(),
            base = self.base(),
            binary = binary::path(),
        );
        self.place.write("portcullis.toml", &text);
    }

    pub(crate) fn serve(&self) -> Gateway {
        let (process, address) = self.place.serve();
        assert_eq!(address, self.address());
        Gateway { process }
    }

    /// What stands in a document of the gateway.
    pub(crate) fn document(&self, path: &str) -> Value {
        self.get(path, "").json()
    }

    /// A GET, with header lines.
    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        let address = self.address();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
        http::send(&address, &request)
    }

    /// What the profile says about itself as a resource.
    pub(crate) fn resource(&self) -> Value {
        self.document(&format!(
            "/.well-known/oauth-protected-resource/mcp/{PROFILE}"
        ))
    }
}

impl Gateway {
    /// Has the configuration read again, and waits until `seen` finds it in force.
    pub(crate) fn reload(&self, seen: impl Fn() -> bool) {
        let id = rustix::process::Pid::from_child(&self.process.child);
        rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
        eventually("the new configuration is in force", || seen().then_some(()));
    }
}
