use super::unique;

fn check(wanted: &str, taken: &[&str], expected: &str) {
    assert_eq!(unique(wanted, |name| taken.contains(&name)), expected);
}

#[test]
fn names() {
    check("papers", &[], "papers");
    check("papers", &["papers"], "papers-2");
    check("papers", &["papers", "papers-2"], "papers-3");
    check("My Server (β)", &[], "my-server");
    check("__a__b__", &[], "a-b");
    check("", &[], "server");
    check("日本", &["server"], "server-2");
    let long = "abcdefghijklmnopqrstuvwxyz-0123456789";
    check(long, &[], "abcdefghijklmnopqrstuvwxyz-01234");
    check(
        long,
        &["abcdefghijklmnopqrstuvwxyz-01234"],
        "abcdefghijklmnopqrstuvwxyz-012-2",
    );
}
