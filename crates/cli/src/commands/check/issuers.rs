//! What every issuer answers when it is asked.

use std::sync::Arc;

use portcullis_gateway::Loaded;
use portcullis_identity::{Context, Issuers};
use portcullis_oauth::SystemClock;
use serde::Serialize;

use crate::commands::vault::surroundings;
use crate::exit::Failure;
use crate::terminal;

/// One issuer, asked.
#[derive(Serialize)]
pub(super) struct Asked {
    pub(super) issuer: String,
    pub(super) found: Vec<String>,
    pub(super) problems: Vec<String>,
}

/// Asks every issuer for what a token would make the gateway ask for.
pub(super) async fn ask(loaded: &Loaded) -> Result<Vec<Asked>, Failure> {
    let authn = &loaded.config.authn;
    if authn.issuers.is_empty() {
        return Ok(Vec::new());
    }
    let surroundings = surroundings(loaded)?;
    let context = Context {
        client: &surroundings.client,
        clock: Arc::new(SystemClock::new()),
        secrets: &surroundings.references,
        base: &loaded.base,
        nonces: None,
    };
    let issuers = Issuers::new(authn, &context, None)
        .await
        .map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Failure::new(format!(
                "the issuers cannot be asked: {}",
                problems.join("; ")
            ))
        })?;
    let probed = issuers.probe().await.into_iter();
    Ok(probed
        .map(|probed| Asked {
            issuer: probed.issuer,
            found: probed.found,
            problems: probed.problems.iter().map(ToString::to_string).collect(),
        })
        .collect())
}

impl Asked {
    pub(super) fn show(&self) {
        let name = terminal::cyan(&self.issuer);
        let found: Vec<String> = self
            .found
            .iter()
            .map(|found| terminal::on_one_line(found))
            .collect();
        let mark = match self.problems.is_empty() {
            true => terminal::green("ok"),
            false => terminal::red("no"),
        };
        terminal::line(format!("{mark} issuer {name}  {}", found.join(", ")));
        for problem in &self.problems {
            terminal::line(format!("   {}", terminal::on_one_line(problem)));
        }
    }
}
