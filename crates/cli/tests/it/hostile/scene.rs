//! The gateway between hostile servers and hostile clients, and what must hold afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use portcullis_lab::hostile::{Listening, Offer};
use serde_json::{Value, json};

use super::figures::{self, Figures};
use super::raw::{Post, Reply};
use crate::binary::{self, PATIENCE, Running, eventually, is_alive};
use crate::place::Place;

/// Each server, and the profile that serves it alone, has the name of its transport and era.
pub(crate) const SERVERS: [&str; 4] =
    ["stdio-legacy", "stdio-modern", "http-legacy", "http-modern"];

/// The servers on a pipe.
pub(crate) const STDIO: [&str; 2] = ["stdio-legacy", "stdio-modern"];

/// The servers that are reached over HTTP.
pub(crate) const HTTP: [&str; 2] = ["http-legacy", "http-modern"];

/// The keys of two people; the hashes are in the configuration.
pub(crate) const ADA: &str = "ada-key";
pub(crate) const BOB: &str = "bob-key";

/// A running gateway with the hostile server in both eras on both transports.
pub(crate) struct Scene {
    place: Place,
    gateway: Running,
    pub(crate) address: String,
    http: Listening,
    sent: AtomicUsize,
}

impl Scene {
    /// Servers whose requests time out after two seconds.
    pub(crate) fn new() -> Self {
        Self::with(Offer::Usual, "", "2s")
    }

    pub(crate) fn with(offer: Offer, mode: &str, timeout: &str) -> Self {
        Self::start(offer, mode, timeout, Place::serve)
    }

    /// A gateway that may have no more open files than this.
    pub(crate) fn with_open_files(limit: usize) -> Self {
        Self::start(Offer::Usual, "", "2s", |place| {
            let script = format!("ulimit -n {limit}; exec {} serve", binary::path());
            let mut command = binary::scrubbed("sh", place.path());
            command.args(["-c", &script]);
            let running = Running::start(command);
            let address = running.address();
            (running, address)
        })
    }

    fn start(
        offer: Offer,
        mode: &str,
        timeout: &str,
        serve: impl FnOnce(&Place) -> (Running, String),
    ) -> Self {
        let http = Listening::start(offer).unwrap();
        let place = Place::new(&configuration(&http.url(), mode, timeout));
        let (gateway, address) = serve(&place);
        Self {
            place,
            gateway,
            address,
            http,
            sent: AtomicUsize::new(0),
        }
    }

    /// The gateway's process id.
    pub(crate) fn process(&self) -> u32 {
        self.gateway.child.id()
    }

    pub(crate) fn stderr(&self) -> String {
        self.gateway.stderr()
    }

    /// Counts messages that are sent outside of [`Scene::call`].
    pub(crate) fn count(&self, messages: usize) {
        self.sent.fetch_add(messages, Ordering::SeqCst);
    }

    /// Sends a request and counts it.
    #[track_caller]
    pub(crate) fn send(&self, post: Post) -> Reply {
        self.count(1);
        post.send(&self.address)
    }

    /// Calls a tool of the hostile server.
    #[track_caller]
    pub(crate) fn call(&self, profile: &str, tool: &str, arguments: Value) -> Reply {
        self.send(self.post(profile, tool, arguments))
    }

    pub(crate) fn post(&self, profile: &str, tool: &str, arguments: Value) -> Post {
        Post::call(&self.address, profile, tool, arguments)
    }

    /// A good call must get its good answer.
    #[track_caller]
    pub(crate) fn good_call(&self, profile: &str) {
        let text = format!("good for {}", self.sent.load(Ordering::SeqCst));
        let reply = self.call(profile, "echo", json!({"text": text}));
        assert_eq!(reply.end(), text, "{profile}: {reply:?}\n{}", self.stderr());
    }

    /// Does something hostile to or through these servers. Afterwards the gateway must work as before and hold no
    /// more than before.
    #[track_caller]
    pub(crate) fn case(&self, what: &str, profiles: &[&str], act: impl FnOnce()) {
        profiles.iter().for_each(|profile| self.good_call(profile));
        let before = Figures::of(self.process());
        let started = Instant::now();
        act();
        let took = started.elapsed();
        profiles.iter().for_each(|profile| self.good_call(profile));
        self.nothing_is_left(what, &before);
        eprintln!(
            "{what}: {:.1} s, {} MiB resident",
            took.as_secs_f64(),
            figures::resident(self.process()) / 1024
        );
    }

    /// Waits until the gateway holds no more than `before`.
    #[track_caller]
    pub(crate) fn nothing_is_left(&self, what: &str, before: &Figures) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Figures::of(self.process());
            if now.fit(before) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{what} left something behind: {before:?} became {now:?}\n{}",
                self.stderr()
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// The entries of the trail up to now, once they are in the store and closed. It adds one of its own, which is
    /// the sign that all before it have come.
    #[track_caller]
    pub(crate) fn trail(&self) -> Vec<Value> {
        let mark = format!("mark-{}", self.sent.load(Ordering::SeqCst));
        let body = json!({"jsonrpc": "2.0", "id": mark, "method": "no/such/method"});
        self.send(Post::body(&self.address, SERVERS[0], body.to_string()));
        let is_mark = |entry: &Value| {
            let id = entry["opened"]["rpc_id"].as_str();
            id.is_some_and(|id| id.trim_matches('"') == mark)
        };
        let query = ["audit", "query", "--json", "--limit", "100000"];
        let deadline = Instant::now() + PATIENCE;
        loop {
            let trail = crate::place::trail(&self.place.run(&query).fine());
            let open: Vec<&Value> = trail
                .iter()
                .filter(|entry| entry["closed"].is_null())
                .collect();
            let complete = trail.iter().any(is_mark);
            if open.is_empty() && complete {
                return trail;
            }
            assert!(
                Instant::now() < deadline,
                "open: {open:?} of {}",
                trail.len()
            );
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// Ends the scene: one closed entry for each message, no process left.
    #[track_caller]
    pub(crate) fn finish(self) {
        let trail = self.trail();
        let sent = self.sent.load(Ordering::SeqCst);
        assert_eq!(trail.len(), sent, "{}", listed(&trail));
        self.end(&trail);
    }

    /// As [`Scene::finish`], where nobody can say how many messages the gateway understood.
    #[track_caller]
    pub(crate) fn finish_uncounted(self) {
        let trail = self.trail();
        self.end(&trail);
    }

    #[track_caller]
    fn end(mut self, trail: &[Value]) {
        for entry in trail {
            let outcome = &entry["closed"]["outcome"];
            assert!(outcome.is_string() && outcome != "unknown", "{entry}");
        }
        assert!(!self.stderr().contains("panicked"), "{}", self.stderr());
        let descendants = Figures::of(self.process()).descendants;
        assert_eq!(self.gateway.terminate(), Some(0), "{}", self.stderr());
        eventually("every server process ends", || {
            let alive = |id: &u32| is_alive(i32::try_from(*id).unwrap());
            (!descendants.iter().any(alive)).then_some(())
        });
        eventually("every connection to a server ends", || {
            (self.http.connections() == 0).then_some(())
        });
    }
}

fn listed(trail: &[Value]) -> String {
    trail
        .iter()
        .map(|entry| {
            format!(
                "{} {} {}\n",
                entry["opened"]["method"], entry["opened"]["target"], entry["closed"]["outcome"]
            )
        })
        .collect()
}

fn configuration(url: &str, mode: &str, timeout: &str) -> String {
    let key = |name: &str, key: &str| {
        let hash = portcullis_testkit::sha256(key.as_bytes());
        format!("[[authn.key]]\nname = \"{name}\"\nhash = \"{hash}\"\n")
    };
    let mut text = format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n[registry]\nmode = \"trust-on-first-use\"\n\
         [authn]\nloopback = \"local\"\n{}{}",
        key("ada", ADA),
        key("bob", BOB)
    );
    for server in SERVERS {
        let (transport, era) = server.split_once('-').unwrap();
        let reached = match transport {
            "stdio" => format!(
                "command = {:?}\nargs = [\"lab\", \"hostile\"]\nplain-env = {{ LAB_MODE = {mode:?} }}\n",
                binary::path()
            ),
            _ => format!("url = {url:?}\n"),
        };
        text.push_str(&format!(
            "[servers.{server}]\n{reached}era = \"{era}\"\nrequest-timeout = \"{timeout}\"\n\
             [profiles.{server}]\nservers = [\"{server}\"]\n"
        ));
    }
    text
}
