//! Bounds on what one client or one server can cost.

use std::time::Duration;

use crate::problem::Problems;
use crate::section::Section;

/// The `[limits]` section. Every limit is finite and above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, in either direction.
    pub max_message: usize,
    /// Nesting of arrays and objects in one message.
    pub max_depth: usize,
    /// Time a request may take, from its arrival to the end of its reply.
    pub request_timeout: Duration,
    /// Entries of one list (tools, prompts, resources) over all its pages, per server.
    pub max_list_items: usize,
    /// Connections, with their processes, that one server may have at a time.
    pub max_sessions_per_server: usize,
    /// How long a connection to a server is kept without use.
    pub session_idle_timeout: Duration,
    /// Time that a host has to answer what a server asks in the middle of a call.
    pub input_timeout: Duration,
    /// Calls of one principal that may wait for such an answer at a time.
    pub max_waiting_calls: usize,
    /// Streams that one principal may have open to hear what servers announce.
    pub max_streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 4 * 1024 * 1024,
            max_depth: 64,
            request_timeout: Duration::from_secs(60),
            max_list_items: 10_000,
            max_sessions_per_server: 64,
            session_idle_timeout: Duration::from_secs(15 * 60),
            input_timeout: Duration::from_secs(5 * 60),
            max_waiting_calls: 64,
            max_streams: 64,
        }
    }
}

impl Limits {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Self {
        let mut section = root.section(problems, "limits");
        let default = Self::default();
        let max_message = section.size(problems, "max-message", 1024..=256 * 1024 * 1024);
        let max_depth = section.count(problems, "max-depth", 4..=512);
        let request_timeout = section.duration(problems, "request-timeout");
        let max_list_items = section.count(problems, "max-list-items", 1..=1_000_000);
        let max_sessions_per_server =
            section.count(problems, "max-sessions-per-server", 1..=100_000);
        let session_idle_timeout = section.duration(problems, "session-idle-timeout");
        let input_timeout = section.duration(problems, "input-timeout");
        let max_waiting_calls = section.count(problems, "max-waiting-calls", 1..=10_000);
        let max_streams = section.count(problems, "max-streams", 1..=10_000);
        section.finish(problems);
        Self {
            max_message: max_message.unwrap_or(default.max_message),
            max_depth: max_depth.unwrap_or(default.max_depth),
            request_timeout: request_timeout.unwrap_or(default.request_timeout),
            max_list_items: max_list_items.unwrap_or(default.max_list_items),
            max_sessions_per_server: max_sessions_per_server
                .unwrap_or(default.max_sessions_per_server),
            session_idle_timeout: session_idle_timeout.unwrap_or(default.session_idle_timeout),
            input_timeout: input_timeout.unwrap_or(default.input_timeout),
            max_waiting_calls: max_waiting_calls.unwrap_or(default.max_waiting_calls),
            max_streams: max_streams.unwrap_or(default.max_streams),
        }
    }
}
