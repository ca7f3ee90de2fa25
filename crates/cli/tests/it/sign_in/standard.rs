//! A real authorization server that clients talk to themselves.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::clients::{CLIENTS, Client, Known, ONE_OF_EACH, Session, check};
use super::interop;
use super::node::Program;
use super::world::World;

/// How long access tokens last, in seconds: longer than a client needs to connect and call.
const LIFETIME: u64 = 15;
const DOCUMENT: &str = "https://host.example/client.json";

fn configuration(issuer: &str) -> String {
    format!(
        "[authn.issuers.company]\nkind = \"oidc\"\nissuer = \"{issuer}\"\nclock-skew = \"1s\"\n"
    )
}

/// Each client signs in, goes on after its token has ended, and asks for more when more is needed.
#[test]
fn every_client_signs_in_renews_and_steps_up() {
    let Some(interop) = interop() else { return };
    let world = World::new();
    let home = world.place.path();
    let provider = Program::provider(&interop, home, LIFETIME, DOCUMENT);
    let issuer = provider.ready["issuer"].as_str().unwrap();
    world.configure(&configuration(issuer), "scopes = [\"tools.read\"]");
    let gateway = world.serve();

    let work = Mutex::new(work());
    let waiting = Mutex::new(Vec::new());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().pop_front();
                    let Some((client, known, again)) = next else {
                        return;
                    };
                    let session =
                        Session::start(client, &interop, home, &world.url(), &known, again);
                    let done = match again {
                        0 => session
                            .report()
                            .and_then(|report| check(client, &report, 0)),
                        _ => session.waits(),
                    };
                    match done {
                        Ok(()) if again > 0 => waiting.lock().unwrap().push(session),
                        Ok(()) => {}
                        Err(problem) => failures
                            .lock()
                            .unwrap()
                            .push(format!("{client:?} {known:?}: {problem}")),
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    let sessions = waiting.into_inner().unwrap();

    // The clock has to pass; the gateway allows for a second.
    std::thread::sleep(Duration::from_secs(LIFETIME + 2));
    failures.extend(all(&sessions, |session| {
        session.go_on();
        session.waits()
    }));

    world.configure(
        &configuration(issuer),
        "scopes = [\"tools.read\", \"tools.write\"]",
    );
    gateway.reload(|| {
        world.resource()["scopes_supported"]
            .as_array()
            .unwrap()
            .len()
            == 2
    });
    failures.extend(all(&sessions, |session| {
        session.go_on();
        let report = session.report()?;
        check(session.client, &report, 2)?;
        // Once at first and once for more; the renewal in between needs nobody.
        match report["signIns"].as_u64() {
            Some(2) => Ok(()),
            other => Err(format!("a person was asked {other:?} times")),
        }
    }));
    assert!(
        failures.is_empty(),
        "{} failed:\n\n{}\n\nthe gateway said:\n{}",
        failures.len(),
        failures.join("\n\n"),
        gateway.process.stderr()
    );
}

/// Who signs in, how it is known, and how often it calls again.
///
/// The server keeps a client that registers itself to the scopes that it named then, so those that
/// ask for more are known otherwise.
fn work() -> VecDeque<(Client, Known, usize)> {
    let known = |at: usize| match at % 2 {
        0 => Known::Id("public".to_owned()),
        _ => Known::Document(DOCUMENT.to_owned()),
    };
    let staying = CLIENTS.into_iter().enumerate();
    let staying = staying.map(|(at, client)| (client, known(at), 2));
    let passing = ONE_OF_EACH.into_iter();
    staying
        .chain(passing.map(|client| (client, Known::Registration, 0)))
        .collect()
}

/// Has all do something, and returns what went wrong.
fn all(sessions: &[Session], act: impl Fn(&Session) -> Result<(), String>) -> Vec<String> {
    sessions
        .iter()
        .filter_map(|session| {
            let problem = act(session).err()?;
            Some(format!("{:?}: {problem}", session.client))
        })
        .collect()
}
