//! What has no switch: properties that the gateway's construction gives.

use portcullis_lab::servers::harvester::Harvest;
use serde::Serialize;
use serde_json::json;

use super::super::client::Post;
use super::super::scene::{Scene, WEATHER};
use super::{Fate, Seen, Stage, echo};
use crate::exit::Failure;

/// A property that cannot be switched off, and whether it was seen to hold.
#[derive(Debug, Serialize)]
pub(in super::super) struct Property {
    pub(in super::super) name: &'static str,
    pub(in super::super) holds: bool,
    pub(in super::super) tried: String,
    pub(in super::super) how: String,
}

/// Tries every property on a stage. `harvest` is the server that is reached over HTTP.
pub(in super::super) async fn properties(
    stage: &Stage,
    scene: &Scene,
    harvest: &Harvest,
) -> Result<Vec<Property>, Failure> {
    let must_stop = |name, seen: Seen| Property {
        name,
        holds: seen.fate == Fate::Stopped,
        tried: seen.tried,
        how: seen.how,
    };
    let twice = echo(
        stage,
        &stage.first,
        "a message that names its tool twice",
        |post| post.edit("\"name\":\"echo\"", "\"name\":\"slow\",\"name\":\"echo\""),
    )
    .await?;
    Ok(vec![
        must_stop("strict-json", twice),
        must_stop("default-deny", unknown_method(stage).await?),
        must_stop("token-stops-here", token(stage, scene, harvest).await?),
    ])
}

async fn unknown_method(stage: &Stage) -> Result<Seen, Failure> {
    let id = stage.fresh();
    let reply = stage
        .ask(
            &stage.first,
            Post::modern(&id, "tools/unheard-of", json!({"text": id})),
        )
        .await?;
    let passed = reply.is_result() || stage.reached(&id)?;
    Ok(Seen::new(
        "a method that nobody knows",
        Fate::of(passed),
        reply.summary(),
    ))
}

/// Calls a server over HTTP, which keeps every header and body that it is sent.
async fn token(stage: &Stage, scene: &Scene, harvest: &Harvest) -> Result<Seen, Failure> {
    let reply = stage
        .ask(&stage.web, stage.tool(WEATHER, json!({"city": "Ely"})))
        .await?;
    let tried = "the caller's key on its way to a server";
    if !reply.is_result() || harvest.received().is_empty() {
        return Ok(Seen::new(
            tried,
            Fate::Passed,
            format!(
                "nothing was seen, the server was not reached: {}",
                reply.summary()
            ),
        ));
    }
    let record = stage.record()?;
    if record.is_empty() {
        let nothing = "nothing was seen, the server on standard input recorded no message";
        return Ok(Seen::new(tried, Fate::Passed, nothing.to_owned()));
    }
    let key = &scene.first.key;
    let mut places = harvest.places_of(key);
    if record.contains(key) {
        places.push("standard input".to_owned());
    }
    let how = match places.is_empty() {
        true => format!(
            "in none of {} HTTP requests, nor on standard input",
            harvest.received().len()
        ),
        false => format!("arrived in: {}", places.join(", ")),
    };
    Ok(Seen::new(tried, Fate::of(!places.is_empty()), how))
}
