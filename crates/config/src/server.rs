//! The upstream servers.

mod auth;
mod http;
mod identity;

use std::collections::BTreeMap;
use std::time::Duration;

use ::http::HeaderName;
pub use auth::{AuthMethod, ClientDocument, Dpop, ServerAuth, TokenGrant, TokenSource};
pub use identity::ServerIdentity;
use toml_span::{Span, Value};

use crate::authn::Issuers;
use crate::problem::{Mask, Problems};
use crate::secret::{self, SecretRef};
use crate::section::{Section, choice, quoted, wrong_type};

/// One `[servers.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// How the server is reached.
    pub transport: Transport,
    /// Which protocol era to speak.
    pub era: EraChoice,
    /// Who shares a connection to it.
    pub isolation: Isolation,
    /// How the gateway proves to it on whose behalf it calls.
    pub auth: ServerAuth,
    /// By what it is recognised.
    pub identity: ServerIdentity,
    /// Time that the server may take until it has answered its first request.
    pub startup_timeout: Duration,
    /// Time that one request may take; `None`: as `limits.request-timeout` says.
    pub request_timeout: Option<Duration>,
    /// What the server is for, for people.
    pub description: Option<String>,
    /// The line of the entry, counted from 1.
    pub line: usize,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A child process that speaks MCP on stdin and stdout.
    Stdio {
        /// The program, looked up in `PATH` unless it is a path.
        command: String,
        /// Its arguments. They are visible to every user of the machine: no secrets here.
        args: Vec<String>,
        /// Secret environment variables.
        env: BTreeMap<String, SecretRef>,
        /// Environment variables that are no secrets.
        plain_env: BTreeMap<String, String>,
        /// The working directory, relative to the configuration file.
        cwd: Option<String>,
    },
    /// An MCP endpoint over HTTP.
    Http {
        /// An `https` URL, or `http` to a loopback address.
        url: String,
        /// Secret headers; the reference gives the whole header value. Names in lower case.
        headers: BTreeMap<String, SecretRef>,
        /// Headers that are no secrets. Names in lower case.
        plain_headers: BTreeMap<String, String>,
        /// Which of the two HTTP transports.
        kind: HttpKind,
    },
    /// An HTTP API whose operations become tools.
    OpenApi {
        /// The file with the OpenAPI document, relative to the configuration file.
        document: String,
        /// The address that the document's paths continue: as for [`Transport::Http`], and without
        /// a query.
        url: String,
        /// As for [`Transport::Http`].
        headers: BTreeMap<String, SecretRef>,
        /// As for [`Transport::Http`].
        plain_headers: BTreeMap<String, String>,
    },
}

/// Which transport an MCP endpoint over HTTP speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpKind {
    /// Streamable HTTP, or HTTP+SSE when the endpoint offers only that.
    #[default]
    Auto,
    /// Streamable HTTP only.
    StreamableHttp,
    /// The HTTP+SSE of 2024-11-05 only.
    Sse,
}

/// Which protocol era to speak with a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EraChoice {
    /// Find out by asking.
    #[default]
    Auto,
    /// 2026-07-28 and later, stateless.
    Modern,
    /// Up to 2025-11-25, with `initialize`.
    Legacy,
}

/// Who shares a connection to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Every principal has its own connection (for stdio its own process).
    #[default]
    Principal,
    /// All principals share one. Only for servers without state of their own.
    Shared,
}

const STARTUP_TIMEOUT: Duration = Duration::from_secs(30);

const STDIO_KEYS: &[&str] = &["args", "env", "plain-env", "cwd"];
/// The key with the secret headers.
const HTTP_HEADERS: &str = "headers";
const HTTP_KEYS: &[&str] = &[HTTP_HEADERS, "plain-headers", "openapi", "transport"];

impl Server {
    /// A server with the defaults for everything but how it is reached. Its `auth` is what a
    /// configuration without that section means.
    pub fn new(transport: Transport) -> Self {
        let secrets = match &transport {
            Transport::Stdio { env, .. } => env,
            Transport::Http { headers, .. } | Transport::OpenApi { headers, .. } => headers,
        };
        let method = match secrets.is_empty() {
            true => AuthMethod::None,
            false => AuthMethod::Static,
        };
        Self {
            transport,
            era: EraChoice::default(),
            isolation: Isolation::default(),
            auth: ServerAuth {
                method,
                exception_until: None,
            },
            identity: ServerIdentity::default(),
            startup_timeout: STARTUP_TIMEOUT,
            request_timeout: None,
            description: None,
            line: 0,
        }
    }

    /// The host of a server that is reached over a network: not of a child process, and not of an
    /// address on this machine.
    pub fn network_host(&self) -> Option<String> {
        let (Transport::Http { url, .. } | Transport::OpenApi { url, .. }) = &self.transport else {
            return None;
        };
        let uri = crate::url::check(url).ok()?;
        uri.host()
            .filter(|host| !crate::url::is_loopback(host))
            .map(str::to_owned)
    }

    pub(crate) fn read(
        problems: &mut Problems<'_>,
        path: &str,
        (name_span, value): (Span, &Value<'_>),
        issuers: &Issuers<'_>,
    ) -> Option<Self> {
        let Some(table) = value.as_table() else {
            wrong_type(problems, path, value, "a table");
            return None;
        };
        let mut section = Section::new(table, path, value.span);
        let transport = read_transport(problems, &mut section, name_span);
        let era = choice(
            problems,
            &mut section,
            "era",
            &[
                ("auto", EraChoice::Auto),
                ("modern", EraChoice::Modern),
                ("legacy", EraChoice::Legacy),
            ],
        );
        http::check_era(problems, &mut section, transport.as_ref(), era);
        let isolation = choice(
            problems,
            &mut section,
            "isolation",
            &[
                ("principal", Isolation::Principal),
                ("shared", Isolation::Shared),
            ],
        );
        let isolation = isolation.unwrap_or_default();
        let auth = ServerAuth::read(
            problems,
            &mut section,
            transport.as_ref(),
            isolation,
            issuers,
        );
        let identity =
            ServerIdentity::read(problems, &mut section, transport.as_ref(), &auth.method);
        let startup_timeout = section.duration(problems, "startup-timeout");
        let request_timeout = section.duration(problems, "request-timeout");
        let description = section.string(problems, "description");
        section.finish(problems);
        Some(Self {
            transport: transport?,
            era: era.unwrap_or_default(),
            isolation,
            auth,
            identity,
            startup_timeout: startup_timeout.unwrap_or(STARTUP_TIMEOUT),
            request_timeout,
            description: description.map(|(text, _)| text.to_owned()),
            line: problems.line(name_span.start),
        })
    }
}

fn read_transport(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name_span: Span,
) -> Option<Transport> {
    // All keys of both kinds are read, so that every problem is reported and none is "unknown".
    let stdio = read_stdio(problems, section);
    let http = http::read(problems, section);
    let has = |section: &mut Section<'_, '_>, name| section.value(name).is_some();
    let path = section.key("");
    let path = path.trim_end_matches('.');
    let (others, kind, wanted) = match (has(section, "command"), has(section, "url")) {
        (true, false) => (HTTP_KEYS, stdio, "`url`"),
        (false, true) => (STDIO_KEYS, http, "`command`"),
        (both, _) => {
            let message = match both {
                true => format!("`{path}` has both `command` and `url`"),
                false => format!("`{path}` has neither `command` nor `url`"),
            };
            let hint = "a server is either a `command` to run or a `url` to reach";
            problems.push(
                name_span,
                path,
                message,
                Some(hint.to_owned()),
                Mask::Everything,
            );
            return None;
        }
    };
    for name in others.iter().copied() {
        if has(section, name) {
            let message = format!("`{}` is only for servers with {wanted}", section.key(name));
            problems.push(
                section.span_of(name),
                &section.key(name),
                message,
                None,
                Mask::Everything,
            );
        }
    }
    kind
}

fn read_stdio(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<Transport> {
    let command = section.string(problems, "command");
    let args = section.strings(problems, "args");
    let env = read_secrets(problems, section, "env", check_variable);
    let plain_env = read_plain(problems, section, "plain-env", check_variable);
    let cwd = section.string(problems, "cwd");
    for name in env.keys().filter(|name| plain_env.contains_key(*name)) {
        let message = format!("{} is in both `env` and `plain-env`", quoted(name));
        let key = section.key("plain-env");
        problems.push(
            section.span_of("plain-env"),
            &key,
            message,
            None,
            Mask::Everything,
        );
    }
    let (command, span) = command?;
    if command.trim().is_empty() || command.contains('\0') {
        let key = section.key("command");
        let message = format!("`{key}` names no program");
        problems.push(span, &key, message, None, Mask::OtherStrings);
        return None;
    }
    if command.contains(' ') && !command.contains(['/', '\\']) {
        let key = section.key("command");
        let message = format!("`{key}` looks like a whole command line");
        let hint = "no shell is used: put the program in `command`, the rest in `args`";
        problems.push(span, &key, message, Some(hint.to_owned()), Mask::Everything);
        return None;
    }
    Some(Transport::Stdio {
        command: command.to_owned(),
        args: args
            .unwrap_or_default()
            .into_iter()
            .map(|(arg, _)| arg)
            .collect(),
        env,
        plain_env,
        cwd: cwd.map(|(path, _)| path.to_owned()),
    })
}

type NameCheck = fn(&str) -> Result<(), &'static str>;

fn read_secrets(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name: &'static str,
    check: NameCheck,
) -> BTreeMap<String, SecretRef> {
    let path = section.key(name);
    let mut out = BTreeMap::new();
    for (entry, span, value) in section.entries(problems, name) {
        check_name(problems, &path, entry, span, check);
        let key = format!("{path}.{}", shown(entry));
        if let Some(reference) = secret::read(problems, &key, value) {
            out.insert(entry.to_owned(), reference);
        }
    }
    out
}

fn read_plain(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name: &'static str,
    check: NameCheck,
) -> BTreeMap<String, String> {
    let path = section.key(name);
    let mut out = BTreeMap::new();
    for (entry, span, value) in section.entries(problems, name) {
        check_name(problems, &path, entry, span, check);
        match value.as_str() {
            Some(text) => {
                out.insert(entry.to_owned(), text.to_owned());
            }
            None => {
                let key = format!("{path}.{}", shown(entry));
                wrong_type(problems, &key, value, "a string");
            }
        }
    }
    out
}

fn check_name(problems: &mut Problems<'_>, path: &str, name: &str, span: Span, check: NameCheck) {
    if let Err(reason) = check(name) {
        let message = format!("{} {reason}", quoted(name));
        problems.push(span, path, message, None, Mask::Everything);
    }
}

/// A name from the file as part of a dotted key.
fn shown(name: &str) -> String {
    quoted(name).trim_matches('`').to_owned()
}

fn check_variable(name: &str) -> Result<(), &'static str> {
    match name.is_empty() || name.contains(['=', '\0']) {
        true => Err("is no name of an environment variable"),
        false => Ok(()),
    }
}

/// Headers that belong to the connection or to the protocol: the gateway sets them itself.
/// RFC 9110, 7.6.1; RFC 9112; MCP 2026-07-28, transports.
const RESERVED_HEADERS: &[&str] = &[
    "accept",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether `[servers.NAME]` may set a header of this name.
///
/// # Errors
/// Why not: a fragment that follows the name.
pub fn check_header(name: &str) -> Result<(), &'static str> {
    let lower = name.to_ascii_lowercase();
    if HeaderName::from_bytes(lower.as_bytes()).is_err() {
        return Err("is no header name");
    }
    if RESERVED_HEADERS.contains(&lower.as_str()) || lower.starts_with("mcp-") {
        return Err("is a header that only the gateway sets");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
