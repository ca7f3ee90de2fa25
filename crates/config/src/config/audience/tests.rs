use crate::{Config, parse};

const OIDC: &str = "[authn.issuers.i]\nkind = \"oidc\"\nissuer = \"https://idp.example\"\n";
const PROFILE: &str = "[servers.s]\ncommand = \"x\"\n[profiles.p]\nservers = [\"s\"]\n";

/// The audiences at the profile, or the message of the only problem.
fn check(text: &str) -> Result<Vec<String>, String> {
    let config: Config = parse(text).map_err(|problems| {
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].message.clone()
    })?;
    let profile = &config.profiles["p"];
    let audiences = config.audiences(profile, &config.authn.issuers["i"]);
    let resource = config.resource(profile);
    assert!(resource.is_none_or(|resource| audiences.contains(&resource)));
    Ok(audiences)
}

#[test]
fn a_token_is_for_the_endpoint() {
    assert_eq!(
        check(&format!("{OIDC}{PROFILE}")).unwrap(),
        ["http://127.0.0.1:8642/mcp/p"]
    );
    assert_eq!(
        check(&format!("[listen]\npublic-url = \"https://a.example/b/\"\n{OIDC}audiences = [\"api\"]\n{PROFILE}")).unwrap(),
        ["https://a.example/b/mcp/p", "api"]
    );
    assert_eq!(
        check(&format!(
            "{OIDC}audiences = [\"https://c.example\"]\n{PROFILE}resource = \"https://c.example\""
        ))
        .unwrap(),
        ["https://c.example"]
    );
}

#[test]
fn entra_names_the_registration() {
    let entra = |versions: &str| {
        check(&format!(
            "[authn.issuers.i]\nkind = \"entra\"\ntenant = \"11111111-2222-3333-4444-555555555555\"\ntoken-versions = {versions}\nclient = {{ id = \"gw\", key = \"file:k\" }}\n{PROFILE}resource = \"https://a.example\""
        ))
        .unwrap()
    };
    assert_eq!(entra("[\"2.0\"]"), ["https://a.example", "gw"]);
    assert_eq!(
        entra("[\"1.0\", \"2.0\"]"),
        [
            "https://a.example",
            "gw",
            "api://gw",
            "api://11111111-2222-3333-4444-555555555555/gw"
        ]
    );
}

#[test]
fn an_endpoint_that_has_no_name_is_refused() {
    let open = "[listen]\naddress = \"0.0.0.0:8642\"\nbehind-tls-proxy = true\n";
    let message = "`profiles.p` takes tokens of issuer `i`, but nothing says for whom they must be";
    assert_eq!(
        check(&format!("{open}{OIDC}{PROFILE}")),
        Err(message.to_owned())
    );
    for more in [
        format!("{open}public-url = \"https://a.example\"\n{OIDC}{PROFILE}"),
        format!("{open}{OIDC}audiences = [\"api\"]\n{PROFILE}"),
        format!("{open}{OIDC}{PROFILE}resource = \"https://a.example\""),
    ] {
        assert!(check(&more).is_ok(), "{more}");
    }
    let other = format!("{open}{OIDC}{PROFILE}issuers = []");
    assert_eq!(check(&other), Ok(Vec::new()));
}
