use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn metadata(redirect: &str) -> ClientMetadata {
    ClientMetadata {
        name: "Portcullis".to_owned(),
        home: None,
        redirect_uris: vec![url(redirect)],
        auth_method: AuthMethod::None,
        keys: None,
        scopes: Scopes::default(),
    }
}

#[test]
fn chooses_in_the_order_of_the_specification() {
    let document = url("https://gw.example/client.json");
    let endpoint = url("https://as.example/register");
    let everything = Choices {
        registered: true,
        document: Some(&document),
        takes_documents: true,
        registration: Some(&endpoint),
        may_register: true,
    };
    assert_eq!(choose(&everything), Choice::Registered);
    let unregistered = Choices {
        registered: false,
        ..everything
    };
    assert_eq!(choose(&unregistered), Choice::Document(&document));
    let no_documents = Choices {
        takes_documents: false,
        ..unregistered
    };
    assert_eq!(choose(&no_documents), Choice::Register(&endpoint));
    assert_eq!(
        choose(&Choices {
            may_register: false,
            ..no_documents
        }),
        Choice::Nothing
    );
    assert_eq!(
        choose(&Choices {
            registration: None,
            ..no_documents
        }),
        Choice::Nothing
    );
    let plain = url("http://as.example/register");
    assert_eq!(
        choose(&Choices {
            registration: Some(&plain),
            ..no_documents
        }),
        Choice::Nothing
    );
    for wrong in [
        "http://gw.example/client.json",
        "https://gw.example/",
        "https://gw.example/c#f",
    ] {
        let wrong = url(wrong);
        assert_eq!(
            choose(&Choices {
                document: Some(&wrong),
                ..unregistered
            }),
            Choice::Register(&endpoint)
        );
    }
}

#[test]
fn writes_the_document() {
    let client_id = url("https://gw.example/client.json");
    let document = metadata("https://gw.example/callback")
        .document(&client_id)
        .unwrap();
    let expected: serde_json::Value = serde_json::from_str(
        r#"
    {
      "application_type": "web",
      "client_id": "https://gw.example/client.json",
      "client_name": "Portcullis",
      "grant_types": [
        "authorization_code",
        "refresh_token"
      ],
      "redirect_uris": [
        "https://gw.example/callback"
      ],
      "response_types": [
        "code"
      ],
      "token_endpoint_auth_method": "none"
    }
    "#,
    )
    .unwrap();
    assert_eq!(document, expected);
    let check = |metadata: ClientMetadata, id: &str, expected| {
        assert_eq!(metadata.document(&url(id)).err(), Some(expected));
    };
    let right = "https://gw.example/client.json";
    check(
        metadata("https://gw.example/c"),
        "https://gw.example",
        MetadataRefused::ClientId,
    );
    check(
        metadata("https://gw.example/c"),
        "http://gw.example/c",
        MetadataRefused::ClientId,
    );
    check(
        metadata("http://gw.example/c"),
        right,
        MetadataRefused::Redirect,
    );
    let with = |auth_method| ClientMetadata {
        auth_method,
        ..metadata("https://gw.example/c")
    };
    check(
        with(AuthMethod::SecretBasic),
        right,
        MetadataRefused::SharedSecret,
    );
    check(
        with(AuthMethod::SecretPost),
        right,
        MetadataRefused::SharedSecret,
    );
    check(
        with(AuthMethod::PrivateKeyJwt),
        right,
        MetadataRefused::NoKeys,
    );
}

#[test]
fn registers_with_what_the_server_takes() {
    let check = |supported: &[&str], has_key, expected| {
        let supported: Vec<String> = supported.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(AuthMethod::preferred(&supported, has_key), expected);
    };
    let all = [
        "client_secret_post",
        "client_secret_basic",
        "none",
        "private_key_jwt",
    ];
    check(&all, true, AuthMethod::PrivateKeyJwt);
    check(&all, false, AuthMethod::None);
    check(&all[..2], false, AuthMethod::SecretBasic);
    check(&all[..1], true, AuthMethod::SecretPost);
    check(&["private_key_jwt"], false, AuthMethod::None);
    check(&[], false, AuthMethod::None);
}

#[test]
fn is_native_only_if_everything_comes_back_to_this_machine() {
    assert_eq!(
        metadata("http://127.0.0.1:8/c").application_type(),
        "native"
    );
    assert_eq!(metadata("http://localhost/c").application_type(), "native");
    assert_eq!(metadata("https://gw.example/c").application_type(), "web");
    let mut both = metadata("http://127.0.0.1:8/c");
    both.redirect_uris.push(url("https://gw.example/c"));
    assert_eq!(both.application_type(), "web");
}
