//! Plays every scenario on both sides.

use std::path::Path;
use std::time::Instant;

use portcullis_lab::host::{Client, Connection, Event, Transcript};
use portcullis_lab::servers::harvester::{Harvest, harvester};
use portcullis_lab::story::{
    Outcome, Scenario, Setup, Side, StoryError, Transport, play, scenarios,
};
use portcullis_mcp::names;
use portcullis_store::Sqlite;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::account::{Account, Act, Ending};
use super::configuration::{Configuration, Server, permits};
use super::folder::Folder;
use super::stage::{Stage, program, review};
use super::{show, trail};
use crate::commands::key::mint;
use crate::exit::{Failure, chain};
use crate::{setup, terminal};

/// Tells when the process was asked to end.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// From now on a signal does not end the process: it is for this process to tidy up.
    pub(super) fn on_signal() -> Self {
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                () = setup::stop_signal() => {}
                () = hangup() => {}
            }
            // Nobody listens any more when everything has ended already.
            let _ended = asked.send(true);
        });
        Self(stop)
    }

    pub(super) async fn wait(&mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The result of `work`, unless the process is asked to end first.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.wait() => Err(Failure::new("the demo was stopped before its end")),
            result = work => Ok(result),
        }
    }
}

/// Resolves when the terminal is closed.
async fn hangup() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut hangup) = signal(SignalKind::hangup()) {
            hangup.recv().await;
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// The story and what it is played with.
pub(super) struct Story<'a> {
    pub(super) folder: &'a Folder,
    pub(super) store: &'a Sqlite,
    pub(super) without: &'a [&'static str],
}

impl Story<'_> {
    /// Plays everything; `live` shows it as it happens.
    pub(super) async fn play(&self, stop: &mut Stop, live: bool) -> Result<Account, Failure> {
        let began = Instant::now();
        if live {
            show::intro();
        }
        let progress = terminal::progress(scenarios().len() * 2, "playing");
        let mut acts = Vec::with_capacity(scenarios().len());
        for (number, scenario) in scenarios().iter().enumerate() {
            progress.set_message(format!("{}, without Portcullis", scenario.title));
            let bare = self.bare(scenario, stop).await?;
            progress.inc(1);
            progress.set_message(format!("{}, with Portcullis", scenario.title));
            let act = self.guarded(scenario, bare, stop).await?;
            progress.inc(1);
            if live {
                progress.suspend(|| show::act(number, &act));
            }
            acts.push(act);
        }
        progress.finish_and_clear();
        Ok(Account::new(
            acts,
            self.without,
            began.elapsed().as_secs_f64(),
        ))
    }

    async fn bare(
        &self,
        scenario: &Scenario,
        stop: &mut Stop,
    ) -> Result<Result<Outcome, StoryError>, Failure> {
        let folder = self.folder.scenario(scenario.id).join("without");
        let program = program()?;
        stop.unless(play(scenario, Side::Bare, &folder, &program))
            .await
    }

    async fn guarded(
        &self,
        scenario: &Scenario,
        bare: Result<Outcome, StoryError>,
        stop: &mut Stop,
    ) -> Result<Act, Failure> {
        let place = Place::build(self, scenario).await?;
        let trusted: Vec<&str> = place
            .setup
            .servers
            .iter()
            .filter(|server| server.approved)
            .map(|server| server.name)
            .collect();
        review(&place.file, self.store, &trusted, stop).await?;
        let position = trail::position(self.store).await?;
        let stage = Stage::open(&place.file, self.store, place.socket).await?;
        let scene = Scene {
            scenario,
            prefixed: place.setup.servers.len() > 1,
            side: place.side,
            folder: &place.folder,
        };
        let played = stop.unless(scene.play(bare.as_ref().ok())).await;
        let recorded = stage.flush().await;
        stage.close().await;
        let with = match played?? {
            Ok(outcome) => Ending::from(&outcome),
            Err(error) => Ending::unplayed(chain(&error)),
        };
        let without = match &bare {
            Ok(outcome) => Ending::from(outcome),
            Err(error) => Ending::unplayed(chain(error)),
        };
        let isolated = has_harvester(&place.setup);
        let evidence = if recorded && scenario.attack && !with.attack_succeeded {
            trail::evidence(self.store, position, isolated).await?
        } else {
            Vec::new()
        };
        Ok(Act::judge(scenario, without, with, evidence))
    }
}

/// What the guarded side of a scenario is played on.
struct Place {
    folder: std::path::PathBuf,
    file: std::path::PathBuf,
    setup: Setup,
    socket: TcpListener,
    side: Side,
}

impl Place {
    /// Writes the configuration and policies of the scenario.
    async fn build(story: &Story<'_>, scenario: &Scenario) -> Result<Self, Failure> {
        let root = story.folder.scenario(scenario.id);
        let folder = root.join("with");
        let setup = scenario.setup(&folder);
        let socket = loopback().await?;
        let address = socket.local_addr().map_err(no_port)?;
        let harvest = match has_harvester(&setup) {
            true => Some(harvester(loopback().await?).await.map_err(no_port)?),
            false => None,
        };
        let minted = mint(
            principal(setup.groups),
            "agent",
            &setup
                .groups
                .iter()
                .map(|group| (*group).to_owned())
                .collect::<Vec<_>>(),
        )?;
        let mut policies = vec!["../../policies/research.cedar"];
        let below = format!("story/{}", scenario.id);
        if !setup.permits.is_empty() {
            story
                .folder
                .write(&format!("{below}/scenario.cedar"), &permits(setup.permits))?;
            policies.push("scenario.cedar");
        }
        let configuration = Configuration {
            heading: scenario.title,
            address,
            store: "../../portcullis.db",
            policies,
            servers: servers(&setup, harvest.as_ref())?,
            keys: vec![&minted.entry],
            without: story.without,
        };
        story.folder.write(
            &format!("{below}/portcullis.toml"),
            &configuration.to_toml(),
        )?;
        Ok(Self {
            file: root.join("portcullis.toml"),
            folder,
            setup,
            socket,
            side: Side::Guarded {
                url: format!("http://{address}/mcp/research"),
                bearer: minted.key,
                harvest,
            },
        })
    }
}

/// The guarded side of a scenario.
struct Scene<'a> {
    scenario: &'a Scenario,
    /// Whether the gateway puts the server's name in front of a tool's.
    prefixed: bool,
    side: Side,
    folder: &'a Path,
}

impl Scene<'_> {
    /// Plays, and then asks by name for what the host was not shown: a host that is merely not shown
    /// a tool may still know its name, and the refusal stands in the trail.
    async fn play(self, bare: Option<&Outcome>) -> Result<Result<Outcome, StoryError>, Failure> {
        let played = play(self.scenario, self.side.clone(), self.folder, &program()?).await;
        let (Ok(outcome), Some(bare), Side::Guarded { url, bearer, .. }) =
            (&played, bare, self.side)
        else {
            return Ok(played);
        };
        if !self.scenario.attack || outcome.attack_succeeded {
            return Ok(played);
        }
        let hidden = hidden(&bare.transcript, &outcome.transcript, self.prefixed);
        if hidden.is_empty() {
            return Ok(played);
        }
        let connection = Connection::Http {
            url,
            bearer: Some(bearer),
        };
        match Client::connect("portcullis", &connection).await {
            Ok(mut client) => {
                for tool in hidden {
                    let call = serde_json::json!({"name": tool, "arguments": {}});
                    // Whatever the answer: the trail says what was decided.
                    let _answer = client.request("tools/call", call).await;
                }
                client.close().await;
            }
            Err(error) => return Ok(Err(error.into())),
        }
        Ok(played)
    }
}

/// The tools that had a part in the attack without Portcullis and that the host did not see at the
/// end with it, by the names they have at the gateway. What the host was refused already is left out.
fn hidden(bare: &Transcript, guarded: &Transcript, prefixed: bool) -> Vec<String> {
    let mut owners: Vec<(&str, &str)> = Vec::new();
    let mut involved: Vec<(&str, &str)> = Vec::new();
    for event in &bare.events {
        match event {
            Event::Listed { server, tools } => {
                owners.extend(tools.iter().map(|tool| (server.as_str(), tool.as_str())));
            }
            Event::Call { server, tool, .. } => involved.push((server, tool)),
            Event::Instruction { place, .. } => {
                let tool = place.strip_prefix("definition of ");
                involved.extend(owners.iter().filter(|(_, own)| Some(*own) == tool));
            }
            _ => {}
        }
    }
    let shown = guarded.events.iter().rev().find_map(|event| match event {
        Event::Listed { tools, .. } => Some(tools.as_slice()),
        _ => None,
    });
    let refused = |name: &str| {
        guarded
            .calls()
            .any(|(_, tool, _, answer)| tool == name && answer.is_error)
    };
    let mut hidden: Vec<String> = Vec::new();
    for (server, tool) in involved {
        let name = if prefixed {
            names::expose(server, tool)
        } else {
            tool.to_owned()
        };
        let is_shown = shown.is_some_and(|shown| shown.contains(&name));
        if !is_shown && !refused(&name) && !hidden.contains(&name) {
            hidden.push(name);
        }
    }
    hidden
}

fn servers(setup: &Setup, harvest: Option<&Harvest>) -> Result<Vec<Server>, Failure> {
    let mut servers = Vec::with_capacity(setup.servers.len());
    for server in &setup.servers {
        match (&server.transport, harvest) {
            (Transport::Stdio { kind, env }, _) => {
                servers.push(Server::lab(server.name, *kind, env.clone(), server.tools)?);
            }
            (Transport::Harvester, Some(harvest)) => {
                servers.push(Server::at(server.name, harvest.url(), server.tools));
            }
            (Transport::Harvester, None) => {}
        }
    }
    Ok(servers)
}

fn has_harvester(setup: &Setup) -> bool {
    setup
        .servers
        .iter()
        .any(|server| matches!(server.transport, Transport::Harvester))
}

fn principal(groups: &[&str]) -> &'static str {
    if groups.contains(&"editors") {
        "editor-assistant"
    } else {
        "research-assistant"
    }
}

async fn loopback() -> Result<TcpListener, Failure> {
    TcpListener::bind(("127.0.0.1", 0)).await.map_err(no_port)
}

fn no_port(error: std::io::Error) -> Failure {
    Failure::because("no port of this machine can be used", &error)
}

#[cfg(test)]
mod tests;
