//! The protocol door: which revision a message speaks, and whether it says so consistently.
//!
//! `Routed → Admitted`. Order of checks: MCP 2026-07-28, versioning and streamable HTTP.

use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::headers::{self, HeaderMismatch};
use portcullis_mcp::json::{self, Object};
use portcullis_mcp::message::{Kind, Message};
use portcullis_mcp::meta;
use portcullis_mcp::method::Method;
use portcullis_mcp::version::{Era, ProtocolVersion};

use crate::arrival::Transport;
use crate::clients::{Clients, SessionKey};
use crate::profile::Routed;
use crate::refusal::{Reason, Refusal};
use crate::session::{Agreed, Sessions};

/// Proof that a message is strict JSON-RPC in a known revision and that its headers agree with it.
#[derive(Debug)]
pub(crate) struct Admitted {
    routed: Routed,
    message: Message,
    protocol: Protocol,
}

/// The revision a message speaks, with what the revision lets it say about its sender.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) version: ProtocolVersion,
    /// Self-reported name and version of the client: a hint for the record, never a grant.
    pub(crate) client: Option<String>,
    pub(crate) log_level: Option<String>,
    /// What the client can be asked for, as far as its profile carries it.
    pub(crate) capabilities: ClientCapabilities,
}

impl Protocol {
    pub(crate) fn era(&self) -> Era {
        self.version.era()
    }

    /// What this greeting agreed on.
    pub(crate) fn agreed(&self) -> Agreed {
        Agreed {
            version: self.version,
            capabilities: self.capabilities,
        }
    }
}

impl Admitted {
    pub(crate) fn routed(&self) -> &Routed {
        &self.routed
    }

    pub(crate) fn message(&self) -> &Message {
        &self.message
    }

    pub(crate) fn protocol(&self) -> &Protocol {
        &self.protocol
    }
}

/// The checks' switches and means.
pub(crate) struct Door<'a> {
    pub(crate) sessions: &'a Sessions,
    pub(crate) clients: &'a Clients,
    pub(crate) header_agreement: bool,
    pub(crate) session_binding: bool,
}

impl Door<'_> {
    /// Classifies a routed message.
    pub(crate) fn admit(&self, routed: Routed, message: Message) -> Result<Admitted, Refusal> {
        let protocol = within(&routed, self.classify(&routed, &message)?)?;
        Ok(Admitted {
            routed,
            message,
            protocol,
        })
    }

    /// The revision of a session whose stream is opened. There is no message that could say it.
    pub(crate) fn stream(&self, routed: &Routed) -> Result<Protocol, Refusal> {
        if let Some(name) = routed.facts().headers.ill_formed {
            return Err(ill_formed(name));
        }
        let protocol = self.in_session(routed, None)?;
        within(routed, protocol)
    }

    fn classify(&self, routed: &Routed, message: &Message) -> Result<Protocol, Refusal> {
        let facts = routed.facts();
        if let Some(name) = facts.headers.ill_formed {
            return Err(ill_formed(name));
        }
        if let Some(stamp) = meta::modern(message.params())? {
            if facts.transport == Transport::Http && self.header_agreement {
                self.headers_agree(routed, message)?;
            }
            let version = ProtocolVersion::parse(&stamp.protocol_version)
                .filter(|version| version.era() == Era::Modern)
                .ok_or_else(|| unsupported(&stamp.protocol_version, None))?;
            return Ok(Protocol {
                version,
                client: stamp.client_info.and_then(client_hint),
                log_level: stamp.log_level.map(|level| level.into_owned()),
                capabilities: ClientCapabilities::read(stamp.client_capabilities, version)?,
            });
        }
        if claims_modern(facts.headers.version.as_deref()) {
            return Err(Refusal::new(Reason::InvalidParams).detail(
                "MCP-Protocol-Version asks for a revision whose requests carry params._meta",
            ));
        }
        match message.method() {
            Some(Method::Initialize) if message.kind() == Kind::Request => initialize(message),
            _ => self.in_session(routed, message.method()),
        }
    }

    fn headers_agree(&self, routed: &Routed, message: &Message) -> Result<(), Refusal> {
        let sent = &routed.facts().headers;
        headers::agree(
            sent.version.as_deref(),
            sent.method.as_deref(),
            sent.name.as_deref(),
            message,
        )
        .map_err(|mismatch: HeaderMismatch| {
            Refusal::new(Reason::HeaderMismatch).detail(mismatch.to_string())
        })
    }

    /// The revision that a legacy session speaks.
    pub(crate) fn session_version(&self, routed: &Routed) -> Result<ProtocolVersion, Refusal> {
        self.agreed(routed).map(|agreed| agreed.version)
    }

    /// Everything legacy but `initialize` lives in what `initialize` agreed on.
    fn in_session(&self, routed: &Routed, method: Option<Method>) -> Result<Protocol, Refusal> {
        let agreed = match (routed.facts().transport, method) {
            // A host may ping a server that it has not initialized yet.
            (Transport::Stdio, Some(Method::Ping)) if routed.facts().connection.is_none() => {
                Agreed {
                    version: ProtocolVersion::LATEST_LEGACY,
                    capabilities: ClientCapabilities::NONE,
                }
            }
            _ => self.agreed(routed)?,
        };
        // A modern server logs as each request says, and a legacy host says it once.
        let host =
            SessionKey::of(routed).and_then(|key| self.clients.find(&key, routed.principal()));
        Ok(Protocol {
            version: agreed.version,
            client: None,
            log_level: host.and_then(|host| host.level()).map(str::to_owned),
            capabilities: agreed.capabilities,
        })
    }

    fn agreed(&self, routed: &Routed) -> Result<Agreed, Refusal> {
        let facts = routed.facts();
        let missing = || Refusal::new(Reason::SessionMissing);
        if facts.transport == Transport::Stdio {
            return facts.connection.ok_or_else(missing);
        }
        if let Some(version) = facts.headers.version.as_deref()
            && ProtocolVersion::parse(version).is_none()
        {
            return Err(unsupported(version, None));
        }
        let id = facts.headers.session.as_deref().ok_or_else(missing)?;
        let (principal, profile) = (routed.principal(), &routed.profile().name);
        let bound = self.session_binding;
        let session = self.sessions.open_id(id, principal, profile, bound)?;
        Ok(session.agreed())
    }
}

/// What a session or a message agreed on, as far as the profile goes along with it.
fn within(routed: &Routed, protocol: Protocol) -> Result<Protocol, Refusal> {
    let profile = routed.profile();
    match profile.minimum_version {
        Some(floor) if protocol.version < floor => {
            Err(unsupported(protocol.version.as_str(), Some(floor)))
        }
        _ => Ok(Protocol {
            capabilities: protocol.capabilities.intersection(profile.features),
            ..protocol
        }),
    }
}

fn ill_formed(name: &str) -> Refusal {
    Refusal::new(Reason::HeaderMismatch).detail(format!("{name} is repeated or not visible ASCII"))
}

fn initialize(message: &Message) -> Result<Protocol, Refusal> {
    let params = message.params().unwrap_or("{}");
    let object = Object::parse(params).map_err(portcullis_mcp::error::WireError::from)?;
    let asked = object
        .string("protocolVersion")
        .map_err(portcullis_mcp::error::WireError::from)?;
    // A client that asks for a revision we do not know is offered our latest (2025-11-25, lifecycle).
    let version = asked
        .as_deref()
        .and_then(ProtocolVersion::parse)
        .filter(|version| version.era() == Era::Legacy)
        .unwrap_or(ProtocolVersion::LATEST_LEGACY);
    let client = object
        .get("clientInfo")
        .and_then(|member| client_hint(member.value));
    let capabilities = match object.get("capabilities") {
        Some(member) => ClientCapabilities::read(member.value, version)?,
        None => ClientCapabilities::NONE,
    };
    Ok(Protocol {
        version,
        client,
        log_level: None,
        capabilities,
    })
}

/// `name/version`, cut to a length that suits a record.
fn client_hint(raw: &str) -> Option<String> {
    let object = Object::parse(raw).ok()?;
    let name = object.string("name").ok()??;
    let version = object.string("version").ok()?.unwrap_or_default();
    let hint = portcullis_shield::sanitise(&format!("{name}/{version}")).into_owned();
    Some(hint.chars().take(128).collect())
}

/// Whether a version header asks for the modern era.
pub(crate) fn claims_modern(header: Option<&str>) -> bool {
    // Revisions are dates, so that text order is time order.
    header.is_some_and(|version| version >= ProtocolVersion::V2026_07_28.as_str())
}

fn unsupported(requested: &str, floor: Option<ProtocolVersion>) -> Refusal {
    let served: Vec<String> = ProtocolVersion::ALL
        .iter()
        .filter(|version| floor.map_or(version.era() == Era::Modern, |floor| **version >= floor))
        .map(|version| json::quote(version.as_str()))
        .collect();
    let requested: String = requested.chars().take(64).collect();
    Refusal::new(Reason::VersionUnsupported)
        .data("supported", format!("[{}]", served.join(",")))
        .data("requested", json::quote(&requested))
}

#[cfg(test)]
mod tests;
