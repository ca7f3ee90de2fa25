use super::*;

fn location(text: &str) -> StoreLocation {
    crate::parse(text).expect("valid").store
}

/// The problems, and that nothing on their lines is shown.
fn problems(text: &str) -> String {
    let problems = crate::parse(text).expect_err("not valid");
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| {
            let rendered = problem.render("portcullis.toml", text);
            assert!(!rendered.contains("CANARY"), "{rendered}");
            format!("{}:{} {}", problem.line, problem.column, problem.message)
        })
        .collect();
    shown.join("\n")
}

#[test]
fn each_store_is_read() {
    let postgres = |url: &str, password: Option<&str>, journal: &str| StoreLocation::Postgres {
        url: url.to_owned(),
        password: password.map(|name| SecretRef::Env(name.to_owned())),
        journal: journal.to_owned(),
    };
    let sqlite = |path: &str| StoreLocation::Sqlite(path.to_owned());
    for (text, expected) in [
        ("", sqlite("portcullis.db")),
        ("store = \"sqlite:state/a.db\"", sqlite("state/a.db")),
        (
            "store = \"postgres://gate@db.example.com/gate\"",
            postgres("postgres://gate@db.example.com/gate", None, JOURNAL),
        ),
        (
            "store = \"postgresql:///gate?host=/run/postgresql&user=gate\"",
            postgres(
                "postgresql:///gate?host=/run/postgresql&user=gate",
                None,
                JOURNAL,
            ),
        ),
        (
            "store = \"postgres://gate@db:6000/gate?sslrootcert=/ca.pem\"
            store-password = \"env:DATABASE\"
            store-journal = \"state\"",
            postgres(
                "postgres://gate@db:6000/gate?sslrootcert=/ca.pem",
                Some("DATABASE"),
                "state",
            ),
        ),
    ] {
        assert_eq!(location(text), expected, "{text}");
    }
}

#[test]
fn a_wrong_store_is_named_and_not_shown() {
    for (text, expected) in [
        ("store = \"CANARY\"", "1:10 `store` names no store"),
        ("store = 5", "1:9 `store` names no store"),
        ("store = \"sqlite:\"", "1:10 `store` names no store"),
        (
            "store = \"postgres:CANARY\"",
            "1:10 `store` is no Postgres URL",
        ),
        (
            "store = \"postgres://a@b/c CANARY\"",
            "1:10 `store` is no Postgres URL",
        ),
        (
            "store = \"postgres://gate:CANARY@db/gate\"",
            "1:10 `store` holds a password",
        ),
        (
            "store = \"postgres://gate:CANARY@@db/gate\"",
            "1:10 `store` holds a password",
        ),
        (
            "store = \"postgres://gate@db/gate?sslmode=disable&password=CANARY\"",
            "1:10 `store` holds a password",
        ),
        (
            "store = \"postgres://gate@CANARY\"",
            "1:10 `store` names no database",
        ),
        (
            "store = \"postgres://gate@CANARY/?a=/b\"",
            "1:10 `store` names no database",
        ),
        (
            "store = \"postgres://gate@db/gate\"\nstore-password = \"CANARY\"",
            "2:19 `store-password` holds a literal where a reference to a secret belongs",
        ),
        (
            "store = \"postgres://gate@db/gate\"\nstore-journal = \"\"",
            "2:17 `store-journal` is no folder",
        ),
        (
            "store-password = \"env:CANARY\"\nstore-journal = \"CANARY\"",
            "1:19 `store-password` is for a Postgres store, and `store` names an SQLite file\n\
            2:18 `store-journal` is for a Postgres store, and `store` names an SQLite file",
        ),
    ] {
        assert_eq!(problems(text), expected, "{text}");
    }
}
