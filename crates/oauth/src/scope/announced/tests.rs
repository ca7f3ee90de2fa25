use portcullis_config::Config;

use super::*;

const RESOURCE: &str = "https://gateway.example/mcp/research";
const BARE: [&str; 2] = ["tools.read", "api://other/tools.call"];

const ENTRA: &str = "[authn.issuers.entra]\nkind = \"entra\"\n\
    tenant = \"11111111-1111-4111-8111-111111111111\"\n";
const BEHIND_A_DOOR: &str = "client = { id = \"gateway\", secret = \"env:SECRET\" }\n\
    [authn.issuers.entra.front-door]\n";
const COMPANY: &str =
    "[authn.issuers.company]\nkind = \"oidc\"\nissuer = \"https://issuer.example\"\n";
const MESH: &str = "[authn.issuers.mesh]\nkind = \"spiffe\"\ntrust-domain = \"mesh.example\"\n\
    bundle = \"mesh.json\"\n";

fn config(issuers: &str) -> Config {
    let text = format!(
        "[listen]\npublic-url = \"https://gateway.example\"\n{issuers}\
         [servers.notes]\ncommand = \"notes\"\n\
         [profiles.research]\npath = \"/mcp/research\"\nservers = [\"notes\"]\n"
    );
    match portcullis_config::parse(&text) {
        Ok(config) => config,
        Err(problems) => panic!("{problems:?}\n{text}"),
    }
}

fn check(issuers: &str, resource: Option<&str>, expected: [&str; 2]) {
    let config = config(issuers);
    let announced = announced_scopes(
        &BARE.map(str::to_owned),
        resource,
        config.authn.issuers.values(),
    );
    assert_eq!(announced, expected, "{issuers}");
}

#[test]
fn entra_alone_is_asked_for_scopes_behind_the_address() {
    let qualified = [
        "https://gateway.example/mcp/research/tools.read",
        "api://other/tools.call",
    ];
    check(ENTRA, Some(RESOURCE), qualified);
    check(&format!("{ENTRA}{MESH}"), Some(RESOURCE), qualified);
    check(ENTRA, None, BARE);
    check(COMPANY, Some(RESOURCE), BARE);
    check(&format!("{ENTRA}{COMPANY}"), Some(RESOURCE), BARE);
    check(&format!("{ENTRA}{BEHIND_A_DOOR}"), Some(RESOURCE), BARE);
    check(MESH, Some(RESOURCE), BARE);
    check("", Some(RESOURCE), BARE);
}
