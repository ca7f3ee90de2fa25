use super::*;

fn found(path: &str, line: &str) -> usize {
    check(&Tree::from([(path, line)])).len()
}

#[test]
fn notes_to_oneself_are_found() {
    let [note, second, third] = NOTES;
    for (line, expected) in [
        (format!("// {note}: later"), 1),
        (format!("{second}(me)"), 1),
        (format!("a {third}"), 1),
        (format!("{third}X"), 0),
        (format!("method{note}"), 0),
        ("todo".to_owned(), 0),
    ] {
        assert_eq!(found("a.rs", &line), expected, "{line}");
    }
}

#[test]
fn paths_of_machines_are_found() {
    let [first, second, third, fourth] = MACHINE;
    for (line, expected) in [
        (format!("cd {first}main"), 1),
        (format!("\"{second}.cargo\""), 1),
        (format!("{third}bob/notes"), 1),
        (format!("{fourth}bob/notes"), 1),
        (format!("{third}ada/notes"), 0),
        (format!("{fourth}ada"), 0),
        (format!("https://example.com{first}x"), 0),
        (format!("a{first}b"), 0),
    ] {
        assert_eq!(found("a.md", &line), expected, "{line}");
    }
}

#[test]
fn foreign_text_is_left_alone() {
    let line = MACHINE.concat();
    assert_eq!(found("Cargo.lock", &line), 0);
    assert_eq!(found("interop/package-lock.json", &line), 0);
    assert_eq!(found("Cargo.toml", &line), 1);
}
