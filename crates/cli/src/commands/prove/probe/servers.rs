//! `server-identity` and `egress-guard`: whom the gateway speaks to.

use portcullis_egress::Naming;

use super::{Fate, Observation, Scene, Seen, Stage, echo};
use crate::exit::Failure;

/// The same program, once as the one that is known and once under the digest of another.
pub(super) async fn identity(stage: &Stage) -> Result<Observation, Failure> {
    let right = echo(
        stage,
        &stage.first,
        "a server whose program is the known one",
        |post| post,
    );
    let wrong = echo(
        stage,
        &stage.stranger,
        "a server whose program has another sha256 than configured",
        |post| post,
    );
    Ok(Observation {
        right: right.await?,
        wrong: wrong.await?,
    })
}

/// The same address on this machine, once as the operator's and once as one that others named.
pub(super) async fn egress(stage: &Stage, scene: &Scene) -> Result<Observation, Failure> {
    let fetch = async |naming, tried: &str| {
        let fetched = stage.fetch(&scene.web_url, naming).await;
        let how = match &fetched {
            Ok(()) => "fetched".to_owned(),
            Err(error) => error.to_string(),
        };
        Seen::new(tried, Fate::of(fetched.is_ok()), how)
    };
    Ok(Observation {
        right: fetch(
            Naming::Configured,
            "a fetch from an address that is configured",
        )
        .await,
        wrong: fetch(
            Naming::Found,
            "a fetch from an address on this machine that somebody else named",
        )
        .await,
    })
}
