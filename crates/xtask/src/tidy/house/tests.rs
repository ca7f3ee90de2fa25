use super::*;

#[test]
fn every_crate_takes_the_lints() {
    let check = |manifest: &str, expected: bool| {
        assert_eq!(takes_workspace_lints(manifest), expected, "{manifest}")
    };
    check(
        "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n",
        true,
    );
    check("[package]\nname = \"a\"\n", false);
    check("[lints]\n\n[dependencies]\nworkspace = true\n", false);
}

#[test]
fn a_lock_file_names_no_registry() {
    let check_lock = |text: &str, expected: usize| {
        assert_eq!(
            check(&Tree::from([("interop/package-lock.json", text)])).len(),
            expected,
            "{text}"
        );
    };
    check_lock("{\n  \"version\": \"1\"\n}", 0);
    check_lock(
        "{\n  \"resolved\": \"https://example.org/a.tgz\",\n  \"resolved\": \"\"\n}",
        1,
    );
}
