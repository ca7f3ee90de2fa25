use std::time::Duration;

use crate::{
    AuthMethod, ClientAuthentication, ClientDocument, Config, Dpop, TokenGrant, TokenSource, parse,
};

const ISSUERS: &str = r#"
[authn.issuers.company]
kind = "oidc"
issuer = "https://idp.example"
[authn.issuers.company.client]
id = "gw"
key = "file:k"
[authn.issuers.bare]
kind = "oidc"
issuer = "https://bare.example"
[authn.issuers.entra]
kind = "entra"
tenant = "11111111-2222-3333-4444-555555555555"
[authn.issuers.entra.client]
id = "gw"
certificate = "c.pem"
key = "file:k"
"#;

fn config(server: &str, auth: &str) -> String {
    format!(
        "{ISSUERS}[servers.a]\nurl = \"https://a.example/mcp\"\n{server}\n[servers.a.auth]\n{auth}"
    )
}

fn method(server: &str, auth: &str) -> AuthMethod {
    let mut config = parse(&config(server, auth)).unwrap();
    config.servers.remove("a").unwrap().auth.method
}

fn source(auth: &str) -> TokenSource {
    match method("", auth) {
        AuthMethod::Token(source) => *source,
        other => panic!("{other:?}"),
    }
}

/// The problems of a server's auth: message and hint.
fn check(server: &str, auth: &str) -> String {
    let text = config(server, auth);
    let problems = parse(&text).expect_err("the server has problems");
    let shown = Config::render_problems(&problems, "portcullis.toml", &text);
    assert!(!shown.contains("hunter"), "{shown}");
    let lines = problems
        .into_iter()
        .map(|problem| format!("{} ({})", problem.message, problem.hint.unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

const HEADERS: &str = "headers = { Authorization = \"env:A\" }";

#[test]
fn every_kind() {
    assert_eq!(method("", "kind = \"none\""), AuthMethod::None);
    assert_eq!(method(HEADERS, "kind = \"static\""), AuthMethod::Static);
    let own = source(
        "kind = \"client-credentials\"\nclient-id = \"gw\"\nclient-secret = \"env:S\"\nclient-auth = \"post\"\nscopes = [\"a\"]\nresource = \"https://a.example\"\nmax-token-age = \"10m\"\nissuer = \"https://as.example\"",
    );
    assert_eq!(own.grant, TokenGrant::ClientCredentials);
    assert!(!own.grant.is_personal());
    assert!(matches!(
        own.client.unwrap().authentication,
        ClientAuthentication::SecretPost(_)
    ));
    assert_eq!(own.scopes, ["a"]);
    assert_eq!(
        own.authorization_server.as_deref(),
        Some("https://as.example")
    );
    assert_eq!(own.max_token_age, Duration::from_secs(600));
    for (auth, name, through) in [
        (
            "kind = \"on-behalf-of\"\nthrough = \"entra\"\nscopes = [\"api://x/a\"]",
            "on-behalf-of",
            Some("entra"),
        ),
        (
            "kind = \"token-exchange\"\nthrough = \"company\"\naudience = \"crm\"",
            "token-exchange",
            Some("company"),
        ),
        (
            "kind = \"id-jag\"\nthrough = \"company\"\nclient-id = \"gw\"\nissuer = \"https://as.example\"",
            "id-jag",
            Some("company"),
        ),
        ("kind = \"user-grant\"", "user-grant", None),
    ] {
        let source = source(auth);
        assert_eq!(
            (source.grant.name(), source.grant.through()),
            (name, through)
        );
        assert!(source.grant.is_personal());
        assert_eq!(source.max_token_age, Duration::from_secs(3600));
    }
}

#[test]
fn whether_tokens_are_bound() {
    let check_dpop = |more: &str, expected: Dpop| {
        assert_eq!(
            source(&format!("kind = \"user-grant\"\n{more}")).dpop,
            expected
        );
    };
    check_dpop("", Dpop::Auto);
    check_dpop("dpop = \"auto\"", Dpop::Auto);
    check_dpop("dpop = \"required\"", Dpop::Required);
    check_dpop("dpop = \"never\"", Dpop::Never);
    for (auth, problem) in [
        (
            "kind = \"user-grant\"\ndpop = \"maybe\"",
            "`servers.a.auth.dpop` cannot be `maybe`",
        ),
        (
            "kind = \"on-behalf-of\"\nthrough = \"entra\"\nscopes = [\"api://x/a\"]\ndpop = \"required\"",
            "`servers.a.auth.dpop` is only for other kinds: Entra binds no tokens",
        ),
        (
            "kind = \"none\"\ndpop = \"never\"",
            "`servers.a.auth.dpop` is only for kinds with a token",
        ),
    ] {
        let problems = check("", auth);
        assert!(problems.starts_with(problem), "{problems}");
    }
}

#[test]
fn client_documents() {
    let document = |line: &str| source(&format!("kind = \"user-grant\"\n{line}")).client_document;
    assert_eq!(document(""), ClientDocument::Own);
    assert_eq!(
        document("client-document = \"none\""),
        ClientDocument::Unused
    );
    let url = "https://gw.example/client.json";
    assert_eq!(
        document(&format!("client-document = \"{url}\"")),
        ClientDocument::At(url.to_owned())
    );
    for wrong in [
        "http://127.0.0.1/client.json",
        "https://gw.example",
        "https://gw.example/",
        "https://hunter2@gw.example/client.json",
        "own",
    ] {
        let problems = check(
            "",
            &format!("kind = \"user-grant\"\nclient-document = \"{wrong}\""),
        );
        assert!(problems.contains("is no client id"), "{wrong}: {problems}");
    }
    let both = format!("kind = \"user-grant\"\nclient-id = \"gw\"\nclient-document = \"{url}\"");
    assert!(check("", &both).contains("both say which client"));
    let elsewhere = "kind = \"token-exchange\"\nthrough = \"company\"\nclient-document = \"none\"";
    assert!(check("", elsewhere).contains("`user-grant`"));
}

#[test]
fn one_users_token_is_not_for_all() {
    for auth in [
        "kind = \"on-behalf-of\"\nthrough = \"entra\"\nscopes = [\"api://x/a\"]",
        "kind = \"token-exchange\"\nthrough = \"company\"",
        "kind = \"id-jag\"\nthrough = \"company\"",
        "kind = \"user-grant\"",
    ] {
        let problems = check("isolation = \"shared\"", auth);
        assert!(
            problems.starts_with("`servers.a.isolation` would give one user's token to all"),
            "{problems}"
        );
        assert_eq!(problems.lines().count(), 1);
    }
    method(
        "isolation = \"shared\"",
        "kind = \"client-credentials\"\nclient-id = \"gw\"\nkey = \"file:k\"",
    );
}

#[test]
fn the_issuer_through_which_must_fit() {
    let through = |kind: &str, through: &str| {
        check(
            "",
            &format!("kind = \"{kind}\"\n{through}\nscopes = [\"a\"]"),
        )
    };
    insta::assert_snapshot!(through("token-exchange", ""), @"`servers.a.auth.through` is missing (name the `[authn.issuers.NAME]` whose tokens the callers have)");
    insta::assert_snapshot!(through("token-exchange", "through = \"compny\""), @"unknown issuer `compny` (did you mean `company`?)");
    insta::assert_snapshot!(through("id-jag", "through = \"nobody\""), @"unknown issuer `nobody` (name an `[authn.issuers.NAME]` of this file)");
    insta::assert_snapshot!(through("token-exchange", "through = \"bare\""), @"issuer `bare` has no `client`, and the gateway must be one there ()");
    insta::assert_snapshot!(through("on-behalf-of", "through = \"company\""), @"issuer `company` is not of the kind `entra`: use `token-exchange` ()");
    insta::assert_snapshot!(through("id-jag", "through = \"entra\""), @"issuer `entra` is of the kind `entra`, which has neither: use `on-behalf-of` ()");
}

#[test]
fn keys_belong_to_kinds() {
    insta::assert_snapshot!(check("", ""), @"`servers.a.auth.kind` is missing (it can be `none`, `static`, `client-credentials`, `on-behalf-of`, `token-exchange`, `id-jag`, `user-grant`)");
    insta::assert_snapshot!(check("", "kind = \"obo\""), @"`servers.a.auth.kind` cannot be `obo` (it can be `none`, `static`, `client-credentials`, `on-behalf-of`, `token-exchange`, `id-jag`, `user-grant`)");
    insta::assert_snapshot!(check("", "kind = \"none\"\nscopes = []\nclient-id = \"x\""), @r"
`servers.a.auth.scopes` is only for kinds with a token (take it out)
`servers.a.auth.client-id` is only for kinds with a token (take it out)
");
    insta::assert_snapshot!(check("", "kind = \"client-credentials\"\nthrough = \"company\"\naudience = \"x\"\nexception-until = \"2027-01-01\""), @r"
`servers.a.auth.client-id` is missing (name the gateway's client id at the server's authorization server)
`servers.a.auth` proves nothing (add exactly one of `client-secret`, `certificate` with `key`, `key`, `assertion-file`)
`servers.a.auth.through` is only for `on-behalf-of`, `token-exchange` and `id-jag` (take it out)
`servers.a.auth.audience` is only for `token-exchange` (take it out)
`servers.a.auth.exception-until` is only for `none` and `static` (take it out)
");
    insta::assert_snapshot!(check("", "kind = \"client-credentials\"\nclient-id = \"gw\"\nclient-auth = \"none\""), @"`servers.a.auth` proves nothing (add exactly one of `client-secret`, `certificate` with `key`, `key`, `assertion-file`)");
    insta::assert_snapshot!(check("", "kind = \"on-behalf-of\"\nthrough = \"entra\"\nresource = \"https://a.example\"\nclient-id = \"x\""), @r#"
`servers.a.auth.scopes` is missing (Entra gives a token for scopes of one resource: `scopes = ["api://CRM/access"]`)
`servers.a.auth.resource` is only for other kinds: Entra takes the resource from `scopes` (take it out)
`servers.a.auth.client-id` is only for kinds whose token comes from the server's own authorization server (take it out)
"#);
    insta::assert_snapshot!(check("", "kind = \"user-grant\"\nissuer = \"https://*\"\nresource = \"crm\"\nscopes = [\"a b\"]"), @r"
`servers.a.auth.issuer` is a pattern, which would accept the tokens of others (an issuer is one URL, compared byte by byte; write an entry for each)
`servers.a.auth.resource` is no absolute URI (write the server's canonical URL, or another URI without `#`: RFC 8707)
`a b` in `servers.a.auth.scopes` is no scope (a scope is one word of printable ASCII; write one string for each)
");
}

#[test]
fn headers_and_tokens_do_not_mix() {
    insta::assert_snapshot!(check("", "kind = \"static\""), @r#"`servers.a.auth` has nothing to send (add `headers = { Authorization = "env:NAME" }` to the server, or write `kind = "none"`)"#);
    insta::assert_snapshot!(check(HEADERS, "kind = \"none\""), @r#"`servers.a.headers` is sent although `kind` is `none` (write `kind = "static"`, or take the headers out)"#);
    insta::assert_snapshot!(check(HEADERS, "kind = \"user-grant\""), @"`servers.a.headers` and a token are both sent (take the secret headers out: the token says who calls; what is no secret belongs into `plain-headers`)");
    assert!(matches!(
        method(
            "plain-headers = { X-Region = \"eu\" }",
            "kind = \"user-grant\""
        ),
        AuthMethod::Token(_)
    ));
}

#[test]
fn a_child_process_has_no_auth() {
    let problems = parse("[servers.a]\ncommand = \"x\"\n[servers.a.auth]\nkind = \"none\"")
        .expect_err("no URL");
    assert_eq!(
        problems[0].message,
        "`servers.a.auth` is only for servers with `url`"
    );
}

#[test]
fn exceptions_end_on_a_day() {
    let text = |day: &str| config("", &format!("kind = \"none\"\nexception-until = \"{day}\""));
    let config = parse(&text("2028-02-29")).unwrap();
    let until = config.servers["a"].auth.exception_until.unwrap();
    assert_eq!(config.ended_exceptions(until), []);
    assert_eq!(
        config.ended_exceptions(until.next_day().unwrap()),
        [("a", until)]
    );
    for day in ["2027-02-29", "2027-1-1", "1.1.2027", "tomorrow", ""] {
        let problems = parse(&text(day)).expect_err("no day");
        assert_eq!(
            problems[0].message, "`servers.a.auth.exception-until` is no day",
            "{day}"
        );
    }
}
