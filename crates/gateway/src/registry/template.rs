//! Which resource template a URI was made from (RFC 6570, simple expansion).

use std::collections::BTreeSet;

/// Whether `uri` can come from `template`.
///
/// An expression `{…}` stands for one or more characters. A plain expression does not reach over a
/// `/`; `{+name}`, `{/…}`, `{?…}`, `{&…}` and `{#…}` may. Dot segments never match, so that a URI
/// cannot climb out of what the template describes.
///
/// Takes time in proportion to both lengths, whatever template a server made up: it follows every
/// place that the URI can have been read to, and tries none twice.
pub(super) fn matches(template: &str, uri: &str) -> bool {
    if climbs(uri) {
        return false;
    }
    let mut places = BTreeSet::from([0]);
    let mut rest = template;
    while let Some((literal, expression, after)) = next_expression(rest) {
        let read = after_literal(uri, &places, literal);
        places = after_expression(uri, &read, expression);
        rest = after;
    }
    // A brace that is never closed is no template.
    !rest.contains('{') && after_literal(uri, &places, rest).contains(&uri.len())
}

/// What stands before the next expression, the expression without its braces, and what follows.
fn next_expression(template: &str) -> Option<(&str, &str, &str)> {
    let (literal, rest) = template.split_once('{')?;
    let (expression, after) = rest.split_once('}')?;
    Some((literal, expression, after))
}

fn after_literal(uri: &str, places: &BTreeSet<usize>, literal: &str) -> BTreeSet<usize> {
    let reads = |at: &&usize| {
        uri.get(**at..)
            .is_some_and(|tail| tail.starts_with(literal))
    };
    places
        .iter()
        .filter(reads)
        .map(|at| at + literal.len())
        .collect()
}

fn after_expression(uri: &str, places: &BTreeSet<usize>, expression: &str) -> BTreeSet<usize> {
    let operator = expression.chars().next();
    let crosses = matches!(operator, Some('+' | '/' | '?' | '&' | '#'));
    let mut reached = BTreeSet::new();
    let mut inside = false;
    for (at, character) in uri.char_indices() {
        inside = (inside || places.contains(&at)) && (crosses || character != '/');
        if inside {
            reached.insert(at + character.len_utf8());
        }
    }
    // A query or a fragment may be absent altogether.
    if matches!(operator, Some('?' | '&' | '#')) {
        reached.extend(places);
    }
    reached
}

/// Whether the path has a dot segment, as it stands or as a server may decode it.
fn climbs(uri: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or(uri);
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    let path = path
        .replace("%2f", "/")
        .replace("%5c", "/")
        .replace('\\', "/");
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_template_matches_what_it_can_expand_to() {
        for (template, uri, expected) in [
            ("paper://{id}", "paper://2302.12173", true),
            ("paper://{id}", "paper://", false),
            ("paper://{id}", "paper://a/b", false),
            ("file:///{+path}", "file:///a/b.txt", true),
            ("file:///{+path}", "file:///a/../etc/passwd", false),
            ("file:///{+path}", "file:///a/%2e%2E/passwd", false),
            ("demo://{kind}/item/{n}", "demo://text/item/7", true),
            ("demo://{kind}/item/{n}", "demo://text/other/7", false),
            ("demo://all{?page}", "demo://all", true),
            ("demo://all{?page}", "demo://all?page=2", true),
            ("demo://fixed", "demo://fixed", true),
            ("demo://fixed", "demo://fixed2", false),
            ("demo://{broken", "demo://x", false),
            ("file:///{name}", "file:///..%2fetc%2Fpasswd", false),
            ("file:///{name}", "file:///..%5Cetc", false),
            ("file:///{+path}", "file:///a\\..\\b", false),
            ("file:///{+path}", "file:///a..b/...", true),
            ("a://{x}{y}", "a://é", false),
            ("a://{x}{y}", "a://éa", true),
            ("a://{x}.{y}", "a://1.2.3", true),
            ("a://{x}{#y}", "a://1#2/3", true),
            ("{+x}", "", false),
        ] {
            assert_eq!(matches(template, uri), expected, "{template} and {uri}");
        }
    }

    #[test]
    fn a_template_made_to_be_slow_is_not() {
        let template = format!("{}!", "{+a}".repeat(50));
        assert!(!matches(&template, &"a".repeat(20_000)));
    }
}
