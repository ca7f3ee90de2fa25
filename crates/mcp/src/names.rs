//! The names under which an aggregating profile shows the tools and prompts of its servers.

/// Stands between the server's name and its tool's or prompt's name.
pub const SEPARATOR: &str = "__";

/// Whether a name may name a server: 1 to 32 of `a-z`, `0-9` and inner `-`.
///
/// It holds no `_`, so the first [`SEPARATOR`] in an exposed name always ends the server's name.
pub fn valid_server_name(name: &str) -> bool {
    let ends = |c: Option<&u8>| matches!(c, Some(b'a'..=b'z' | b'0'..=b'9'));
    let bytes = name.as_bytes();
    bytes.len() <= 32
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The name under which `server`'s `name` is shown.
pub fn expose(server: &str, name: &str) -> String {
    [server, SEPARATOR, name].concat()
}

/// The server and its own name behind an exposed name; `None` when it cannot come from [`expose`]
/// with a valid server name.
pub fn split(exposed: &str) -> Option<(&str, &str)> {
    let (server, name) = exposed.split_once(SEPARATOR)?;
    (valid_server_name(server) && !name.is_empty()).then_some((server, name))
}

/// Whether a tool's name keeps to the rule of 2026-07-28 (server/tools, "Tool Names"): 1 to 128 of
/// `A-Z`, `a-z`, `0-9`, `_`, `-` and `.`.
pub fn valid_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests;
