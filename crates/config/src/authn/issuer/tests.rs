use std::time::Duration;

use crate::{
    Algorithm, BoundTokens, CallerCredential, Cloud, Config, EntraVersion, GroupSource, Guests,
    Issuer, IssuerKind, PrincipalKind, SpiffeBundle, TokenForm, parse,
};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "AAAAAAAA-2222-3333-4444-555555555555";

fn read(body: &str) -> Issuer {
    let mut config = parse(&format!("[authn.issuers.a]\n{body}")).unwrap();
    config.authn.issuers.remove("a").unwrap()
}

/// The problems of an issuer: message and hint.
fn check(body: &str) -> String {
    let text = format!("[authn.issuers.a]\n{body}");
    let problems = parse(&text).expect_err("the issuer has problems");
    let shown = Config::render_problems(&problems, "portcullis.toml", &text);
    assert!(!shown.contains("hunter"), "{shown}");
    let lines = problems
        .into_iter()
        .map(|problem| format!("{} ({})", problem.message, problem.hint.unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

fn oidc(more: &str) -> String {
    format!("kind = \"oidc\"\nissuer = \"https://idp.example\"\n{more}")
}

fn entra(more: &str) -> String {
    format!("kind = \"entra\"\ntenant = \"{TENANT}\"\n{more}")
}

#[test]
fn the_defaults_follow_from_the_kind() {
    let issuer = read(&oidc(""));
    assert_eq!(issuer.issuer(), Some("https://idp.example"));
    assert_eq!(issuer.tokens, TokenForm::Jwt);
    assert_eq!(issuer.algorithms, [Algorithm::Rs256, Algorithm::Es256]);
    assert_eq!(issuer.token_types, ["at+jwt"]);
    assert_eq!(issuer.claims.scopes, "scope");
    assert_eq!(issuer.principal, PrincipalKind::User);
    assert_eq!(issuer.bound_tokens, BoundTokens::Optional);
    assert_eq!(issuer.clock_skew, Duration::from_secs(60));
    assert_eq!(issuer.required_claims, ["client_id", "iat", "jti"]);
    assert_eq!(issuer.claims.clients, ["client_id", "azp"]);
    assert!(!issuer.untyped_tokens);
    assert_eq!(issuer.line, 1);

    let issuer = read(&entra(""));
    assert_eq!(issuer.issuer(), None);
    assert_eq!(issuer.algorithms, [Algorithm::Rs256]);
    assert_eq!(issuer.token_types, ["JWT"]);
    assert_eq!(issuer.claims.scopes, "scp");
    let IssuerKind::Entra(entra) = issuer.kind else {
        panic!("Entra");
    };
    assert_eq!(
        (entra.directory.as_str(), entra.tenants),
        (TENANT, vec![TENANT.to_owned()])
    );
    assert_eq!(entra.cloud, Cloud::Global);
    assert_eq!(entra.token_versions, [EntraVersion::V2]);
    assert_eq!((entra.guests, entra.agents), (Guests::Refuse, true));
    assert_eq!(entra.groups, GroupSource::Token);
    assert_eq!(entra.min_client_authentication, CallerCredential::Any);

    let issuer = read(
        "kind = \"spiffe\"\ntrust-domain = \"example.org\"\nbundle-url = \"https://spire.example\"",
    );
    assert_eq!(issuer.token_types, ["JWT", "JOSE"]);
    assert!(issuer.untyped_tokens && issuer.required_claims.is_empty());
    assert_eq!(issuer.principal, PrincipalKind::Workload);
    let IssuerKind::Spiffe(spiffe) = issuer.kind else {
        panic!("SPIFFE");
    };
    assert_eq!(
        spiffe.bundle,
        SpiffeBundle::Url("https://spire.example".to_owned())
    );
}

#[test]
fn every_algorithm_has_its_name() {
    let names = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
    ];
    let issuer = read(&oidc(&format!("algorithms = {names:?}")));
    let read: Vec<_> = issuer
        .algorithms
        .iter()
        .map(|algorithm| algorithm.name())
        .collect();
    assert_eq!(read, names);
}

#[test]
fn dangerous_signatures_are_refused_with_a_reason() {
    insta::assert_snapshot!(check(&oidc("algorithms = [\"none\", \"HS256\", \"hs512\", \"rs256\", \"RS1\", \"ES256K\"]")), @r"
`authn.issuers.a.algorithms` cannot have `none` (a token without a signature can be written by anybody)
`authn.issuers.a.algorithms` cannot have `HS256` (the key of a symmetric signature would be in every place that checks it, and a public key could be taken for it)
`authn.issuers.a.algorithms` cannot have `hs512` (the key of a symmetric signature would be in every place that checks it, and a public key could be taken for it)
`authn.issuers.a.algorithms` cannot have `rs256` (did you mean `RS256`?)
`authn.issuers.a.algorithms` cannot have `RS1` (it can have `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`)
`authn.issuers.a.algorithms` cannot have `ES256K` (it can have `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`)
");
    insta::assert_snapshot!(check(&oidc("algorithms = []\ntoken-types = []")), @r#"
`authn.issuers.a.algorithms` is empty (it can have `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`)
`authn.issuers.a.token-types` is empty (name what `typ` may be: "at+jwt" (RFC 9068), for some issuers "JWT")
"#);
    insta::assert_snapshot!(check(&oidc("algorithms = [\"RS256\", \"RS256\"]")), @"`RS256` is there twice ()");
}

#[test]
fn an_issuer_is_one_url() {
    for (text, message) in [
        (
            "https://*.example",
            "is a pattern, which would accept the tokens of others",
        ),
        ("*", "is a pattern, which would accept the tokens of others"),
        (
            "https://login.example/{tenantid}/v2.0",
            "is a pattern, which would accept the tokens of others",
        ),
        (
            "http://idp.example",
            "is not encrypted: http is only for loopback addresses",
        ),
        ("idp.example", "is no absolute URL"),
        ("https://u:hunter2@idp.example", "carries credentials"),
        (
            "https://idp.example#a",
            "has a fragment, which is never sent",
        ),
        ("https://idp.example?a", "has a query"),
    ] {
        let problems = check(&format!("kind = \"oidc\"\nissuer = \"{text}\""));
        let expected = format!("`authn.issuers.a.issuer` {message}");
        assert!(problems.starts_with(&expected), "{text}: {problems}");
    }
    assert_eq!(
        read("kind = \"oidc\"\nissuer = \"http://127.0.0.1:1/x/\"").issuer(),
        Some("http://127.0.0.1:1/x/")
    );
    insta::assert_snapshot!(check("kind = \"oidc\""), @"`authn.issuers.a.issuer` is missing (write the issuer's identifier, exactly as its tokens have it in `iss`)");
    insta::assert_snapshot!(check("issuer = \"https://a.example\""), @"`authn.issuers.a.kind` is missing (write `oidc`, `entra` or `spiffe`)");
    insta::assert_snapshot!(check("kind = \"azure\""), @r"
`authn.issuers.a.issuer` is missing (write the issuer's identifier, exactly as its tokens have it in `iss`)
`authn.issuers.a.kind` cannot be `azure` (it can be `oidc`, `entra`, `spiffe`)
");
}

#[test]
fn clocks_audiences_and_contexts() {
    insta::assert_snapshot!(check(&oidc("clock-skew = \"61s\"\nmax-token-age = \"367d\"")), @r#"
`authn.issuers.a.clock-skew` is more than a minute (write at most "1m": it lengthens the life of a stolen token; set the clocks instead)
`authn.issuers.a.max-token-age` is no duration (write a whole number above zero with `s`, `m`, `h` or `d`, at most 366 days: "90d")
"#);
    insta::assert_snapshot!(check(&oidc("audiences = [\"https://*\", \"\"]\nclients = [\"a\", \"a\"]")), @r"
`authn.issuers.a.audiences` has a pattern (audiences are compared byte by byte; write each one)
`authn.issuers.a.audiences` holds what is empty, too long or not printable (write 1 to 512 bytes, no control characters and no space at the ends)
`a` is there twice ()
");
    insta::assert_snapshot!(check(&oidc("authentication-contexts = { \"M F A\" = \"c1\", mfa = 1, x = \"\" }")), @r"
`M F A` is no name for an entry of `authn.issuers.a.authentication-contexts` (a name has 1 to 32 of a-z, 0-9 and `-`, and no `-` at its ends)
`authn.issuers.a.authentication-contexts.mfa` must be a string, not an integer ()
`authn.issuers.a.authentication-contexts.x` holds what is empty, too long or not printable (write 1 to 512 bytes, no control characters and no space at the ends)
");
    let issuer = read(&oidc(
        "authentication-contexts = { mfa = \"urn:mfa\" }\nclock-skew = \"5s\"",
    ));
    assert_eq!(issuer.authentication_contexts["mfa"], "urn:mfa");
    assert_eq!(issuer.clock_skew, Duration::from_secs(5));
}

#[test]
fn claims_of_other_shapes() {
    let issuer = read(&oidc(
        "roles-claim = \"/realm_access/roles\"\nclient-claims = [\"cid\"]\nrequired-claims = []\nuntyped-tokens = true\nagent-clients = [\"bot\"]\nworkload-marker = { gty = \"client-credentials\" }",
    ));
    assert_eq!(issuer.claims.roles, "/realm_access/roles");
    assert_eq!(issuer.claims.clients, ["cid"]);
    assert!(issuer.required_claims.is_empty() && issuer.untyped_tokens);
    assert_eq!(issuer.agent_clients, ["bot"]);
    let marker = ("gty".to_owned(), "client-credentials".to_owned());
    assert_eq!(issuer.workload_marker, Some(marker));
    insta::assert_snapshot!(check(&oidc("client-claims = []\nworkload-marker = { a = \"b\", c = \"d\" }")), @r#"
`authn.issuers.a.client-claims` is empty (name the claim that has the client application)
`authn.issuers.a.workload-marker` is not one claim (write `workload-marker = { CLAIM = "VALUE" }`)
"#);
    insta::assert_snapshot!(check(&oidc("workload-marker = { a = 1 }")), @"`authn.issuers.a.workload-marker.a` must be a string, not an integer ()");
    insta::assert_snapshot!(check(&entra("workload-marker = { a = \"b\" }\nagents = \"no\"")), @r"
`authn.issuers.a.workload-marker` is only for issuers other than Entra, which has fixed names (take it out)
`authn.issuers.a.agents` cannot be `no` (it can be `refuse`, `allow`)
");
}

#[test]
fn opaque_tokens_need_a_registration_and_no_keys() {
    insta::assert_snapshot!(check(&oidc("tokens = \"opaque\"")), @"introspection needs the gateway's own registration at the issuer (add `[authn.issuers.a.client]` with `id` and a way to prove it)");
    insta::assert_snapshot!(check(&oidc("tokens = \"opaque\"\nalgorithms = [\"RS256\"]\njwks-url = \"https://idp.example/keys\"\n[authn.issuers.a.client]\nid = \"gw\"\nkey = \"file:k\"")), @r#"
`authn.issuers.a.algorithms` is only for signed tokens (`tokens = "jwt"`) (take it out)
`authn.issuers.a.jwks-url` is only for signed tokens (`tokens = "jwt"`) (take it out)
"#);
    insta::assert_snapshot!(check(&entra("tokens = \"opaque\"\n[authn.issuers.a.client]\nid = \"gw\"\nkey = \"file:k\"")), @"`authn.issuers.a.tokens` is only for `oidc` (the tokens of the other kinds are signed; take it out)");
    let issuer = read(&oidc(
        "tokens = \"opaque\"\n[authn.issuers.a.client]\nid = \"gw\"\nkey = \"file:k\"",
    ));
    assert_eq!(issuer.tokens, TokenForm::Opaque);
}

#[test]
fn the_tenants_of_entra() {
    for (tenants, directory, count) in [
        (format!("tenant = \"{OTHER}\""), OTHER.to_lowercase(), 1),
        (format!("tenants = [\"{TENANT}\"]"), TENANT.to_owned(), 1),
        (
            format!("tenants = [\"{TENANT}\", \"{OTHER}\"]"),
            "organizations".to_owned(),
            2,
        ),
        (
            format!("tenant = \"common\"\ntenants = [\"{TENANT}\"]"),
            "common".to_owned(),
            1,
        ),
    ] {
        let IssuerKind::Entra(entra) = read(&format!("kind = \"entra\"\n{tenants}")).kind else {
            panic!("Entra");
        };
        assert_eq!(
            (entra.directory, entra.tenants.len()),
            (directory, count),
            "{tenants}"
        );
    }
    let tenant = |tenant: &str| check(&format!("kind = \"entra\"\n{tenant}"));
    insta::assert_snapshot!(tenant(""), @r#"`authn.issuers.a.tenant` is missing (write the tenant's id, a GUID; or `tenants = ["GUID", …]`)"#);
    insta::assert_snapshot!(tenant("tenant = \"common\""), @r#"`authn.issuers.a.tenant` would take the tokens of every tenant in the world (add `tenants = ["GUID", …]` with those that you know, or write one GUID here)"#);
    insta::assert_snapshot!(tenant("tenant = \"organizations\"\ntenants = []"), @"`authn.issuers.a.tenants` is empty (name at least one tenant)");
    insta::assert_snapshot!(tenant("tenant = \"consumers\""), @"`authn.issuers.a.tenant` names the personal accounts, which have no tenant of yours (write the tenant's id, a GUID)");
    insta::assert_snapshot!(tenant("tenant = \"contoso.com\""), @"`authn.issuers.a.tenant` is no GUID (write the tenant's id, not its domain: a domain can move to another tenant)");
    insta::assert_snapshot!(tenant(&format!("tenant = \"{TENANT}\"\ntenants = [\"{TENANT}\"]")), @r#"`authn.issuers.a.tenants` is only for `tenant = "organizations"` or no `tenant`; this entry has one tenant already (take it out)"#);
    insta::assert_snapshot!(tenant(&format!("tenants = [\"{OTHER}\", \"{}\", \"contoso.com\"]", OTHER.to_lowercase())), @r"
`authn.issuers.a.tenants` has a tenant twice ()
`authn.issuers.a.tenants` has an entry that is no GUID (write the tenant's id, not its domain)
");
}

#[test]
fn the_keys_of_a_kind_are_only_for_it() {
    insta::assert_snapshot!(check(&oidc("guests = \"allow\"\nbundle = \"b.json\"")), @r"
`authn.issuers.a.guests` is only for issuers of the kind `entra` (take it out)
`authn.issuers.a.bundle` is only for issuers of the kind `spiffe` (take it out)
");
    insta::assert_snapshot!(check(&entra("issuer = \"https://a.example\"\ngroups-claim = \"g\"\ntrust-domain = \"a\"")), @r"
`authn.issuers.a.issuer` is only for other issuers: that of Entra follows from `tenant` and `cloud` (take it out)
`authn.issuers.a.groups-claim` is only for issuers other than Entra, which has fixed names (take it out)
`authn.issuers.a.trust-domain` is only for issuers of the kind `spiffe` (take it out)
");
    insta::assert_snapshot!(check("kind = \"spiffe\"\ntrust-domain = \"Example.org\"\ntenant = \"x\"\n[authn.issuers.a.client]\nid = \"x\"\nkey = \"file:k\""), @r#"
`authn.issuers.a` has no bundle (write `bundle = "FILE"` or `bundle-url = "https://…"`)
`authn.issuers.a.trust-domain` is no trust domain (write the trust domain alone: "example.org")
`authn.issuers.a.tenant` is only for issuers of the kind `entra` (take it out)
`authn.issuers.a.client` is only for issuers of the other kinds (take it out)
"#);
    insta::assert_snapshot!(check("kind = \"spiffe\"\ntrust-domain = \"a\"\nbundle = \"b\"\nbundle-url = \"https://b.example\"\njwks-url = \"https://b.example\""), @r#"
`authn.issuers.a` has two bundles (write `bundle = "FILE"` or `bundle-url = "https://…"`)
`authn.issuers.a.jwks-url` is only for signed tokens of other kinds: the bundle has the keys (take it out)
"#);
    insta::assert_snapshot!(check(&entra("token-versions = [\"3.0\"]\ncloud = \"chine\"\ngroups = \"graph\"\nmin-client-authentication = \"cert\"")), @r"
`authn.issuers.a.token-versions` cannot have `3.0` (did you mean `1.0`?)
`authn.issuers.a.cloud` cannot be `chine` (did you mean `china`? it can be `global`, `us-government`, `china`)
looking groups up in Graph needs the gateway's own registration at the issuer (add `[authn.issuers.a.client]` with `id` and a way to prove it)
`authn.issuers.a.min-client-authentication` cannot be `cert` (it can be `any`, `secret`, `certificate`)
");
}

#[test]
fn a_front_door_needs_a_registration_and_an_address() {
    let client = "[authn.issuers.a.client]\nid = \"gw\"\nkey = \"file:k\"\n";
    let door = "[authn.issuers.a.front-door]\n";
    let issuer = read(&oidc(&format!(
        "{client}{door}clients = {{ app = [\"http://127.0.0.1/cb\", \"com.example.app:/cb\", \"https://a.example/cb?x=1\"] }}\nscopes = [\"a\"]\nscope-prefix = \"api://gw/\""
    )));
    let door_of = issuer.front_door.unwrap();
    assert_eq!(door_of.clients["app"].len(), 3);
    assert!(!door_of.registration);
    assert_eq!(door_of.consent_lifetime, Duration::from_secs(90 * 86_400));
    insta::assert_snapshot!(check(&oidc(door)), @"a front door needs the gateway's own registration at the issuer (add `[authn.issuers.a.client]` with `id` and a way to prove it)");
    insta::assert_snapshot!(check(&oidc(&format!("{client}{door}[listen]\naddress = \"127.0.0.1:0\""))), @"`authn.issuers.a.front-door` has no address (set `listen.public-url`: hosts must find the front door under a name)");
    insta::assert_snapshot!(check(&oidc(&format!("{client}{door}scopes = [\"offline_access\"]\nconsent-lifetime = \"2y\"\nclients = {{ app = [] }}"))), @r#"
`authn.issuers.a.front-door.scopes` has `offline_access` (take it out: it is no right at a tool, and the gateway asks for it where it needs it)
`authn.issuers.a.front-door.consent-lifetime` is no duration (write a whole number above zero with `s`, `m`, `h` or `d`, at most 366 days: "90d")
`app` has nowhere to be sent back to (name its redirect URIs: RFC 6749, 3.1.2.2)
"#);
}

#[test]
fn redirect_uris() {
    let client = "[authn.issuers.a.client]\nid = \"gw\"\nkey = \"file:k\"\n[authn.issuers.a.front-door.clients]\n";
    for (uri, reason) in [
        ("https://a.example/*", "is a pattern"),
        (
            "http://a.example/cb",
            "is not encrypted: http is only for loopback addresses",
        ),
        ("https://u:hunter2@a.example/cb", "carries credentials"),
        (
            "https://a.example/cb#x",
            "has a fragment, which is never sent",
        ),
        ("/cb", "is no absolute URI"),
        (
            "javascript:alert(1)",
            "has a scheme that no app has of its own",
        ),
        (
            "JavaScript:alert(1)",
            "has a scheme that no app has of its own",
        ),
        (
            "data:text/html,x",
            "has a scheme that no app has of its own",
        ),
        ("file:///x", "has a scheme that no app has of its own"),
        ("1app:/cb", "has a scheme that no app has of its own"),
        (":/cb", "has a scheme that no app has of its own"),
        ("app:", "has a fragment, or nothing behind its scheme"),
        ("app:/cb#x", "has a fragment, or nothing behind its scheme"),
        ("app:/c b", "has a fragment, or nothing behind its scheme"),
    ] {
        let problems = check(&oidc(&format!("{client}app = [\"{uri}\"]")));
        let expected = format!("a redirect URI of `app` {reason} (");
        assert!(problems.starts_with(&expected), "{uri}: {problems}");
        assert_eq!(problems.lines().count(), 1);
    }
}

#[test]
fn a_token_belongs_to_one_issuer() {
    let two = |one: &str, other: &str| check(&format!("{one}\n[authn.issuers.b]\n{other}"));
    insta::assert_snapshot!(two(&oidc(""), &oidc("")), @"issuers `a` and `b` have the same tokens (a token belongs to one entry; give that entry what both should take)");
    let both = format!("kind = \"entra\"\ntenants = [\"{OTHER}\", \"{TENANT}\"]");
    insta::assert_snapshot!(two(&entra(""), &both), @"issuers `a` and `b` have the same tokens (a token belongs to one entry; give that entry what both should take)");
    let spiffe = "kind = \"spiffe\"\ntrust-domain = \"a\"\nbundle = \"b\"";
    insta::assert_snapshot!(two(spiffe, spiffe), @"issuers `a` and `b` have the same tokens (a token belongs to one entry; give that entry what both should take)");
    let apart = format!(
        "[authn.issuers.a]\n{}\n[authn.issuers.b]\n{}cloud = \"china\"",
        entra(""),
        entra("")
    );
    assert!(parse(&apart).is_ok());
}
