use super::*;

/// The rule that keeps the rules: the repository itself is tidy.
#[test]
fn the_repository_is_tidy() {
    if let Err(problems) = run(&crate::root()) {
        panic!("{problems}");
    }
}

#[test]
fn problems_of_all_rules_are_found_at_once() {
    let tree = Tree::from([
        ("crates/a/Cargo.toml", "[package]\n"),
        ("crates/a/src/mod.rs", concat!("// TO", "DO\n")),
        ("README.md", "[gone](gone.md)\n"),
    ]);
    let shown: Vec<String> = problems(&tree).iter().map(Problem::to_string).collect();
    assert_eq!(
        shown,
        [
            "README.md:1: `gone.md` is not there",
            "crates/a/Cargo.toml:0: add `[lints]` with `workspace = true`",
            "crates/a/src/mod.rs:0: use NAME.rs beside NAME/, never mod.rs",
            concat!("crates/a/src/mod.rs:1: TO", "DO: do it, or open an issue"),
        ]
    );
}
