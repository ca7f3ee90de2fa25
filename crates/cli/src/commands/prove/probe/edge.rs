//! `host-check`, `origin-check` and `header-agreement`: what a request's head says.

use super::{Observation, Scene, Stage, echo};
use crate::exit::Failure;

/// A name that is reserved never to be anybody's (RFC 6761).
const FOREIGN: &str = "portcullis-prove.invalid";

/// A web page that rebinds its name to this machine sends its own name as `Host`.
pub(super) async fn host(stage: &Stage) -> Result<Observation, Failure> {
    Ok(Observation {
        right: echo(stage, &stage.first, "a call to 127.0.0.1", |post| post).await?,
        wrong: echo(
            stage,
            &stage.first,
            "the same call with a foreign Host",
            |post| post.header("host", FOREIGN),
        )
        .await?,
    })
}

pub(super) async fn origin(stage: &Stage, scene: &Scene) -> Result<Observation, Failure> {
    let listen = &scene.config().listen;
    let known = match listen.allowed_origins.first() {
        Some(origin) => Some(origin.clone()),
        None => listen
            .address
            .ip()
            .is_loopback()
            .then(|| "http://localhost:3000".to_owned()),
    };
    let right = match known {
        Some(origin) => {
            let tried = format!("a call from the page {origin}");
            echo(stage, &stage.first, &tried, |post| {
                post.header("origin", origin)
            })
            .await?
        }
        None => {
            echo(
                stage,
                &stage.first,
                "a call from a program, without Origin",
                |post| post,
            )
            .await?
        }
    };
    let foreign = format!("https://{FOREIGN}");
    let wrong = echo(
        stage,
        &stage.first,
        "a call from a foreign web page",
        |post| post.header("origin", foreign),
    )
    .await?;
    Ok(Observation { right, wrong })
}

/// Whoever routes or filters by header must see what the body says.
pub(super) async fn headers(stage: &Stage) -> Result<Observation, Failure> {
    Ok(Observation {
        right: echo(
            stage,
            &stage.first,
            "a call whose headers repeat its body",
            |post| post,
        )
        .await?,
        wrong: echo(
            stage,
            &stage.first,
            "a call with another tool's name in Mcp-Name",
            |post| post.header("mcp-name", "hidden"),
        )
        .await?,
    })
}
