//! The probes: one for each control.
//!
//! A probe tries one thing that must be let through and one that must be stopped, and says what it
//! saw. The same probe runs on a stage without its control, where the wrong thing must come through:
//! a probe that cannot fail shows nothing.

mod audit;
mod content;
mod definitions;
mod edge;
mod identity;
mod policy;
mod properties;
mod servers;

use serde_json::json;

use super::client::{Client, Post};
use super::observation::{Fate, Observation, Seen};
use super::scene::Scene;
use super::stage::Stage;
use crate::exit::Failure;

pub(super) use properties::{Property, properties};

/// What is known about a stage before the probes run on it.
pub(super) struct Before {
    /// The tools that were listed before anything was approved; `None` when that was not looked at.
    pub(super) listed: Option<Vec<String>>,
}

/// Tries a control. `None` when there is no probe for it.
pub(super) async fn observe(
    control: &str,
    stage: &Stage,
    scene: &Scene,
    before: &Before,
) -> Result<Option<Observation>, Failure> {
    let observation = match control {
        "host-check" => edge::host(stage).await,
        "origin-check" => edge::origin(stage, scene).await,
        "header-agreement" => edge::headers(stage).await,
        "authentication" => identity::authentication(stage).await,
        "revocation" => identity::revocation(stage).await,
        "session-binding" => identity::session(stage).await,
        "definition-pins" => definitions::pins(stage, scene, before).await,
        "server-identity" => servers::identity(stage).await,
        "authorization" => policy::authorization(stage).await,
        "step-up" => policy::step_up(stage).await,
        "sanitiser" => content::sanitiser(stage, scene).await,
        "egress-guard" => servers::egress(stage, scene).await,
        "receipts" => content::receipts(stage, scene).await,
        "audit" => audit::audit(stage).await,
        _ => return Ok(None),
    };
    observation.map(Some)
}

/// Calls `echo`, changed by `change`, and looks whether it got to the canary or was answered.
async fn echo(
    stage: &Stage,
    client: &Client,
    tried: &str,
    change: impl FnOnce(Post) -> Post,
) -> Result<Seen, Failure> {
    let text = stage.fresh();
    let post = stage.tool("echo", json!({"text": text}));
    echoed(stage, client, tried, &text, change(post)).await
}

/// Sends a call of `echo` with this text.
async fn echoed(
    stage: &Stage,
    client: &Client,
    tried: &str,
    text: &str,
    post: Post,
) -> Result<Seen, Failure> {
    let reply = stage.ask(client, post).await?;
    let passed = reply.text() == Some(text) || stage.reached(text)?;
    Ok(Seen::new(tried, Fate::of(passed), reply.summary()))
}

#[cfg(test)]
mod tests {
    use portcullis_config::CONTROLS;

    #[test]
    fn every_control_has_a_probe() {
        let source = include_str!("probe.rs");
        for control in CONTROLS {
            assert!(
                source.contains(&format!("\"{}\" =>", control.name)),
                "{}",
                control.name
            );
        }
    }
}
