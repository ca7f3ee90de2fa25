use super::{Mask, Problem, Problems, masked};

#[test]
fn places_are_lines_and_characters() {
    let source = "a = 1\nü = \"x\"\r\nb";
    let mut problems = Problems::new(source);
    let start = source.find('x').unwrap();
    let span = toml_span::Span::new(start, start + 1);
    problems.push(span, "ü", "message".to_owned(), None, Mask::OtherStrings);
    let problem = problems.into_sorted().remove(0);
    assert_eq!((problem.line, problem.column), (2, 6));
    assert_eq!(
        problem.render("f.toml", source),
        "f.toml:2:6: message\n   |\n 2 | ü = \"x\"\n   |      ^"
    );
}

#[test]
fn a_problem_from_elsewhere_shows_no_value() {
    let problem = Problem::new("message", 1, 1);
    assert_eq!(
        problem.render("f.toml", "key = 'word'"),
        "f.toml:1:1: message\n   |\n 1 | key = '····'\n   | ^"
    );
    assert_eq!(
        Problem::new("message", 9, 9).render("f.toml", "x"),
        "f.toml:9:9: message"
    );
}

#[test]
fn values_are_hidden() {
    for (line, everything, others) in [
        ("a = \"word\"", "a = \"····\"", "a = \"····\""),
        ("a = 'w\"rd'", "a = '····'", "a = '····'"),
        ("a = \"w\\\"rd\"", "a = \"·····\"", "a = \"·····\""),
        ("a = word1", "a = ·····", "a = word1"),
        (
            "a = { b = \"word\" }",
            "a = { · = \"····\" }",
            "a = { b = \"····\" }",
        ),
        ("[servers.a]", "[servers.a]", "[servers.a]"),
        ("  word", "  ····", "  word"),
        ("\ta\u{1b}[0m = 1", " a·[0m = ·", " a·[0m = 1"),
        ("a = \"unclosed", "a = \"········", "a = \"········"),
    ] {
        assert_eq!(masked(line, 0..0, Mask::Everything), everything, "{line}");
        assert_eq!(masked(line, 0..0, Mask::OtherStrings), others, "{line}");
    }
    assert_eq!(
        masked("a = [\"own\", \"other\"]", 5..10, Mask::OtherStrings),
        "a = [\"own\", \"·····\"]"
    );
}
