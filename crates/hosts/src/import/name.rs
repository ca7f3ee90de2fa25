//! Names that a `portcullis.toml` accepts, and text that is safe in a comment.

const MAX_BYTES: usize = 32;

/// A valid server name close to `wanted`, with a number when it is taken.
pub(super) fn unique(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let base = valid(wanted, MAX_BYTES);
    if !is_taken(&base) {
        return base;
    }
    (2u32..)
        .map(|number| {
            let suffix = format!("-{number}");
            format!("{}{suffix}", valid(wanted, MAX_BYTES - suffix.len()))
        })
        .find(|name| !is_taken(name))
        .unwrap_or(base)
}

/// Lower-case ASCII letters, digits and inner `-`; at most `max` bytes.
fn valid(wanted: &str, max: usize) -> String {
    let mut name = String::new();
    for character in wanted.chars().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' => name.push(character),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    name.truncate(max);
    let name = name.trim_matches('-');
    match name {
        "" => "server".to_owned(),
        _ => name.to_owned(),
    }
}

/// The text on one line: what is neither a letter, a digit nor ASCII becomes a `·`, since it may
/// be invisible or turn the line around.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match is_plain(character) {
            true => character,
            false => '·',
        })
        .collect()
}

/// Whether a character shows as itself, wherever it stands.
pub(super) fn is_plain(character: char) -> bool {
    character == ' '
        || character.is_ascii_graphic()
        || (!character.is_ascii() && character.is_alphanumeric())
}

/// A host's own name in backticks.
pub(super) fn quoted(name: &str) -> String {
    let short: String = name.chars().take(64).collect();
    format!("`{}`", printable(&short))
}

#[cfg(test)]
mod tests;
