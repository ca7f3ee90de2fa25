use super::*;

#[test]
fn templates_are_read() {
    let parse = |text: &str| {
        Template::parse(text).map(|template| {
            let names: Vec<_> = template.parameters().map(str::to_owned).collect();
            (
                template.expand(|_| vec!["v".to_owned()]).expect("a path"),
                names,
            )
        })
    };
    let ok = |text: &str, path: &str, names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(parse(text), Ok((path.to_owned(), names)), "{text}");
    };
    ok("/", "/", &[]);
    ok("/a/", "/a/", &[]);
    ok("/a/{b}/c-{d}{e}.x", "/a/v/c-vv.x", &["b", "d", "e"]);
    ok("/a b/ü:x%20", "/a%20b/%C3%BC:x%20", &[]);
    for text in [
        "",
        "a",
        "/{",
        "/}",
        "/{a",
        "/a}",
        "/{a{b}}",
        "/{}",
        "/a?b",
        "/a#b",
        "/a\\b",
        "/a\n",
        "/..",
        "/a/./b",
        "/%2e%2E/a",
        "/..%2fa",
        "/a%2",
        "/a%zz",
        "/a%ff",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn lists_are_joined_by_commas() {
    let template = Template::parse("/{a}").unwrap();
    let items = |items: &[&str]| {
        let items: Vec<_> = items.iter().map(|item| (*item).to_owned()).collect();
        template.expand(move |_| items.clone())
    };
    assert_eq!(items(&["a", "b,c"]), Ok("/a,b%2Cc".to_owned()));
    assert_eq!(items(&[]), Err(("a", PathFault::Empty)));
    assert_eq!(items(&[".."]), Err(("a", PathFault::Unsafe)));
}
