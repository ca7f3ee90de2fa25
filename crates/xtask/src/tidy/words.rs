//! What no committed text may hold: notes to oneself, and paths of somebody's machine.

use super::{Problem, Tree};

/// Written in parts, so that this file does not break its own rule.
const NOTES: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];
const MACHINE: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];
/// The people whose home directories examples and tests may name.
const EXAMPLE_PEOPLE: [&str; 5] = ["ada", "grace", "user", "you", "USER"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| !is_foreign(path)) {
        for (number, line) in text.lines().enumerate() {
            if let Some(note) = NOTES.iter().find(|note| has_word(line, note)) {
                problems.push(Problem::new(
                    path,
                    number + 1,
                    format!("{note}: do it, or open an issue"),
                ));
            }
            if let Some(machine) = MACHINE.iter().find(|machine| has_path(line, machine)) {
                let advice = format!(
                    "{machine} is a path of one machine; examples use /srv or the home of ada"
                );
                problems.push(Problem::new(path, number + 1, advice));
            }
        }
    }
    problems
}

/// Lock files hold hashes, licences other people's words.
fn is_foreign(path: &str) -> bool {
    matches!(path, "Cargo.lock" | "LICENSE") || path.ends_with("package-lock.json")
}

fn has_word(line: &str, word: &str) -> bool {
    occurrences(line, word).any(|(before, after)| {
        !before.is_some_and(char::is_alphanumeric)
            && !after.starts_with(|next: char| next.is_alphanumeric())
    })
}

/// Whether the line has an absolute path that starts so. `https://host/home/` is none.
fn has_path(line: &str, start: &str) -> bool {
    occurrences(line, start).any(|(before, after)| {
        let goes_on = before.is_some_and(|last| {
            last.is_alphanumeric() || matches!(last, '.' | '_' | '-' | '~' | '}' | '*')
        });
        let person = after
            .split(|letter: char| !letter.is_alphanumeric())
            .next()
            .unwrap_or_default();
        !goes_on && !EXAMPLE_PEOPLE.contains(&person)
    })
}

/// Every place where `wanted` is in the line: the character before it and the text behind it.
fn occurrences<'a>(
    line: &'a str,
    wanted: &'a str,
) -> impl Iterator<Item = (Option<char>, &'a str)> {
    line.match_indices(wanted).filter_map(move |(at, _)| {
        let (before, rest) = line.split_at_checked(at)?;
        Some((before.chars().next_back(), rest.strip_prefix(wanted)?))
    })
}

#[cfg(test)]
mod tests;
