//! Reads the text of a host's configuration.

mod codex;
mod document;
mod json;

use crate::entry::Entry;
use crate::host::Host;

/// What a file says about servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The servers, in the order of the file.
    pub entries: Vec<Entry>,
    /// What could not be taken over, in the order of the file.
    pub notes: Vec<Note>,
}

/// Something about one server that an [`Entry`] does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The server's name in the host.
    pub name: String,
    /// The line of the server, counted from 1.
    pub line: usize,
    /// What could not be taken over: a lower-case fragment, without any value of the file.
    pub text: String,
}

/// A file that cannot be read at all. The message holds no value of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct HostError {
    /// The host whose format was expected.
    pub host: Host,
    /// The line of the fault, counted from 1.
    pub line: usize,
    /// The column of the fault in characters, counted from 1.
    pub column: usize,
    /// What is wrong: a lower-case fragment.
    pub message: String,
}

/// The servers of a host's configuration. A file without any section for servers has none.
///
/// # Errors
/// The text is not in the host's format.
pub fn read(host: Host, text: &str) -> Result<Vec<Entry>, HostError> {
    read_all(host, text).map(|reading| reading.entries)
}

/// The servers of a host's configuration, and what could not be taken over of them.
///
/// Comments and trailing commas are accepted in every JSON file, also where the host is stricter.
///
/// # Errors
/// The text is not in the host's format.
pub fn read_all(host: Host, text: &str) -> Result<Reading, HostError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match host {
        Host::Codex => codex::read(text),
        _ => json::read(host, text),
    }
}
