//! What the gateway answers itself: the greeting of both eras, `ping`, log levels.

use portcullis_mcp::capabilities::{ClientCapabilities, ServerCapabilities};
use portcullis_mcp::json::{Object, quote};
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use portcullis_mcp::version::{Era, ProtocolVersion};
use portcullis_shield::{Finding, Verdict};
use portcullis_upstream::Request;

use crate::authz::Permitted;
use crate::protocol::Admitted;
use crate::receipt;
use crate::refusal::{Reason, Refusal};
use crate::servers::Leases;
use crate::shield::{self, Judged};
use crate::snapshot::Snapshot;

/// What the servers of a profile offer together.
#[derive(Debug)]
struct Offer {
    capabilities: ServerCapabilities,
    /// What the profile carries.
    features: ClientCapabilities,
    instructions: Vec<String>,
    verdict: Verdict,
    findings: Vec<Finding>,
}

/// The result of `initialize` (2025-11-25, lifecycle).
pub(crate) async fn initialize(
    permitted: &Permitted<Admitted>,
    leases: &Leases<'_>,
    snapshot: &Snapshot,
) -> Result<Judged, Refusal> {
    let admitted = permitted.what();
    // A greeting without the members it needs is refused, never guessed at.
    view(Method::Initialize, admitted.message().params())?;
    let offer = offer(admitted, leases, snapshot).await?;
    let mut json = format!(
        "{{\"protocolVersion\":{},\"capabilities\":{},\"serverInfo\":{}",
        quote(admitted.protocol().version.as_str()),
        offer.capabilities(Era::Legacy),
        receipt::server_info(),
    );
    push_instructions(&mut json, &offer);
    json.push('}');
    Ok(offer.judged(json))
}

/// The result of `server/discover` (2026-07-28).
pub(crate) async fn discover(
    permitted: &Permitted<Admitted>,
    leases: &Leases<'_>,
    snapshot: &Snapshot,
) -> Result<Judged, Refusal> {
    let offer = offer(permitted.what(), leases, snapshot).await?;
    let versions: Vec<String> = ProtocolVersion::ALL
        .iter()
        .filter(|version| version.era() == Era::Modern)
        .map(|version| quote(version.as_str()))
        .collect();
    let mut json = format!(
        "{{\"supportedVersions\":[{}],\"capabilities\":{}",
        versions.join(","),
        offer.capabilities(Era::Modern)
    );
    push_instructions(&mut json, &offer);
    json.push('}');
    Ok(offer.judged(json))
}

/// Passes a log level on to the servers that log.
pub(crate) async fn set_level(
    permitted: &Permitted<Admitted>,
    leases: &Leases<'_>,
) -> Result<String, Refusal> {
    let admitted = permitted.what();
    let Params::SetLevel { level } = view(Method::LoggingSetLevel, admitted.message().params())?
    else {
        return Err(Refusal::new(Reason::InvalidParams));
    };
    // Only the level goes on: it is one of eight words, and nothing else was judged.
    let params = format!("{{\"level\":{}}}", quote(&level));
    for member in &admitted.routed().profile().members {
        let Ok(lease) = leases.lease(&member.server) else {
            continue;
        };
        let Ok(connection) = lease.connection().await else {
            continue;
        };
        if connection.era() == Era::Modern || !has(connection.capabilities(), "logging") {
            continue;
        }
        let request = Request {
            method: Method::LoggingSetLevel,
            params: &params,
            name: None,
            headers: &[],
            progress: false,
            log_level: None,
            credentials: None,
        };
        match connection.request(request).await {
            Ok(exchange) => {
                if let Err(error) = exchange.answer().await {
                    tracing::warn!(server = %member.server, %error, "the log level was not taken");
                }
            }
            Err(error) => {
                tracing::warn!(server = %member.server, %error, "the log level was not taken")
            }
        }
    }
    Ok("{}".to_owned())
}

async fn offer(
    admitted: &Admitted,
    leases: &Leases<'_>,
    snapshot: &Snapshot,
) -> Result<Offer, Refusal> {
    let profile = admitted.routed().profile();
    let mut offer = Offer {
        capabilities: ServerCapabilities::default(),
        features: profile.features,
        instructions: profile.instructions.iter().cloned().collect(),
        verdict: Verdict::Allow,
        findings: Vec::new(),
    };
    let connections =
        futures_util::future::join_all(profile.members.iter().map(|member| async move {
            let lease = leases.lease(&member.server)?;
            let connection = lease.connection().await?;
            Ok::<_, Refusal>((lease, connection))
        }))
        .await;
    let alone = profile.members.len() == 1;
    for (member, connected) in profile.members.iter().zip(connections) {
        let (lease, connection) = match connected {
            Ok(connected) => connected,
            // It has something to offer once the user has an account there.
            Err(refusal) if refusal.is_about_sign_in() => {
                tracing::info!(server = %member.server, reason = refusal.reason().face().id, "unknown in the greeting");
                offer.capabilities = offer.capabilities.union(ServerCapabilities {
                    tools: true,
                    prompts: true,
                    resources: true,
                    ..ServerCapabilities::default()
                });
                continue;
            }
            Err(refusal) if alone => return Err(refusal),
            Err(refusal) => {
                tracing::warn!(server = %member.server, reason = refusal.reason().face().id, cause = refusal.cause().map(tracing::field::display), "left out of the greeting");
                continue;
            }
        };
        match ServerCapabilities::read(connection.capabilities()) {
            Ok(offered) => offer.capabilities = offer.capabilities.union(offered),
            Err(error) => {
                tracing::warn!(server = %member.server, %error, "capabilities that cannot be read are left out of the greeting");
            }
        }
        if let Some(approved) = lease
            .catalogue()
            .instructions(&leases.source(&lease, &connection))
            .await?
            && let Some(text) = connection.instructions()
        {
            tracing::debug!(server = %member.server, pin = approved.hash, "instructions are approved");
            let judged = shield::screen_reply(snapshot.shield(), &quote(text))
                .map_err(|(refusal, _)| refusal)?;
            offer.verdict = offer.verdict.max(judged.verdict);
            offer.findings.extend(judged.findings);
            let text = portcullis_mcp::json::as_string(&judged.text)
                .unwrap_or_default()
                .into_owned();
            offer.instructions.push(if alone {
                text
            } else {
                format!(
                    "About the tools named {}: {text}",
                    profile.expose(&member.server, "…")
                )
            });
        }
    }
    Ok(offer)
}

impl Offer {
    /// The greeting with what the shield said about the instructions in it.
    fn judged(self, text: String) -> Judged {
        Judged {
            text,
            verdict: self.verdict,
            findings: self.findings,
        }
    }

    /// Every list may change without its server saying so: an operator approves a definition, a
    /// policy hides one. An extension is offered where the profile carries it.
    fn capabilities(&self, era: Era) -> String {
        let offered = self.capabilities;
        let carried = |extension| self.features.contains(extension);
        ServerCapabilities {
            tools_list_changed: offered.tools,
            prompts_list_changed: offered.prompts,
            resources_list_changed: offered.resources,
            tasks: offered.tasks && carried(ClientCapabilities::TASKS),
            ui: offered.ui && carried(ClientCapabilities::UI),
            ..offered
        }
        .write(era)
    }
}

fn push_instructions(json: &mut String, offer: &Offer) {
    if !offer.instructions.is_empty() {
        json.push_str(",\"instructions\":");
        json.push_str(&quote(&offer.instructions.join("\n\n")));
    }
}

fn has(capabilities: &str, member: &str) -> bool {
    Object::parse(capabilities).is_ok_and(|object| object.get(member).is_some())
}
