//! Finding out which era a server speaks, and agreeing on a version.

use std::time::{Duration, Instant};

use portcullis_mcp::json::{Object, as_string, elements, quote};
use portcullis_mcp::result::{discover_result, initialize_result};
use portcullis_mcp::{Era, Message, Method, ProtocolVersion, RpcError, codes, message};

use crate::exchange::is_answer;
use crate::link::{Link, Origin};
use crate::outgoing::{CLIENT_INFO, Call};
use crate::peer::Peer;
use crate::spec::EraChoice;
use crate::{Exchange, StartupFailure, UpstreamError};

/// How long the probe may take before the server counts as legacy.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// What client and server agreed on.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) version: ProtocolVersion,
    /// Raw JSON object.
    pub(crate) capabilities: String,
    /// Raw JSON object.
    pub(crate) server_info: Option<String>,
    /// Decoded text.
    pub(crate) instructions: Option<String>,
}

/// What the probe found.
enum Probed {
    Modern(Agreement),
    Legacy,
    /// No answer in time: legacy, or modern and slow to start. The answer may still come.
    Silent(Option<Exchange>),
}

/// Performs the handshake that `choice` asks for. The caller bounds its time.
pub(crate) async fn shake_hands(
    peer: &Peer,
    link: &Link,
    choice: EraChoice,
) -> Result<Agreement, UpstreamError> {
    let agreement = match choice {
        EraChoice::Legacy => initialize(peer, link).await?,
        EraChoice::Modern => match probe(link, None).await? {
            Probed::Modern(agreement) => agreement,
            Probed::Legacy | Probed::Silent(_) => return Err(StartupFailure::Version.into()),
        },
        EraChoice::Auto => match probe(link, Some(PROBE_TIMEOUT)).await? {
            Probed::Modern(agreement) => agreement,
            Probed::Legacy => initialize(peer, link).await?,
            Probed::Silent(exchange) => late(peer, link, exchange).await?,
        },
    };
    peer.agree(agreement.version);
    if agreement.version.era() == Era::Legacy {
        link.tell(message::notification(Method::Initialized.as_str(), None))
            .await?;
    }
    Ok(agreement)
}

/// Asks `server/discover` (2026-07-28, basic/versioning, Backward Compatibility). Only a
/// recognised modern answer is modern; which error a legacy server gives says nothing.
async fn probe(link: &Link, patience: Option<Duration>) -> Result<Probed, UpstreamError> {
    let call = Call::own(Some(ProtocolVersion::LATEST), Method::ServerDiscover, "{}");
    let deadline = patience.map(|patience| Instant::now() + patience);
    // No deadline on the exchange itself: a late answer still counts.
    let sent = link.send(&call, None, Origin::Internal);
    let mut exchange = match crate::stdio::before(deadline, sent).await {
        None => return Ok(Probed::Silent(None)),
        Some(Err(error)) => return not_modern(error),
        Some(Ok(exchange)) => exchange,
    };
    loop {
        match crate::stdio::before(deadline, exchange.next()).await {
            None => return Ok(Probed::Silent(Some(exchange))),
            Some(None) => return Ok(Probed::Legacy),
            Some(Some(Err(error))) => return not_modern(error),
            Some(Some(Ok(message))) if !is_answer(&message) => {}
            Some(Some(Ok(message))) => return discovered(&message),
        }
    }
}

/// The probe failed below JSON-RPC. What another handshake would meet again is final.
fn not_modern(error: UpstreamError) -> Result<Probed, UpstreamError> {
    match error {
        UpstreamError::Http {
            code: Some(code), ..
        } if is_modern_code(code) => Err(StartupFailure::Refused { code }.into()),
        UpstreamError::Http { .. }
        | UpstreamError::Protocol(_)
        | UpstreamError::Unanswered
        | UpstreamError::ContentType
        | UpstreamError::TooLarge
        | UpstreamError::TimedOut => Ok(Probed::Legacy),
        error => Err(error),
    }
}

fn discovered(answer: &Message) -> Result<Probed, UpstreamError> {
    if let Some(error) = answer.error() {
        return refused(&error);
    }
    // A result that does not fit is not a recognised modern answer.
    let Some(Ok(result)) = answer.result().map(discover_result) else {
        return Ok(Probed::Legacy);
    };
    let offered = || result.supported_versions.iter();
    match best(offered().map(AsRef::as_ref), Era::Modern) {
        Some(version) => Ok(Probed::Modern(Agreement {
            version,
            capabilities: result.capabilities.to_owned(),
            server_info: result.server_info.map(str::to_owned),
            instructions: result.instructions.map(Into::into),
        })),
        None if best(offered().map(AsRef::as_ref), Era::Legacy).is_some() => Ok(Probed::Legacy),
        None => Err(StartupFailure::Version.into()),
    }
}

fn refused(error: &RpcError<'_>) -> Result<Probed, UpstreamError> {
    if !is_modern_code(error.code) {
        return Ok(Probed::Legacy);
    }
    if error.code != codes::UNSUPPORTED_VERSION {
        return Err(StartupFailure::Refused { code: error.code }.into());
    }
    // A modern server of other versions. It may also serve a legacy one by `initialize`.
    let legacy = error.data.is_some_and(|data| {
        let supported = Object::parse(data)
            .ok()
            .and_then(|data| data.get("supported").map(|member| member.value.to_owned()))
            .unwrap_or_default();
        let versions = elements(&supported).unwrap_or_default();
        let names: Vec<_> = versions
            .iter()
            .filter_map(|version| as_string(version.value))
            .collect();
        best(names.iter().map(AsRef::as_ref), Era::Legacy).is_some()
    });
    if legacy {
        Ok(Probed::Legacy)
    } else {
        Err(StartupFailure::Version.into())
    }
}

/// Initializes while a probe is still open. A server that was only slow to start answers both;
/// one that refuses `initialize` is believed when its late answer to the probe is modern.
async fn late(
    peer: &Peer,
    link: &Link,
    probe: Option<Exchange>,
) -> Result<Agreement, UpstreamError> {
    match (initialize(peer, link).await, probe) {
        (Err(UpstreamError::Startup(StartupFailure::Refused { code })), Some(probe)) => {
            let answer = crate::stdio::before(Some(Instant::now() + PROBE_TIMEOUT), probe.answer());
            match answer.await {
                Some(Ok(answer)) => match discovered(&answer)? {
                    Probed::Modern(agreement) => Ok(agreement),
                    _ => Err(StartupFailure::Refused { code }.into()),
                },
                _ => Err(StartupFailure::Refused { code }.into()),
            }
        }
        (result, _) => result,
    }
}

/// The legacy handshake (2025-11-25, basic/lifecycle). Any known legacy version is accepted.
async fn initialize(peer: &Peer, link: &Link) -> Result<Agreement, UpstreamError> {
    let params = format!(
        r#"{{"protocolVersion":{},"capabilities":{},"clientInfo":{CLIENT_INFO}}}"#,
        quote(ProtocolVersion::LATEST_LEGACY.as_str()),
        peer.client.legacy
    );
    let call = Call::own(None, Method::Initialize, &params);
    let exchange = link.send(&call, None, Origin::Internal).await?;
    let answer = exchange.answer().await?;
    if let Some(error) = answer.error() {
        return Err(StartupFailure::Refused { code: error.code }.into());
    }
    let Some(Ok(result)) = answer.result().map(initialize_result) else {
        peer.warn("the answer to initialize does not fit the protocol");
        return Err(StartupFailure::Malformed.into());
    };
    let version = ProtocolVersion::parse(&result.protocol_version)
        .filter(|version| version.era() == Era::Legacy)
        .ok_or(StartupFailure::Version)?;
    Ok(Agreement {
        version,
        capabilities: result.capabilities.to_owned(),
        server_info: result.server_info.map(str::to_owned),
        instructions: result.instructions.map(Into::into),
    })
}

/// The latest known version of an era among those that a server names.
fn best<'a>(names: impl Iterator<Item = &'a str>, era: Era) -> Option<ProtocolVersion> {
    names
        .filter_map(ProtocolVersion::parse)
        .filter(|version| version.era() == era)
        .max()
}

/// Codes that only a modern server sends (2026-07-28, changelog).
fn is_modern_code(code: i64) -> bool {
    matches!(
        code,
        codes::HEADER_MISMATCH | codes::MISSING_CAPABILITY | codes::UNSUPPORTED_VERSION
    )
}
