//! The rules of the house that no compiler checks. `cargo xtask tidy` runs them, and so does a test.

mod house;
mod links;
mod names;
mod size;
mod tree;
mod words;

use std::path::Path;

use crate::{Outcome, say};
use tree::Tree;

/// One place where a rule is broken: `path`, `line` (0 for the whole file) and what to do.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    line: usize,
    text: String,
}

impl Problem {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            text: text.into(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// Checks the repository at `root`.
///
/// # Errors
/// Every problem found, one to a line.
pub(crate) fn run(root: &Path) -> Outcome {
    let tree = Tree::read(root)?;
    let problems = problems(&tree);
    if problems.is_empty() {
        say(&format!("   {} files are tidy", tree.len()));
        return Ok(());
    }
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    Err(format!(
        "{}\nto run it again:\n    cargo xtask tidy",
        lines.join("\n")
    ))
}

fn problems(tree: &Tree) -> Vec<Problem> {
    let rules = [
        size::check,
        names::check,
        words::check,
        house::check,
        links::check,
    ];
    let mut problems: Vec<Problem> = rules.iter().flat_map(|rule| rule(tree)).collect();
    problems.sort();
    problems
}

#[cfg(test)]
mod tests;
