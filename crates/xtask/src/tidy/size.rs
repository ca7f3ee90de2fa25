//! No source file is too long to be read in one go. Tests do not count.

use std::collections::BTreeMap;

use super::{Problem, Tree};

const LIMIT: usize = 600;
/// Files that are longer, each with the length it may have: `PATH LINES`. It may only shrink.
const EXCEPTIONS: &str = "crates/xtask/oversized.txt";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut allowed = exceptions(tree.text(EXCEPTIONS).unwrap_or_default(), &mut problems);
    for (path, text) in tree
        .below("crates/", ".rs")
        .filter(|(path, _)| !is_test(path))
    {
        let length = length(text);
        match allowed.remove(path) {
            Some(most) if length > most => {
                problems.push(Problem::new(
                    path,
                    most,
                    format!("has grown from {most} to {length} lines; split it"),
                ));
            }
            Some(_) if length <= LIMIT => {
                problems.push(Problem::new(
                    EXCEPTIONS,
                    0,
                    format!("{path} is no exception any more; take it out"),
                ));
            }
            Some(most) if length < most => {
                problems.push(Problem::new(
                    EXCEPTIONS,
                    0,
                    format!("{path} has shrunk; write {length}"),
                ));
            }
            None if length > LIMIT => {
                problems.push(Problem::new(
                    path,
                    LIMIT,
                    format!("has {length} lines, of {LIMIT} allowed; split it"),
                ));
            }
            _ => {}
        }
    }
    let gone = allowed
        .into_keys()
        .map(|path| Problem::new(EXCEPTIONS, 0, format!("{path} is gone; take it out")));
    problems.extend(gone);
    problems
}

fn exceptions<'a>(list: &'a str, problems: &mut Vec<Problem>) -> BTreeMap<&'a str, usize> {
    let mut allowed = BTreeMap::new();
    for (number, line) in list
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#'))
    {
        match line
            .split_once(' ')
            .map(|(path, lines)| (path, lines.parse()))
        {
            Some((path, Ok(lines))) => {
                allowed.insert(path, lines);
            }
            _ => problems.push(Problem::new(EXCEPTIONS, number + 1, "expected PATH LINES")),
        }
    }
    allowed
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path
            .split('/')
            .any(|part| part == "tests" || part == "benches")
}

/// Lines before an inline test module, or all of them.
fn length(text: &str) -> usize {
    let mut count = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.ends_with('{')) {
            break;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests;
