use super::*;

#[test]
fn an_issuer_is_looked_for_in_the_order_that_mcp_prescribes() {
    let places = |issuer: &str| -> Result<Vec<String>, &'static str> {
        server_places(issuer)
            .map(|places| places.iter().map(Url::to_string).collect())
            .map_err(|error| error.code())
    };
    assert_eq!(
        places("https://as.example").unwrap(),
        [
            "https://as.example/.well-known/oauth-authorization-server",
            "https://as.example/.well-known/openid-configuration",
        ]
    );
    assert_eq!(places("https://as.example"), places("https://as.example/"));
    assert_eq!(
        places("https://as.example:8443/realms/a").unwrap(),
        [
            "https://as.example:8443/.well-known/oauth-authorization-server/realms/a",
            "https://as.example:8443/.well-known/openid-configuration/realms/a",
            "https://as.example:8443/realms/a/.well-known/openid-configuration",
        ]
    );
    assert_eq!(
        places("https://as.example/realms/a/"),
        places("https://as.example/realms/a")
    );
    for wrong in [
        "",
        "as.example",
        "/realms/a",
        "http://as.example",
        "https://as.example?a=b",
        "https://as.example#a",
        "https://u@as.example",
        "https://u:p@as.example",
        "ftp://as.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ] {
        assert_eq!(places(wrong), Err("issuer-address"), "{wrong}");
    }
}

#[test]
fn a_resource_is_looked_for_with_its_path_and_then_at_its_root() {
    let places = |endpoint: &str| -> Vec<String> {
        let endpoint = Url::parse(endpoint).unwrap();
        well_known(&endpoint)
            .unwrap()
            .iter()
            .map(Url::to_string)
            .collect()
    };
    assert_eq!(
        places("https://a.example/public/mcp"),
        [
            "https://a.example/.well-known/oauth-protected-resource/public/mcp",
            "https://a.example/.well-known/oauth-protected-resource",
        ]
    );
    assert_eq!(
        places("https://a.example/mcp/?x=y"),
        [
            "https://a.example/.well-known/oauth-protected-resource/mcp?x=y",
            "https://a.example/.well-known/oauth-protected-resource",
        ]
    );
    assert_eq!(
        places("https://a.example"),
        ["https://a.example/.well-known/oauth-protected-resource"]
    );
    let insecure = Url::parse("http://a.example/mcp").unwrap();
    assert_eq!(
        well_known(&insecure).unwrap_err().code(),
        "metadata-address"
    );
}

#[test]
fn a_document_speaks_for_its_own_resource_and_what_is_below_it() {
    let fits = |resource: &str, endpoint: &str| {
        let document = ProtectedResource {
            resource: resource.to_owned(),
            ..ProtectedResource::default()
        };
        document
            .check_is_about(&Url::parse(endpoint).unwrap())
            .is_ok()
    };
    let endpoint = "https://a.example/team/mcp";
    for right in [
        "https://a.example/team/mcp",
        "https://a.example/team/mcp/",
        "HTTPS://A.example:443/team/mcp",
        "https://a.example/team",
        "https://a.example/",
        "https://a.example",
    ] {
        assert!(fits(right, endpoint), "{right}");
    }
    for wrong in [
        "https://b.example/team/mcp",
        "https://a.example:8443/team/mcp",
        "http://a.example/team/mcp",
        "https://a.example/team/mcp2",
        "https://a.example/team/mcp/more",
        "https://a.example/tea",
        "https://a.example/Team/mcp",
        "https://a.example/team/mcp?x=y",
        "https://a.example/team/mcp#a",
        "https://u@a.example/team/mcp",
        "https://a.example.evil.example/team/mcp",
        "urn:a.example:mcp",
        "data:,a",
        "",
    ] {
        assert!(!fits(wrong, endpoint), "{wrong}");
    }
    assert!(fits(
        "https://a.example/mcp?x=y",
        "https://a.example/mcp?x=y"
    ));
    assert!(!fits(
        "https://a.example/mcp?x=z",
        "https://a.example/mcp?x=y"
    ));
}

#[test]
fn the_document_that_is_served_reads_back_and_offers_no_offline_access() {
    let document = ProtectedResource {
        resource: crate::canonical_resource(
            &Url::parse("HTTPS://GW.example:443/research/").unwrap(),
        ),
        authorization_servers: vec!["https://as.example/a".to_owned()],
        scopes_supported: Some(vec!["tools.read".to_owned(), "offline_access".to_owned()]),
        bearer_methods_supported: Some(vec!["header".to_owned()]),
        resource_name: Some("Research \"tools\"".to_owned()),
        dpop_bound_access_tokens_required: true,
        ..ProtectedResource::default()
    };
    let json = document.to_json();
    let expected: serde_json::Value = serde_json::from_str(r#"{"authorization_servers":["https://as.example/a"],"bearer_methods_supported":["header"],"dpop_bound_access_tokens_required":true,"resource":"https://gw.example/research","resource_name":"Research \"tools\"","scopes_supported":["tools.read"]}"#).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap(),
        expected
    );
    let read = ProtectedResource::parse(json.as_bytes()).unwrap();
    assert_eq!(
        read,
        ProtectedResource {
            scopes_supported: Some(vec!["tools.read".to_owned()]),
            ..document
        }
    );
}

#[test]
fn a_published_resource_has_one_spelling() {
    let canonical = |text: &str| crate::canonical_resource(&Url::parse(text).unwrap());
    assert_eq!(canonical("HTTPS://Gw.Example:443"), "https://gw.example");
    assert_eq!(canonical("https://gw.example/a/"), "https://gw.example/a");
    assert_eq!(canonical("https://gw.example/A#x"), "https://gw.example/A");
    assert_eq!(
        canonical("https://gw.example/a?b=c/"),
        "https://gw.example/a?b=c/"
    );
    let path = |text: &str| crate::resource_metadata_path(&Url::parse(text).unwrap());
    assert_eq!(
        path("https://gw.example/a/"),
        "/.well-known/oauth-protected-resource/a"
    );
    assert_eq!(
        path("https://gw.example"),
        "/.well-known/oauth-protected-resource"
    );
}

#[test]
fn pkce_is_judged_by_what_is_demanded() {
    let server = |methods: &str| {
        let body = format!(r#"{{"issuer":"https://as.example"{methods}}}"#);
        let source = Url::parse("https://as.example/x").unwrap();
        AuthorizationServer::read(
            body.as_bytes(),
            "https://as.example",
            Naming::Configured,
            &source,
        )
        .unwrap()
    };
    let absent = server("");
    let s256 = server(r#","code_challenge_methods_supported":["plain","S256"]"#);
    let plain = server(r#","code_challenge_methods_supported":["plain"]"#);
    let none = server(r#","code_challenge_methods_supported":[]"#);
    let table = [
        (&absent, [false, true, true]),
        (&s256, [true, true, true]),
        (&plain, [false, false, true]),
        (&none, [false, false, true]),
    ];
    for (server, expected) in table {
        let judged = [Pkce::Announced, Pkce::Assumed, Pkce::Unused]
            .map(|demand| server.check_pkce(demand).is_ok());
        assert_eq!(judged, expected);
    }
    assert_eq!(
        absent.check_pkce(Pkce::Announced).unwrap_err().code(),
        "pkce-missing"
    );
}

#[test]
fn endpoints_are_https_and_named_by_who_named_the_issuer() {
    let read = |source: &str, endpoint: &str| {
        let body = serde_json::json!({"issuer": "i", "token_endpoint": endpoint}).to_string();
        AuthorizationServer::read(
            body.as_bytes(),
            "i",
            Naming::Configured,
            &Url::parse(source).unwrap(),
        )
    };
    for wrong in [
        "http://as.example/token",
        "http://127.0.0.1/token",
        "ftp://as.example/token",
        "javascript:alert(1)",
        "https://as.example/token#a",
        "https://u:p@as.example/token",
        "/token",
    ] {
        assert!(read("https://as.example/", wrong).is_err(), "{wrong}");
    }
    assert!(read("http://127.0.0.1:1/", "http://127.0.0.1:1/token").is_ok());
    assert!(read("http://127.0.0.1:1/", "http://as.example/token").is_err());

    let server = read("https://as.example/", "https://as.example/token").unwrap();
    let naming = |url: &str| server.naming(&Url::parse(url).unwrap());
    assert_eq!(naming("https://as.example/other"), Naming::Configured);
    assert_eq!(naming("https://as.example:8443/"), Naming::Found);
    assert_eq!(naming("https://keys.example/"), Naming::Found);
}
