use super::*;

fn check_file(path: &str, lines: usize, exceptions: &str, expected: &[&str]) {
    let text = "x\n".repeat(lines);
    let tree = Tree::from([(path, text.as_str()), (EXCEPTIONS, exceptions)]);
    let found: Vec<String> = check(&tree)
        .into_iter()
        .map(|problem| problem.text)
        .collect();
    assert_eq!(found, expected, "{path} {lines} {exceptions:?}");
}

#[test]
fn long_files_are_found() {
    check_file("crates/a/src/b.rs", 600, "", &[]);
    check_file(
        "crates/a/src/b.rs",
        601,
        "",
        &["has 601 lines, of 600 allowed; split it"],
    );
    check_file("crates/a/src/b/tests.rs", 900, "", &[]);
    check_file("crates/a/tests/it/main.rs", 900, "", &[]);
    check_file("docs/b.md", 900, "", &[]);
}

#[test]
fn exceptions_only_shrink() {
    let path = "crates/a/src/b.rs";
    let listed = "# why\ncrates/a/src/b.rs 700\n";
    check_file(path, 700, listed, &[]);
    check_file(
        path,
        701,
        listed,
        &["has grown from 700 to 701 lines; split it"],
    );
    check_file(
        path,
        650,
        listed,
        &["crates/a/src/b.rs has shrunk; write 650"],
    );
    check_file(
        path,
        600,
        listed,
        &["crates/a/src/b.rs is no exception any more; take it out"],
    );
    check_file(
        "crates/a/src/c.rs",
        1,
        listed,
        &["crates/a/src/b.rs is gone; take it out"],
    );
    check_file(path, 1, "nonsense", &["expected PATH LINES"]);
}

#[test]
fn an_inline_test_module_does_not_count() {
    assert_eq!(length("a\n#[cfg(test)]\nmod tests {\n    b\n}\n"), 1);
    assert_eq!(length("a\n#[cfg(test)]\nmod tests;\n"), 3);
}
