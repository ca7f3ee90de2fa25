//! `definition-pins`: what a server says about itself counts from the moment somebody approved it.

use portcullis_config::RegistryMode;
use serde_json::json;

use super::{Before, Fate, Observation, Scene, Seen, Stage};
use crate::exit::Failure;

pub(super) async fn pins(
    stage: &Stage,
    scene: &Scene,
    before: &Before,
) -> Result<Observation, Failure> {
    let review = scene.config().registry.mode == RegistryMode::Review;
    let listed = stage.tools().await?.iter().any(|tool| tool == "changing");
    let answered = stage
        .ask(&stage.first, stage.tool("changing", json!({})))
        .await?;
    let right = Seen::new(
        "an approved tool",
        Fate::of(listed && answered.is_result()),
        if listed {
            format!("listed, {}", answered.summary())
        } else {
            "not listed".to_owned()
        },
    );

    let early = if review {
        before
            .listed
            .as_ref()
            .map(Vec::len)
            .filter(|listed| *listed > 0)
    } else {
        None
    };
    stage.change_definition()?;
    let still = stage.tools().await?.iter().any(|tool| tool == "changing");
    let called = stage
        .ask(&stage.first, stage.tool("changing", json!({})))
        .await?;
    let unknown = stage
        .ask(&stage.first, stage.tool("chasming", json!({})))
        .await?;
    let alike = called.face("changing") == unknown.face("chasming");
    let changed = match (still, called.is_result(), alike) {
        (true, true, _) => Some("listed and callable after it changed"),
        (true, false, _) => Some("listed after it changed"),
        (false, true, _) => Some("callable after it changed"),
        (false, false, false) => Some("after it changed, told from an unknown tool"),
        (false, false, true) => None,
    };
    // Without the control both must be seen to come through: each shows that its part of the probe
    // can fail. With it, one that comes through is one too many.
    let passed = match stage.controls.definition_pins {
        true => early.is_some() || changed.is_some(),
        false => (early.is_some() || !review) && changed.is_some(),
    };
    let early = early.map(|listed| format!("{listed} tools listed before approval"));
    let faults: Vec<String> = early
        .into_iter()
        .chain(changed.map(str::to_owned))
        .collect();
    let (fate, how) = match faults.is_empty() {
        true => (
            Fate::of(passed),
            format!("not listed, {}", called.summary()),
        ),
        false => (Fate::of(passed), faults.join("; ")),
    };
    let tried = if review {
        "an unapproved tool, and an approved one that changed"
    } else {
        "a pinned tool that changed"
    };
    Ok(Observation {
        right,
        wrong: Seen::new(tried, fate, how),
    })
}
