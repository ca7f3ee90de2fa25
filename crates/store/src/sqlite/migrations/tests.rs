use super::*;

#[test]
fn versions_count_from_one_and_have_their_own_file() {
    for (migration, version) in MIGRATIONS.iter().zip(1..) {
        assert_eq!(migration.version, version);
        let file = format!(
            "{}/migrations/sqlite/{version:04}_{}.sql",
            env!("CARGO_MANIFEST_DIR"),
            migration.name
        );
        assert_eq!(std::fs::read_to_string(file).unwrap(), migration.sql);
    }
    assert_eq!(newest(), i64::try_from(MIGRATIONS.len()).unwrap());
}
