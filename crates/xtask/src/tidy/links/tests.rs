use super::*;

fn check_pages<const N: usize>(pages: [(&str, &str); N], expected: &[&str]) {
    let found: Vec<String> = check(&Tree::from(pages))
        .iter()
        .map(Problem::to_string)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn links_lead_somewhere() {
    check_pages(
        [
            (
                "README.md",
                "[a](docs/a.md) [b](docs/#x) ![p](p.png)\n[c](https://example.org/x) [d](#part-one)\n# Part *one*",
            ),
            (
                "docs/README.md",
                "[a](a.md#a-heading) [up](../README.md#part-one) [out](../../x.md)\n",
            ),
            (
                "docs/a.md",
                "```\n[code](code.md)\n```\n`[code](code.md)`\n## A heading\n[no](b.md)\n[no](README.md#none)\n",
            ),
        ],
        &[
            "README.md:1: `p.png` is not there",
            "docs/README.md:1: `../../x.md` is not there",
            "docs/a.md:6: `b.md` is not there",
            "docs/a.md:7: `README.md#none`: no such heading",
        ],
    );
}

#[test]
fn every_page_is_linked() {
    check_pages(
        [
            ("docs/README.md", "[a](a/README.md)"),
            ("docs/a/README.md", "[b](b.md) [self](README.md)"),
            ("docs/a/b.md", ""),
            ("docs/lonely.md", "[a](README.md)"),
        ],
        &["docs/lonely.md:0: no link leads here from docs/README.md"],
    );
}

#[test]
fn anchors_are_those_of_github() {
    let check = |heading: &str, expected: &str| assert_eq!(anchor(heading), expected);
    check("## How to add a rule", "how-to-add-a-rule");
    check("### `mcp.lock`, and why", "mcplock-and-why");
    check("# Ärger_mit 2 Dingen!", "ärger_mit-2-dingen");
}
