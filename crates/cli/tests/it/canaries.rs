//! A thousand tokens go through every path of the built binary: good ones, bad ones, those in the
//! wrong place, through errors, a server that dies and a crash of the gateway. Afterwards none of
//! them is anywhere but where it belongs.

mod granted;
mod paths;
mod search;
mod sign_in;

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Mutex;

use portcullis_lab::entra::sample::{self, ADA, CONTOSO, GATEWAY, GATEWAY_SECRET, HOST};
use portcullis_lab::entra::{EntraLab, EntraSettings};
use portcullis_testkit::{Script, ScriptedServer, Step};
use rustix::process::{Pid, Signal, kill_process};

use crate::binary::{self, Running, eventually, scrubbed};
use crate::sign_in::world::World;
use granted::Granting;
use paths::Rounds;
use search::Needles;

/// How many tokens are pushed through.
const COUNT: usize = 1000;
const KEY: &str = "pcl_canary_4fQ0hQy2W8mJr7c1Zx5tB9";

/// Everything that takes part.
struct Scene {
    world: World,
    lab: EntraLab,
    mail: ScriptedServer,
    crm: Granting,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let mut settings = EntraSettings {
            tenants: sample::tenants(),
            ..EntraSettings::default()
        };
        for app in &mut settings.tenants[0].apps {
            if app.id == GATEWAY {
                app.redirect_uris = vec!["http://127.0.0.1/oauth/company/callback".to_owned()];
            }
        }
        let script = Script::modern()
            .tool("good")
            .tool("dies")
            .tool("fails")
            .tool("stalls")
            .on("tools/call", "dies", vec![Step::Die])
            .on("tools/call", "stalls", vec![Step::Stall])
            .on(
                "tools/call",
                "fails",
                vec![Step::Error(r#"{"code":-32603,"message":"no"}"#.to_owned())],
            );
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (lab, mail, crm) = runtime.block_on(async {
            let lab = EntraLab::start(settings).await.unwrap();
            let mail = ScriptedServer::start(script).await;
            (lab, mail, Granting::start().await)
        });
        let scene = Self {
            world,
            lab,
            mail,
            crm,
            runtime,
        };
        scene.configure();
        scene
    }

    fn configure(&self) {
        let place = &self.world.place;
        place.write("secrets/gateway", GATEWAY_SECRET);
        place.write("secrets/crm", granted::SECRET);
        let text = format!(
            "[listen]\naddress = \"{address}\"\npublic-url = \"{base}\"\n\
             [registry]\nmode = \"trust-on-first-use\"\n\
             [[authn.key]]\nname = \"grace\"\nhash = \"{key}\"\n\
             [authn.issuers.company]\nkind = \"entra\"\ntenant = \"{CONTOSO}\"\nauthority-url = \"{lab}\"\n\
             audiences = [\"{GATEWAY}\"]\n\
             [authn.issuers.company.client]\nid = \"{GATEWAY}\"\nsecret = \"file:secrets/gateway\"\nauth = \"post\"\n\
             [authn.issuers.company.front-door]\nscopes = [\"tools.read\"]\nscope-prefix = \"api://{GATEWAY}/\"\n\
             [authn.issuers.company.front-door.clients]\nworkbench = [\"http://127.0.0.1/callback\"]\n\
             [servers.quotes]\ncommand = {binary:?}\nargs = [\"lab\", \"quotes\"]\nisolation = \"shared\"\n\
             [servers.mail]\nurl = \"{mail}\"\n\
             [servers.mail.auth]\nkind = \"on-behalf-of\"\nthrough = \"company\"\n\
             scopes = [\"api://papers.contoso.com/papers.read\"]\n\
             {crm}[profiles.research]\nservers = [\"quotes\", \"mail\", \"crm\"]\n",
            address = self.world.address(),
            base = self.world.base(),
            key = portcullis_testkit::sha256(KEY),
            lab = self.lab.base_url(),
            binary = binary::path(),
            mail = self.mail.url(),
            crm = self.crm.section(),
        );
        place.write("portcullis.toml", &text);
    }

    /// With everything in the log that there is, and with leave to write a core dump.
    fn serve(&self) -> Running {
        let home = self.world.place.path();
        let mut command = scrubbed("sh", home);
        command
            .args(["-c", "ulimit -c unlimited; exec \"$0\" serve"])
            .arg(binary::path())
            .env("PORTCULLIS_LOG", "trace")
            .env("RUST_LOG", "trace");
        let running = Running::start(command);
        assert_eq!(running.address(), self.world.address());
        running
    }
}

#[test]
fn a_thousand_tokens_leave_no_trace() {
    let scene = Scene::new();
    let mut gateway = scene.serve();
    let scope = format!("api://{GATEWAY}/tools.read");
    let claims = scene.lab.user_claims(ADA, HOST, &scope).unwrap();
    let rounds = Rounds::new(&scene.world, &scene.lab, &claims);
    let answers = Mutex::new(String::new());
    std::thread::scope(|threads| {
        for part in 0..4 {
            let (rounds, answers) = (&rounds, &answers);
            threads.spawn(move || {
                for number in (part..COUNT).step_by(4) {
                    let said = rounds.carry_out(number);
                    writeln!(answers.lock().unwrap(), "{said}").unwrap();
                }
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    let mut canaries = rounds.tokens();
    assert!(canaries.len() >= COUNT, "{}", canaries.len());
    canaries.push(KEY.to_owned());
    // Good tokens got through, to both servers.
    assert!(
        answers.matches("\"isError\":false").count() >= 100,
        "{answers}"
    );
    assert!(scene.mail.calls("tools/call").len() >= 50);
    // The mail server's own tokens belong there and nowhere else.
    let inbound = Needles::new(&canaries);
    assert_eq!(inbound.found_in(scene.mail.transcript().as_bytes()), None);
    let received = scene.mail.received();
    let own = received
        .iter()
        .filter_map(|call| call.header("authorization")?.strip_prefix("Bearer "));
    let before = canaries.len();
    canaries.extend(own.map(str::to_owned));
    assert!(canaries.len() >= before + 50);
    canaries.extend(sign_in::secrets(&scene.world, &scene.lab));
    canaries.push(GATEWAY_SECRET.to_owned());
    // What belongs to one server is not shown to the other one.
    let (granted, said) = scene.crm.tokens(&scene, &rounds);
    let answers = format!("{answers}{said}");
    let own = Needles::new(&canaries);
    assert_eq!(own.found_in(scene.crm.transcript().as_bytes()), None);
    canaries.extend(granted);
    canaries.push(granted::SECRET.to_owned());

    // What is no secret is found: the user's id.
    let control = Needles::new(&[claims["oid"].as_str().unwrap().to_owned()]);
    let needles = Needles::new(&canaries);
    let clean = |what: &str, bytes: &[u8]| {
        assert_eq!(needles.found_in(bytes), None, "in {what}");
    };
    let pid = Pid::from_child(&gateway.child);
    for (child, text) in of_children(pid) {
        clean(&format!("the environment of {child}"), &text);
    }
    clean("what clients were told", answers.as_bytes());

    crash(&scene, &rounds, &mut gateway);
    let log = gateway.stderr();
    assert!(log.contains("TRACE"), "the log has no traces");
    assert!(
        log.contains("token-expired") || log.contains("expired"),
        "the log says nothing of refusals"
    );
    clean("the log", log.as_bytes());
    let mut seen = false;
    every_file(scene.world.place.path(), &mut |path, bytes| {
        let name = path.to_string_lossy().into_owned();
        assert!(!name.contains("core"), "a core dump: {name}");
        if !name.contains("/secrets/") {
            seen |= control.found_in(bytes).is_some();
            clean(&name, bytes);
        }
    });
    assert!(seen, "nothing is in the database");

    // What the killed process left is taken over, and shown.
    let again = scene.serve();
    let trail = scene
        .world
        .place
        .run(&["audit", "query", "--json", "--limit", "100000"])
        .fine();
    assert!(
        trail.lines().count() > COUNT / 2,
        "{}",
        trail.lines().count()
    );
    assert!(control.found_in(trail.as_bytes()).is_some());
    clean("the trail", trail.as_bytes());
    clean("the log of the next process", again.stderr().as_bytes());
    every_file(scene.world.place.path(), &mut |path, bytes| {
        let name = path.to_string_lossy();
        if !name.contains("/secrets/") {
            clean(&name, bytes);
        }
    });
    drop(again);
    scene.runtime.shutdown_background();
}

/// Kills the gateway while a call is on its way, in the manner of a crash.
fn crash(scene: &Scene, rounds: &Rounds<'_>, gateway: &mut Running) {
    let pid = Pid::from_child(&gateway.child);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero()));
    if let Ok(limits) = limits {
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = core.unwrap_or_default().split_whitespace().collect();
        assert_eq!(words.get(4..6), Some(&["0", "0"][..]), "{core:?}");
    }
    let before = scene.mail.calls("tools/call").len();
    let call = rounds.open_call("mail__stalls");
    eventually("the call is at the server", || {
        (scene.mail.calls("tools/call").len() > before).then_some(())
    });
    // The first one meets the runtime's own handler, which looks for a stack overflow.
    let status = eventually("the gateway ends", || {
        let _gone_already = kill_process(pid, Signal::SEGV);
        gateway.child.try_wait().unwrap()
    });
    assert_eq!(status.signal(), Some(11), "{status:?}");
    assert!(!status.core_dumped());
    drop(call);
}

/// The environment and the command line of each process that the gateway started.
fn of_children(gateway: Pid) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let own = gateway.as_raw_nonzero().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return found;
    };
    for process in processes.filter_map(Result::ok) {
        let folder = process.path();
        let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent == Some(&*own) {
            for part in ["environ", "cmdline"] {
                let text = std::fs::read(folder.join(part)).unwrap_or_default();
                found.push((format!("{stat} {part}"), text));
            }
        }
    }
    assert!(!found.is_empty() || !Path::new("/proc/self/environ").exists());
    found
}

fn every_file(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            every_file(&path, look);
        } else if path.is_file() {
            // What ends meanwhile has nothing in it.
            look(&path, &std::fs::read(&path).unwrap_or_default());
        }
    }
}
