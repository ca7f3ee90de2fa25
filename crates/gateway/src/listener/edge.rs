//! What can be judged from a request's head alone.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, FORWARDED, HOST, ORIGIN};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, Uri};
use portcullis_config::Config;
use portcullis_identity::{Certificate, CertificateUnreadable, Scheme};
use secrecy::SecretString;

use super::forwarded;
use crate::arrival::{Arrival, Credential, Facts, Headers, Selector, ShownToken, Transport};
use crate::refusal::{Reason, Refusal};

/// The media types a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) json: bool,
    pub(super) stream: bool,
    /// Whether the client would rather have a stream than one document: it names that first.
    pub(super) rather_stream: bool,
}

impl Accepted {
    pub(super) fn both() -> Self {
        Self {
            json: true,
            stream: true,
            rather_stream: false,
        }
    }

    /// `None` when the client takes neither. No `Accept` header at all means anything.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(ACCEPT) {
            return Some(Self::both());
        }
        let mut accepted = Self {
            json: false,
            stream: false,
            rather_stream: false,
        };
        for value in headers.get_all(ACCEPT) {
            for media in value.to_str().unwrap_or_default().split(',') {
                match media
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_ascii_lowercase()
                    .as_str()
                {
                    "*/*" => accepted = Self::both(),
                    "application/json" | "application/*" => accepted.json = true,
                    "text/event-stream" | "text/*" => {
                        accepted.rather_stream |= !accepted.json;
                        accepted.stream = true;
                    }
                    _ => {}
                }
            }
        }
        (accepted.json || accepted.stream).then_some(accepted)
    }
}

/// Takes the credential and the facts out of a request's head.
pub(super) fn arrival(
    head: &Parts,
    remote: SocketAddr,
    certificate: Option<Arc<Certificate>>,
    config: &Config,
) -> Arrival {
    let mut ill_formed = None;
    let mut single = |name: &'static str| single(&head.headers, name, &mut ill_formed);
    let headers = Headers {
        version: single("mcp-protocol-version"),
        method: single("mcp-method"),
        name: single("mcp-name"),
        session: single("mcp-session-id"),
        last_event: single("last-event-id"),
        params: Vec::new(),
        ill_formed: None,
    };
    let params = mirrored_arguments(&head.headers, &mut ill_formed);
    let forwarded = head.headers.contains_key(FORWARDED)
        || head.headers.contains_key("x-forwarded-for")
        || head.headers.contains_key("x-real-ip");
    let (certificate, believed) = match forwarded_certificate(head, remote, config) {
        Ok(None) => (certificate, true),
        Ok(Some(theirs)) => (Some(Arc::new(theirs)), true),
        Err(_) => (None, false),
    };
    Arrival {
        credential: match believed {
            true => credential(head),
            // Whoever it was, it is not known: what else was shown must not stand for it.
            false => Credential::Unreadable,
        },
        facts: Facts {
            transport: Transport::Http,
            remote: Some(remote),
            certificate,
            forwarded,
            profile: Selector::Path(head.uri.path().to_owned()),
            headers: Headers {
                params,
                ill_formed,
                ..headers
            },
            connection: None,
        },
    }
}

/// The client's certificate in the words of a proxy, where the connection comes from one that the
/// configuration trusts for it.
fn forwarded_certificate(
    head: &Parts,
    remote: SocketAddr,
    config: &Config,
) -> Result<Option<Certificate>, CertificateUnreadable> {
    let trusted = &config.listen.trusted_proxies;
    if trusted.iter().any(|proxy| proxy.contains(remote.ip())) {
        forwarded::certificate(&head.headers)
    } else {
        Ok(None)
    }
}

/// `Host` and `Origin` (MCP 2026-07-28, streamable HTTP, security): a web page that rebinds a name
/// to this machine must not reach the gateway.
pub(super) fn check(head: &Parts, config: &Config) -> Result<(), Refusal> {
    check_host(head, config)?;
    if config.controls.origin_check {
        for origin in head.headers.get_all(ORIGIN) {
            if !origin
                .to_str()
                .is_ok_and(|origin| origin_allowed(origin, config))
            {
                return Err(Refusal::new(Reason::OriginNotAllowed));
            }
        }
    }
    Ok(())
}

/// `Host` alone, for what pages of any origin may ask.
pub(super) fn check_host(head: &Parts, config: &Config) -> Result<(), Refusal> {
    match config.controls.host_check && !host_allowed(head, config) {
        true => Err(Refusal::new(Reason::HostNotAllowed)),
        false => Ok(()),
    }
}

/// Whether the configuration names this origin.
pub(super) fn is_named(origin: &str, config: &Config) -> bool {
    let mut named = config.listen.allowed_origins.iter();
    named.any(|known| known.eq_ignore_ascii_case(origin))
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

fn credential(head: &Parts) -> Credential {
    let mut values = head.headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Credential::None,
        (Some(_), Some(_)) => Credential::Unreadable,
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .and_then(|(scheme, token)| Some((Scheme::parse(scheme)?, token.trim())))
            .map_or(Credential::Unreadable, |(scheme, token)| {
                let path = head.uri.path_and_query().map(PathAndQuery::as_str);
                Credential::Token(ShownToken {
                    scheme,
                    token: SecretString::from(token),
                    proof: proof(&head.headers),
                    request: (head.method.clone(), path.unwrap_or("/").to_owned()),
                })
            }),
    }
}

/// The one `DPoP` header (RFC 9449 section 4.3); several are as good as none.
fn proof(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("dpop").iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::to_owned),
        _ => None,
    }
}

fn single(
    headers: &HeaderMap,
    name: &'static str,
    ill_formed: &mut Option<&'static str>,
) -> Option<String> {
    let mut values = headers.get_all(HeaderName::from_static(name)).iter();
    let first = values.next()?;
    match (first.to_str(), values.next()) {
        (Ok(value), None) => Some(value.to_owned()),
        _ => {
            *ill_formed = Some(name);
            None
        }
    }
}

/// The headers that mirror arguments of a tool (2026-07-28, custom headers).
fn mirrored_arguments(
    headers: &HeaderMap,
    ill_formed: &mut Option<&'static str>,
) -> Vec<(String, String)> {
    let mut mirrored: Vec<(String, String)> = Vec::new();
    for (name, value) in headers {
        let Some(suffix) = name.as_str().strip_prefix("mcp-param-") else {
            continue;
        };
        match value.to_str() {
            Ok(value) if mirrored.iter().all(|(known, _)| known != suffix) => {
                mirrored.push((suffix.to_owned(), value.to_owned()));
            }
            _ => *ill_formed = Some("mcp-param-*"),
        }
    }
    mirrored
}

/// HTTP/2 names the host in `:authority`, HTTP/1.1 in `Host`. Both, if present, must be allowed.
fn host_allowed(head: &Parts, config: &Config) -> bool {
    let mut hosts: Vec<&str> = Vec::with_capacity(2);
    hosts.extend(head.uri.authority().map(Authority::as_str));
    for value in head.headers.get_all(HOST) {
        match value.to_str() {
            Ok(value) => hosts.push(value),
            Err(_) => return false,
        }
    }
    !hosts.is_empty() && hosts.iter().all(|host| is_known_host(host, config))
}

fn is_known_host(host: &str, config: &Config) -> bool {
    // As an authority and nothing else: a path or user information in it is not passed over.
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if host.contains('@') {
        return false;
    }
    let name = authority.host();
    let public = config
        .listen
        .public_url
        .as_deref()
        .and_then(|url| url.parse::<Uri>().ok());
    is_loopback(name)
        || name.trim_matches(['[', ']']) == config.listen.address.ip().to_string()
        || public
            .as_ref()
            .and_then(Uri::host)
            .is_some_and(|known| known.eq_ignore_ascii_case(name))
        || config
            .listen
            .allowed_hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(host))
}

fn origin_allowed(origin: &str, config: &Config) -> bool {
    if is_named(origin, config) {
        return true;
    }
    // Our own pages: forms that people send where they sign in.
    let own = config.listen.base_url().and_then(|url| {
        let uri = url.parse::<Uri>().ok()?;
        Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
    });
    if own.is_some_and(|own| own.eq_ignore_ascii_case(origin)) {
        return true;
    }
    // A page that this machine itself serves may call a gateway that only this machine reaches.
    let local = origin
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(is_loopback))
        .unwrap_or(false);
    local && config.listen.address.ip().is_loopback()
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
