use super::*;

fn mode(url: &str) -> Result<String, AddressError> {
    let address = PostgresAddress::parse(url, None)?;
    Ok(format!(
        "{:?} {}",
        address.options.get_ssl_mode(),
        address.shown()
    ))
}

#[test]
fn another_machine_must_prove_who_it_is() {
    for (url, expected) in [
        (
            "postgres://u@db.example.com/p",
            Ok("VerifyFull postgres://db.example.com:5432/p"),
        ),
        (
            "postgresql://u@db.example.com:6000/p?sslmode=verify-full&sslrootcert=ca.pem",
            Ok("VerifyFull postgres://db.example.com:6000/p"),
        ),
        (
            "postgres://u@10.0.0.1/p",
            Ok("VerifyFull postgres://10.0.0.1:5432/p"),
        ),
        (
            "postgres://u@[2001:db8::1]/p",
            Ok("VerifyFull postgres://[2001:db8::1]:5432/p"),
        ),
        (
            "postgres://u@127.0.0.1.example.com/p",
            Ok("VerifyFull postgres://127.0.0.1.example.com:5432/p"),
        ),
        (
            "postgres://u@localhost/p",
            Ok("Prefer postgres://localhost:5432/p"),
        ),
        (
            "postgres://u@127.0.0.1/p?sslmode=disable",
            Ok("Disable postgres://127.0.0.1:5432/p"),
        ),
        ("postgres://u@[::1]/p", Ok("Prefer postgres://[::1]:5432/p")),
        (
            "postgres:///p?host=/run/postgresql&user=u",
            Ok("Prefer postgres:///p?host=/run/postgresql"),
        ),
        (
            "postgres://u@%2Frun%2Fpostgresql/p",
            Ok("Prefer postgres:///p?host=/run/postgresql"),
        ),
        (
            "postgres://u@db.example.com/p?sslmode=disable",
            Err(AddressError::Unverified),
        ),
        (
            "postgres://u@db.example.com/p?sslmode=prefer",
            Err(AddressError::Unverified),
        ),
        (
            "postgres://u@db.example.com/p?sslmode=require",
            Err(AddressError::Unverified),
        ),
        (
            "postgres://u@db.example.com/p?sslmode=verify-ca",
            Err(AddressError::Unverified),
        ),
        (
            "postgres:///p?host=db.example.com&sslmode=disable",
            Err(AddressError::Unverified),
        ),
    ] {
        assert_eq!(mode(url), expected.map(str::to_owned), "{url}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for (url, expected) in [
        ("", AddressError::Malformed),
        ("db.example.com", AddressError::Malformed),
        ("mysql://u@db.example.com/p", AddressError::Malformed),
        (
            "postgres://u@localhost/p?sslmode=some",
            AddressError::Malformed,
        ),
        ("postgres://u:CANARY@localhost/p", AddressError::Password),
        (
            "postgres://u@localhost/p?password=CANARY",
            AddressError::Password,
        ),
        ("postgres://u@localhost", AddressError::Database),
        ("postgres://u@localhost/", AddressError::Database),
        ("postgres:///p", AddressError::Host),
        (
            "postgres://u@localhost/p?host=db.example.com",
            AddressError::Host,
        ),
        (
            "postgres://u@localhost/p?options=-csearch_path%3Dx",
            AddressError::Parameter,
        ),
        (
            "postgres://u@localhost/p?hostaddr=10.0.0.1",
            AddressError::Parameter,
        ),
        (
            "postgres://u@db.example.com/p?sslmode=verify-full&sslmode=disable",
            AddressError::Parameter,
        ),
    ] {
        let refused = PostgresAddress::parse(url, None).unwrap_err();
        assert_eq!(refused, expected, "{url}");
        assert!(!refused.to_string().contains("CANARY"));
    }
}

#[test]
fn the_password_does_not_show() {
    let password = SecretString::from("CANARY");
    let address = PostgresAddress::parse("postgres://u@localhost/p", Some(&password)).unwrap();
    assert!(format!("{:?}", address.options).contains("CANARY"));
    assert_eq!(
        format!("{address:?}"),
        "PostgresAddress(\"postgres://localhost:5432/p\")"
    );
}
