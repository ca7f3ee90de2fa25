//! Rules about manifests and lock files.

use super::{Problem, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.below("crates/", "/Cargo.toml") {
        if !takes_workspace_lints(text) {
            problems.push(Problem::new(
                path,
                0,
                "add `[lints]` with `workspace = true`",
            ));
        }
    }
    for (path, text) in tree.below("", "package-lock.json") {
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("\"resolved\":") {
                let advice =
                    "names a registry; set omit-lockfile-registry-resolved=true and write it anew";
                problems.push(Problem::new(path, number + 1, advice));
                break;
            }
        }
    }
    problems
}

fn takes_workspace_lints(manifest: &str) -> bool {
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line == "workspace = true")
}

#[cfg(test)]
mod tests;
