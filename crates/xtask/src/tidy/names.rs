//! Names that say nothing about what they name.

use super::{Problem, Tree};

const EMPTY: [&str; 10] = [
    "manager",
    "managers",
    "helper",
    "helpers",
    "util",
    "utils",
    "utility",
    "utilities",
    "common",
    "core",
];
const DECLARATIONS: [&str; 5] = ["struct", "enum", "trait", "type", "mod"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.below("crates/", ".rs") {
        problems.extend(path_problem(path));
        for (number, line) in text.lines().enumerate() {
            if let Some(name) = declared(line).filter(|name| is_empty(name)) {
                problems.push(Problem::new(
                    path,
                    number + 1,
                    format!("`{name}` says nothing; name what it does"),
                ));
            }
        }
    }
    problems
}

fn path_problem(path: &str) -> Option<Problem> {
    if path.ends_with("/mod.rs") {
        return Some(Problem::new(
            path,
            0,
            "use NAME.rs beside NAME/, never mod.rs",
        ));
    }
    path.split('/')
        .map(|part| part.trim_end_matches(".rs"))
        .find(|part| is_empty(part))
        .map(|part| {
            Problem::new(
                path,
                0,
                format!("`{part}` says nothing; name what is in it"),
            )
        })
}

/// The name that a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = line
        .split_whitespace()
        .skip_while(|word| *word == "pub" || word.starts_with("pub("));
    let keyword = words.next()?;
    if !DECLARATIONS.contains(&keyword) {
        return None;
    }
    words
        .next()?
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .next()
}

/// Whether one of the words in a name, be it `snake_case` or `CamelCase`, is an empty one.
fn is_empty(name: &str) -> bool {
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() || matches!(letter, '_' | '-') {
            if EMPTY.contains(&word.as_str()) {
                return true;
            }
            word.clear();
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    EMPTY.contains(&word.as_str())
}

#[cfg(test)]
mod tests;
