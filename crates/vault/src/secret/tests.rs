use super::*;

#[test]
fn shows_nothing_of_itself() {
    let secret = Secret::from("canary-7f3a");
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    assert_eq!(format!("{:#?}", Some(&secret)), "Some(\n    Secret(..),\n)");
    assert_eq!(secret.expose(), b"canary-7f3a");
    assert_eq!(secret.expose_str(), Ok("canary-7f3a"));
    assert!(Secret::new(vec![0xff]).expose_str().is_err());
}

#[test]
fn compares_by_content() {
    let secret = Secret::from("abc");
    for (other, same) in [("abc", true), ("abd", false), ("ab", false), ("", false)] {
        assert_eq!(secret.is(&Secret::from(other)), same, "{other}");
    }
}
