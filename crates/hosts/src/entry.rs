//! One server as a host's configuration names it.

use std::collections::BTreeMap;
use std::fmt;

/// One server of a host's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name that the host uses.
    pub name: String,
    /// How the host reaches the server.
    pub transport: Transport,
    /// Whether the host has it switched off.
    pub disabled: bool,
    /// The project that it belongs to, where one file has servers of several projects.
    pub project: Option<String>,
    /// The line of the entry, counted from 1.
    pub line: Option<usize>,
}

/// How a host reaches a server. `Debug` shows the names of variables and headers, never values;
/// nor does it show arguments, also those in `command`, or the path of a URL, which may hold secrets
/// too.
#[derive(Clone, PartialEq, Eq)]
pub enum Transport {
    /// A child process.
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Environment variables. Their values are secrets.
        env: BTreeMap<String, String>,
        /// The working directory.
        cwd: Option<String>,
    },
    /// An HTTP endpoint.
    Http {
        /// The URL.
        url: String,
        /// Headers. Their values are secrets.
        headers: BTreeMap<String, String>,
        /// Whether the host speaks the old HTTP+SSE transport (2024-11-05) with it.
        sse: bool,
    },
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdio {
                command,
                args,
                env,
                cwd,
            } => f
                .debug_struct("Stdio")
                .field("command", &command.split(' ').next().unwrap_or_default())
                .field("args", &format_args!("{} hidden", args.len()))
                .field("env", &env.keys())
                .field("cwd", cwd)
                .finish(),
            Self::Http { url, headers, sse } => f
                .debug_struct("Http")
                .field("url", &without_secrets(url))
                .field("headers", &headers.keys())
                .field("sse", sse)
                .finish(),
        }
    }
}

/// Scheme, host and port of a URL: credentials, path and query may hold secrets.
pub(crate) fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "…".to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/…")
}
