use super::*;

#[test]
fn names_are_cleaned() {
    let long = "x".repeat(100);
    for (text, expected) in [
        ("listPets", Some("listPets")),
        ("list pets/é", Some("list_pets__")),
        ("a.b-c_D9", Some("a.b-c_D9")),
        ("", None),
        ("é/", None),
        (long.as_str(), Some("x".repeat(64).as_str())),
    ] {
        assert_eq!(clean(text).as_deref(), expected, "{text}");
    }
    assert_eq!(
        from_path("GET", "/pets/{pet-id}.json"),
        "get_pets_pet_id_json"
    );
    assert_eq!(from_path("GET", "/"), "get");
}

#[test]
fn taken_names_get_a_number() {
    let mut taken = BTreeSet::new();
    let long = "x".repeat(64);
    let mut next = |name: &str| unique(&mut taken, name.to_owned());
    assert_eq!(
        [next("a"), next("a"), next("a_2"), next("a")],
        ["a", "a_2", "a_2_2", "a_3"]
    );
    assert_eq!(next(&long), long);
    assert_eq!(next(&long), format!("{}_2", "x".repeat(62)));
}
