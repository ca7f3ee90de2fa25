//! Links between Markdown files lead somewhere, and every page of `docs/` is linked.

use std::collections::BTreeSet;

use super::{Problem, Tree};

const START: &str = "docs/README.md";

/// A link to a place in this repository.
struct Link {
    line: usize,
    /// As written.
    target: String,
    /// Relative to the root; the page itself for `#heading`.
    path: String,
    heading: Option<String>,
}

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.below("", ".md") {
        for link in links(path, text) {
            problems.extend(dead(tree, path, &link));
        }
    }
    let reached = reached(tree);
    let lonely = tree
        .below("docs/", ".md")
        .filter(|(path, _)| !reached.contains(*path));
    problems.extend(
        lonely.map(|(path, _)| Problem::new(path, 0, format!("no link leads here from {START}"))),
    );
    problems
}

fn dead(tree: &Tree, page: &str, link: &Link) -> Option<Problem> {
    let target = &link.target;
    if !link.path.is_empty() && !tree.has(&link.path) {
        return Some(Problem::new(
            page,
            link.line,
            format!("`{target}` is not there"),
        ));
    }
    let heading = link.heading.as_ref()?;
    let text = tree
        .text(&link.path)
        .filter(|_| link.path.ends_with(".md"))?;
    (!headings(text).contains(heading))
        .then(|| Problem::new(page, link.line, format!("`{target}`: no such heading")))
}

/// The pages that can be reached by links from the first page of the documentation.
fn reached(tree: &Tree) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![START.to_owned()];
    while let Some(page) = next.pop() {
        let Some(text) = tree.text(&page) else {
            continue;
        };
        next.extend(
            links(&page, text)
                .into_iter()
                .map(|link| link.path)
                .filter(|path| !reached.contains(path)),
        );
        reached.insert(page);
    }
    reached
}

/// The links of a page to places in the repository. Code is skipped.
fn links(page: &str, text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for piece in without_code(line).split("](").skip(1) {
            let target = piece.split([')', ' ']).next().unwrap_or_default();
            if target.contains("://") || target.starts_with("mailto:") || target.is_empty() {
                continue;
            }
            let (path, heading) = target
                .split_once('#')
                .map_or((target, None), |(path, heading)| (path, Some(heading)));
            found.push(Link {
                line: number,
                target: target.to_owned(),
                path: if path.is_empty() {
                    page.to_owned()
                } else {
                    resolve(page, path)
                },
                heading: heading.map(str::to_owned),
            });
        }
    }
    found
}

/// The lines outside of fenced code, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((number + 1, line))
    })
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Follows a relative path from the folder of `page`.
fn resolve(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchors that GitHub gives to the headings of a page.
fn headings(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| anchor(line))
        .collect()
}

fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests;
