//! `definition-pins`: what a server says about itself counts from the moment somebody approved it.

use portcullis_config::RegistryMode;
use serde_json::json;

use super::{Before, Fate, Observation, Scene, Seen, Stage};
use crate::exit::Failure;

pub(super) async fn pins(stage: &Stage, scene: &Scene, before: &Before) -> Result<Observation, Failure> {
    let review = scene.config().registry.mode == RegistryMode::Review;
    let listed = stage.tools().await?.iter().any(|tool| tool == "changing");
    let answered = stage.ask(&stage.first, stage.tool("changing", json!({}))).await?;
    let right = Seen::new(
        "an approved tool",
        Fate::of(listed && answered.is_result()),
        if listed { format!("listed, {}", answered.summary()) } else { "not listed".to_owned() },
    );

    let early = match (&before.listed, review) {
        (Some(listed), true) if !listed.is_empty() => Some(format!("{} tools were listed before approval", listed.len())),
        _ => None,
    };
    stage.change_definition()?;
    let still = stage.tools().await?.iter().any(|tool| tool == "changing");
    let called = stage.ask(&stage.first, stage.tool("changing", json!({}))).await?;
    let unknown = stage.ask(&stage.first, stage.tool("chasming", json!({}))).await?;
    let alike = called.face("changing") == unknown.face("chasming");
    let (fate, how) = match (early, still, called.is_result(), alike) {
        (Some(early), ..) => (Fate::Passed, early),
        (None, true, ..) => (Fate::Passed, "the changed tool is still listed".to_owned()),
        (None, false, true, _) => (Fate::Passed, "the changed tool can still be called".to_owned()),
        (None, false, false, false) => (Fate::Passed, "the refusal tells it from an unknown tool".to_owned()),
        (None, false, false, true) => (Fate::Stopped, format!("not listed, {}", called.summary())),
    };
    let tried = if review { "an unapproved tool, and an approved one that changed" } else { "a pinned tool that changed" };
    Ok(Observation { right, wrong: Seen::new(tried, fate, how) })
}
