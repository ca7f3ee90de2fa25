//! What `peers.json` says, and the folder it speaks about.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Output, finish, scrubbed};

/// The peers with every placeholder but `{port}` filled in.
pub(super) struct Peers {
    pub(super) servers: BTreeMap<String, Server>,
    clients: BTreeMap<String, Vec<String>>,
    scratch: TempDir,
    direct: Mutex<HashMap<String, Arc<OnceLock<Value>>>>,
}

/// One server and what it is asked.
pub(super) struct Server {
    pub(super) command: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    /// How it is started over HTTP, if it can be.
    pub(super) http: Option<Value>,
    /// Where the gateway finds it; without one, the gateway starts the command.
    pub(super) url: Option<String>,
    pub(super) call: Asked,
    pub(super) resource: Option<Asked>,
    pub(super) prompt: Option<Asked>,
}

/// A question and a piece of text that the answer must hold.
#[derive(Clone)]
pub(super) struct Asked {
    /// Tool name, resource URI or prompt name.
    pub(super) name: String,
    pub(super) arguments: Value,
    pub(super) expect: String,
}

impl Peers {
    pub(super) fn load(interop: &Path) -> Self {
        assert!(
            interop.is_absolute(),
            "PORTCULLIS_INTEROP must be an absolute path"
        );
        let scratch = tempfile::Builder::new()
            .prefix("portcullis-interop-")
            .tempdir()
            .unwrap();
        furnish(scratch.path());
        let text = std::fs::read_to_string(interop.join("peers.json"))
            .unwrap()
            .replace("{interop}", interop.to_str().unwrap())
            .replace("{scratch}", scratch.path().to_str().unwrap());
        let document: Value = serde_json::from_str(&text).unwrap();
        let clients = members(&document["clients"])
            .map(|(name, client)| (name.clone(), strings(&client["command"])))
            .collect();
        let servers = members(&document["servers"])
            .map(|(name, server)| (name.clone(), Server::read(server)))
            .collect();
        Self {
            servers,
            clients,
            scratch,
            direct: Mutex::default(),
        }
    }

    /// The command line of a client.
    pub(super) fn client(&self, name: &str) -> &[String] {
        &self.clients[name]
    }

    /// The home of every client and server.
    pub(super) fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    /// What a server answers without a gateway, asked once by the TypeScript client that speaks
    /// every era.
    pub(super) fn direct(&self, name: &str) -> Value {
        let cell = Arc::clone(
            self.direct
                .lock()
                .unwrap()
                .entry(name.to_owned())
                .or_default(),
        );
        cell.get_or_init(|| {
            let server = &self.servers[name];
            let mut command = vec!["env".to_owned()];
            command.extend(
                server
                    .env
                    .iter()
                    .map(|(key, value)| format!("{key}={value}")),
            );
            command.extend(server.command.iter().cloned());
            let arguments = [
                vec![
                    "--command".to_owned(),
                    serde_json::to_string(&command).unwrap(),
                ],
                server.questions(""),
            ]
            .concat();
            let output = self.run_client("ts2", &arguments);
            assert_eq!(output.code, 0, "directly, {name}: {}", output.stderr);
            output.json()
        })
        .clone()
    }

    pub(super) fn run_client(&self, name: &str, arguments: &[String]) -> Output {
        let line = self.client(name);
        let mut command = scrubbed(&line[0], &self.home());
        command.args(&line[1..]).args(arguments);
        finish(command)
    }
}

impl Server {
    fn read(server: &Value) -> Self {
        let asked = |part: &Value| {
            part.is_object().then(|| Asked {
                name: part["name"]
                    .as_str()
                    .or(part["uri"].as_str())
                    .unwrap()
                    .to_owned(),
                arguments: part
                    .get("arguments")
                    .cloned()
                    .unwrap_or_else(|| serde_json::json!({})),
                expect: part["expect"].as_str().unwrap().to_owned(),
            })
        };
        Self {
            command: strings(&server["stdio"]),
            env: server
                .get("env")
                .map(|env| serde_json::from_value(env.clone()).unwrap())
                .unwrap_or_default(),
            http: server.get("http").cloned(),
            url: None,
            call: asked(&server["call"]).unwrap(),
            resource: asked(&server["resource"]),
            prompt: asked(&server["prompt"]),
        }
    }

    /// What a client is told to do, with `prefix` in front of every name.
    pub(super) fn questions(&self, prefix: &str) -> Vec<String> {
        let mut told = vec![
            "--call".to_owned(),
            format!("{prefix}{}", self.call.name),
            "--arguments".to_owned(),
            self.call.arguments.to_string(),
        ];
        if let Some(resource) = &self.resource {
            told.extend(["--resource".to_owned(), resource.name.clone()]);
        }
        if let Some(prompt) = &self.prompt {
            told.extend([
                "--prompt".to_owned(),
                format!("{prefix}{}", prompt.name),
                "--prompt-arguments".to_owned(),
                prompt.arguments.to_string(),
            ]);
        }
        told
    }
}

/// The files that the filesystem, memory and git servers are asked about.
fn furnish(scratch: &Path) {
    std::fs::create_dir(scratch.join("home")).unwrap();
    std::fs::write(scratch.join("hello.txt"), "hello\n").unwrap();
    let ada = serde_json::json!({
        "type": "entity", "name": "Ada", "entityType": "person", "observations": ["writes programs"],
    });
    std::fs::write(scratch.join("memory.jsonl"), format!("{ada}\n")).unwrap();
    let repository = scratch.join("repository");
    std::fs::create_dir(&repository).unwrap();
    let commit = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "first commit",
    ];
    for arguments in [&["init", "--quiet"][..], &commit[..]] {
        let mut git = scrubbed("git", &scratch.join("home"));
        git.arg("-C").arg(&repository).args(arguments);
        finish(git).fine();
    }
}

/// A port that nobody listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().unwrap().iter()
}

pub(super) fn strings(array: &Value) -> Vec<String> {
    serde_json::from_value(array.clone()).unwrap()
}
