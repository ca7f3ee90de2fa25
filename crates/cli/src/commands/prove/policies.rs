//! The canary's policies, and what the user's policies say about the canary.
//!
//! Temporary policies permit exactly what the probes need. They stand beside the user's. Where the
//! user's policies would refuse the canary all the same, that is no fault: it is said, and the
//! probes run under the temporary policies alone.

use std::path::Path;

use portcullis_gateway::Loaded;
use portcullis_policy::{
    Action, Context, Decision, Policies, Principal, PrincipalKind, Query, Source, StepUp, Target,
};

use super::scene::{PERMITTED, Scene, UNPERMITTED, WEATHER};
use crate::exit::Failure;

/// The temporary policy that demands a stronger sign-in.
const STEP_UP: &str = "prove-step-up";

/// Which policies the probes run under.
pub(super) struct Ruling {
    /// The policies of every stage.
    pub(super) stages: Vec<Source>,
    /// The user's policies with the canary's, if these together refuse the canary.
    pub(super) refusing: Option<Refusing>,
    /// Policies of the user that permit even what no temporary policy permits. Another temporary
    /// policy forbids it then.
    pub(super) permit_all: Vec<String>,
}

/// Policies under which the canary cannot be called.
pub(super) struct Refusing {
    pub(super) sources: Vec<Source>,
    /// The policies that refuse it.
    pub(super) by: Vec<String>,
    /// Whether the first caller is refused, and in which era; other callers are not tried.
    pub(super) era: Option<&'static str>,
}

impl Ruling {
    /// Reads the user's policies again and asks them about the canary.
    pub(super) fn new(loaded: &Loaded, scene: &Scene) -> Result<Self, Failure> {
        let theirs = sources(loaded)?;
        let joined =
            |more: Vec<Source>| -> Vec<Source> { theirs.iter().cloned().chain(more).collect() };
        let own = vec![permits(scene)];
        let together = compile(&joined(own.clone()))?;
        if let Some((by, era)) = refused_by(&together, scene) {
            let refusing = Refusing {
                sources: joined(own.clone()),
                by,
                era,
            };
            return Ok(Self {
                stages: own,
                refusing: Some(refusing),
                permit_all: Vec::new(),
            });
        }
        match ask(
            &together,
            scene,
            workload(&scene.first.name),
            Action::ToolsCall,
            &tool(scene, UNPERMITTED),
            "modern",
        ) {
            Decision::Permit { policies } | Decision::StepUp(StepUp { policies, .. }) => {
                let stages = joined(vec![permits(scene), forbid(scene)]);
                compile(&stages)?;
                Ok(Self {
                    stages,
                    refusing: None,
                    permit_all: policies,
                })
            }
            Decision::Deny(_) => Ok(Self {
                stages: joined(own),
                refusing: None,
                permit_all: Vec::new(),
            }),
        }
    }
}

/// The policy files that the configuration was loaded with, as they are now.
fn sources(loaded: &Loaded) -> Result<Vec<Source>, Failure> {
    // The first source is the configuration file; folders stand among the others.
    let files = loaded.sources.iter().skip(1).filter(|path| path.is_file());
    files
        .map(|path| {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::because(format!("{} cannot be read", path.display()), &error)
            })?;
            Ok(Source {
                name: name(path, &loaded.base),
                text,
            })
        })
        .collect()
}

fn name(path: &Path, base: &Path) -> String {
    path.strip_prefix(base)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn compile(sources: &[Source]) -> Result<Policies, Failure> {
    Policies::load(sources).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(format!(
            "the policies cannot be used with the canary's: {}",
            texts.join("; ")
        ))
    })
}

/// What is permitted for the time of the run. The anonymous user is there for the stage without
/// authentication; no other stage knows one.
fn permits(scene: &Scene) -> Source {
    let principals: Vec<String> = scene
        .callers()
        .iter()
        .map(|caller| format!("Workload::\"{}\"", caller.name))
        .chain(["User::\"anonymous\"".to_owned()])
        .collect();
    let tools: Vec<String> = PERMITTED
        .iter()
        .map(|name| format!("Tool::\"{}/{name}\"", scene.canary))
        .chain([
            format!("Tool::\"{}/{WEATHER}\"", scene.web),
            format!("Tool::\"{}/echo\"", scene.stranger),
        ])
        .collect();
    let mut text = String::new();
    for (at, principal) in principals.iter().enumerate() {
        for (kind, profile) in [
            ("canary", &scene.canary),
            ("web", &scene.web),
            ("stranger", &scene.stranger),
        ] {
            text.push_str(&format!(
                "@id(\"prove-connect-{kind}-{at}\")\npermit (principal == {principal}, action == Action::\"connect\", resource == Profile::\"{profile}\");\n"
            ));
        }
        text.push_str(&format!(
            "@id(\"prove-call-{at}\")\npermit (principal == {principal}, action == Action::\"tools/call\", resource) when {{ [{}].contains(resource) }};\n",
            tools.join(", ")
        ));
    }
    text.push_str(&format!(
        "@id(\"{STEP_UP}\") @step_up(\"portcullis-prove\")\nforbid (principal == Workload::\"{}\", action == Action::\"tools/call\", resource == Tool::\"{}/echo\");\n",
        scene.weak.name, scene.canary
    ));
    Source {
        name: format!("{}.cedar", scene.canary),
        text,
    }
}

fn forbid(scene: &Scene) -> Source {
    Source {
        name: format!("{}-forbid.cedar", scene.canary),
        text: format!(
            "@id(\"prove-forbid\")\nforbid (principal, action == Action::\"tools/call\", resource == Tool::\"{}/{UNPERMITTED}\");\n",
            scene.canary
        ),
    }
}

/// What a query is about: a profile, or a tool of a server.
struct About {
    server: String,
    tool: Option<&'static str>,
}

fn tool(scene: &Scene, name: &'static str) -> About {
    About {
        server: scene.canary.clone(),
        tool: Some(name),
    }
}

/// The policies that stand in the canary's way, if any do, and in which era they stand in the way of
/// the first caller's `echo`. No policies are named when a query fits no schema.
fn refused_by(policies: &Policies, scene: &Scene) -> Option<(Vec<String>, Option<&'static str>)> {
    let anonymous = Principal {
        kind: PrincipalKind::User,
        id: "anonymous",
        groups: &[],
        roles: &[],
        authentication: "none",
        issuer: None,
        tenant: None,
    };
    let mut questions = vec![
        (
            Action::Connect,
            About {
                server: scene.canary.clone(),
                tool: None,
            },
        ),
        (Action::ToolsCall, tool(scene, "echo")),
        (
            Action::Connect,
            About {
                server: scene.web.clone(),
                tool: None,
            },
        ),
        (
            Action::ToolsCall,
            About {
                server: scene.web.clone(),
                tool: Some(WEATHER),
            },
        ),
        (
            Action::Connect,
            About {
                server: scene.stranger.clone(),
                tool: None,
            },
        ),
        (
            Action::ToolsCall,
            About {
                server: scene.stranger.clone(),
                tool: Some("echo"),
            },
        ),
    ];
    questions.extend(
        PERMITTED
            .iter()
            .map(|name| (Action::ToolsCall, tool(scene, name))),
    );
    let mut found: Option<(Vec<String>, Option<&'static str>)> = None;
    let callers = scene.callers().map(|caller| workload(&caller.name));
    for (who, principal) in callers.into_iter().chain([anonymous]).enumerate() {
        for (at, (action, about)) in questions.iter().enumerate() {
            for era in ["modern", "legacy"] {
                let by = match ask(policies, scene, principal, *action, about, era) {
                    Decision::Permit { .. } => continue,
                    Decision::Deny(denial) => denial.policies().to_vec(),
                    // No key can sign in again, so that what asks it to refuses it.
                    Decision::StepUp(step_up) if scene.controls().step_up => {
                        let own = |name: &String| name == STEP_UP;
                        if step_up.policies.iter().all(own) {
                            continue;
                        }
                        step_up.policies
                    }
                    Decision::StepUp(_) => continue,
                };
                // The first two questions are what a call of `echo` has to pass.
                if who == 0 && at < 2 {
                    return Some((by, Some(era)));
                }
                found.get_or_insert((by, None));
            }
        }
    }
    found
}

fn workload(name: &str) -> Principal<'_> {
    Principal {
        kind: PrincipalKind::Workload,
        id: name,
        groups: &[],
        roles: &[],
        authentication: "api-key",
        issuer: None,
        tenant: None,
    }
}

fn ask(
    policies: &Policies,
    scene: &Scene,
    principal: Principal<'_>,
    action: Action,
    about: &About,
    era: &str,
) -> Decision {
    let resource = match about.tool {
        Some(name) => Target::Tool {
            server: &about.server,
            name,
        },
        None => Target::Profile(&about.server),
    };
    // Each of the two servers has a profile of its name.
    let profile = if about.server == scene.web {
        &scene.web
    } else {
        &scene.canary
    };
    policies.authorize(&Query {
        principal,
        action,
        resource,
        context: Context {
            profile,
            era,
            transport: "http",
            sign_in: Default::default(),
        },
    })
}
