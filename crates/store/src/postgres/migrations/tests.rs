use super::*;

/// Version by version, both databases say the same.
#[test]
fn versions_are_those_of_sqlite_and_have_their_own_file() {
    for (migration, version) in MIGRATIONS.iter().zip(1..) {
        assert_eq!(migration.version, version);
        let file = |database: &str| {
            format!(
                "{}/migrations/{database}/{version:04}_{}.sql",
                env!("CARGO_MANIFEST_DIR"),
                migration.name
            )
        };
        assert_eq!(
            std::fs::read_to_string(file("postgres")).unwrap(),
            migration.sql
        );
        assert!(std::fs::exists(file("sqlite")).unwrap());
    }
    assert_eq!(newest(), i64::try_from(MIGRATIONS.len()).unwrap());
    let files = |database: &str| {
        let folder = format!("{}/migrations/{database}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(folder).unwrap().count()
    };
    assert_eq!(files("postgres"), MIGRATIONS.len());
    assert_eq!(files("sqlite"), MIGRATIONS.len());
}
