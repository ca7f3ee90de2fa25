//! A child's standard error, line by line, into the log.

use std::time::Instant;

use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;
use tokio::time::timeout_at;

use crate::throttle::Throttle;

/// The longest line that is logged, in bytes of the child's text.
const MAX_LINE: usize = 2 * 1024;
/// What is kept of a line for redaction before it is cut.
const MAX_KEPT: usize = 2 * MAX_LINE;
/// Shorter values are not searched for: they would match by chance.
const MIN_SECRET: usize = 6;

/// Logs everything that the child writes, within the rate limit. What the child was given as
/// secret variables is replaced: servers do print their own configuration.
pub(crate) async fn capture(mut stderr: ChildStderr, server: String, secrets: Vec<SecretString>) {
    let mut lines = Lines::default();
    let mut throttle = Throttle::default();
    let mut chunk = [0; 4096];
    loop {
        let read = stderr.read(&mut chunk);
        let read = match throttle.due() {
            None => read.await,
            Some(due) => match timeout_at(due.into(), read).await {
                Ok(read) => read,
                Err(_) => {
                    log_suppressed(&server, throttle.roll(Instant::now()));
                    continue;
                }
            },
        };
        let count = match read {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        for line in lines.feed(chunk.get(..count).unwrap_or_default()) {
            log(&server, &line, &secrets, &mut throttle);
        }
    }
    if let Some(line) = lines.rest() {
        log(&server, &line, &secrets, &mut throttle);
    }
    log_suppressed(&server, throttle.close());
}

fn log(server: &str, line: &[u8], secrets: &[SecretString], throttle: &mut Throttle) {
    let verdict = throttle.line(Instant::now());
    log_suppressed(server, verdict.report);
    if verdict.admit {
        let line = visible(line, secrets);
        tracing::info!(target: "upstream.stderr", server, "{line}");
    }
}

fn log_suppressed(server: &str, lines: Option<u64>) {
    if let Some(lines) = lines {
        tracing::info!(target: "upstream.stderr", server, "suppressed {lines} lines");
    }
}

/// The line as safe text: secrets replaced, cut to size, and nothing left that moves a cursor,
/// changes a colour, hides or reorders text.
fn visible(line: &[u8], secrets: &[SecretString]) -> String {
    let mut text = String::from_utf8_lossy(line).into_owned();
    for secret in secrets.iter().map(ExposeSecret::expose_secret) {
        if secret.len() >= MIN_SECRET && text.contains(secret) {
            text = text.replace(secret, "[redacted]");
        }
    }
    let cut = text.floor_char_boundary(MAX_LINE);
    let (kept, left_out) = text.split_at_checked(cut).unwrap_or((&text, ""));
    let mut shown = String::with_capacity(kept.len());
    for character in kept.chars() {
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    if !left_out.is_empty() || line.len() >= MAX_KEPT {
        shown.push('…');
    }
    shown
}

fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Splits bytes into lines and keeps only the beginning of long ones.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn feed(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut complete = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = MAX_KEPT.saturating_sub(self.0.len());
            self.0.extend(text.iter().take(room));
            if piece.ends_with(b"\n") {
                complete.extend(self.rest());
            }
        }
        complete
    }

    /// The line so far, without a carriage return at its end; `None` when it is empty.
    fn rest(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.0);
        if line.ends_with(b"\r") {
            line.pop();
        }
        (!line.is_empty()).then_some(line)
    }
}

#[cfg(test)]
mod tests;
