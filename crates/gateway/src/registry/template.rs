//! Which resource template a URI was made from (RFC 6570, simple expansion).

/// Whether `uri` can come from `template`.
///
/// An expression `{…}` stands for one or more characters. A plain expression does not reach over a
/// `/`; `{+name}`, `{/…}`, `{?…}`, `{&…}` and `{#…}` may. Dot segments never match, so that a URI
/// cannot climb out of what the template describes.
pub(super) fn matches(template: &str, uri: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or(uri);
    if path
        .split('/')
        .any(|segment| matches!(decode_dots(segment).as_str(), "." | ".."))
    {
        return false;
    }
    step(template, uri)
}

fn step(template: &str, uri: &str) -> bool {
    let Some(open) = template.find('{') else {
        return template == uri;
    };
    let (literal, rest) = template.split_at(open);
    let Some(tail) = uri.strip_prefix(literal) else {
        return false;
    };
    let Some(close) = rest.find('}') else {
        return false;
    };
    let (expression, after) = rest.split_at(close);
    let after = after.strip_prefix('}').unwrap_or(after);
    let operator = expression.chars().nth(1);
    let crosses = matches!(operator, Some('+' | '/' | '?' | '&' | '#'));
    // A query or a fragment may be absent altogether.
    if matches!(operator, Some('?' | '&' | '#')) && step(after, tail) {
        return true;
    }
    let ends = tail.char_indices().map(|(at, c)| (at + c.len_utf8(), c));
    for (end, character) in ends {
        if character == '/' && !crosses {
            return false;
        }
        if tail
            .split_at_checked(end)
            .is_some_and(|(_, remaining)| step(after, remaining))
        {
            return true;
        }
    }
    false
}

/// `%2e` is a dot to many servers.
fn decode_dots(segment: &str) -> String {
    segment.replace("%2e", ".").replace("%2E", ".")
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
        ] {
            assert_eq!(matches(template, uri), expected, "{template} and {uri}");
        }
    }
}
