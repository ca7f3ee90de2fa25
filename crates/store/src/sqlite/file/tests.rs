use super::*;

#[test]
fn sqlite_is_given_absolute_paths() {
    for name in ["store.db", ":memory:", "file:store.db?mode=memory", "../x"] {
        assert!(absolute(Path::new(name)).unwrap().is_absolute(), "{name}");
    }
    assert!(absolute(Path::new("")).is_err());
}
