use std::time::Duration;

use proptest::prelude::*;

use crate::{
    AuthMethod, CONTROLS, Config, DEFAULT, EraChoice, Isolation, Pattern, Profile, SecretRef,
    Server, TokenGrant, Transport, parse,
};

/// The problems of a text, one line each: place, key, message and hint.
fn check(text: &str) -> String {
    let problems = parse(text).expect_err("the text has problems");
    let lines: Vec<_> = problems
        .iter()
        .map(|problem| {
            let key = problem.key.as_deref().unwrap_or("-");
            let hint = problem.hint.as_deref().unwrap_or("-");
            format!(
                "{}:{} [{key}] {} ({hint})",
                problem.line, problem.column, problem.message
            )
        })
        .collect();
    lines.join("\n")
}

/// The default file with its examples switched on.
fn with_examples() -> String {
    let lines: Vec<_> = DEFAULT
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if !example.starts_with(' ') => example,
            _ => line,
        })
        .collect();
    lines.join("\n")
}

#[test]
fn the_default_file_is_the_defaults() {
    assert_eq!(parse(DEFAULT), Ok(Config::default()));
    assert_eq!(parse(""), Ok(Config::default()));
}

#[test]
fn the_default_file_names_every_control_with_its_description() {
    for control in CONTROLS {
        let entry = format!("# {}\n{} = true\n", control.description, control.name);
        assert!(DEFAULT.contains(&entry), "{entry}");
    }
}

#[test]
fn the_examples_of_the_default_file_are_valid() {
    let config = parse(&with_examples()).expect("valid");
    assert_eq!(config.authn.loopback.as_deref(), Some("local"));
    assert_eq!(config.authn.keys.len(), 1);
    assert_eq!(
        config.listen.public_url.as_deref(),
        Some("https://mcp.example.com")
    );
    let papers = &config.servers["papers"];
    assert_eq!(papers.era, EraChoice::Auto);
    assert_eq!(papers.isolation, Isolation::Principal);
    assert_eq!(papers.request_timeout, Some(Duration::from_secs(20)));
    let Transport::Stdio { env, plain_env, .. } = &papers.transport else {
        panic!("papers is a command");
    };
    assert_eq!(
        env["PAPERS_TOKEN"],
        SecretRef::Env("PAPERS_TOKEN".to_owned())
    );
    assert_eq!(plain_env["LOG_LEVEL"], "info");
    let Transport::Http { headers, .. } = &config.servers["calendar"].transport else {
        panic!("calendar is a URL");
    };
    assert_eq!(
        headers["authorization"],
        SecretRef::File("/run/secrets/calendar-authorization".to_owned())
    );
    let research = &config.profiles["research"];
    assert_eq!(research.servers[0].name, "papers");
    assert_eq!(
        research.servers[0].tools,
        Some(vec![Pattern::new("search"), Pattern::new("get_*")])
    );
    assert_eq!(research.servers[0].prompts, Some(Vec::new()));
    assert_eq!(research.servers[1].tools, None);
}

#[test]
fn the_examples_are_the_defaults_where_they_say_so() {
    let config = parse(&with_examples()).expect("valid");
    let short = parse(
        "[authn.issuers.company]\nkind = \"oidc\"\nissuer = \"https://idp.example.com/realms/research\"",
    )
    .unwrap();
    let (long, short) = (
        &config.authn.issuers["company"],
        &short.authn.issuers["company"],
    );
    assert_eq!(long.algorithms, short.algorithms);
    assert_eq!(long.token_types, short.token_types);
    assert_eq!(long.claims, short.claims);
    assert_eq!(long.required_claims, short.required_claims);
    assert_eq!(long.untyped_tokens, short.untyped_tokens);
    assert_eq!(
        (long.clock_skew, long.max_token_age, long.key_refresh),
        (short.clock_skew, short.max_token_age, short.key_refresh)
    );
    assert_eq!(
        long.front_door.as_ref().unwrap().consent_lifetime,
        Duration::from_secs(90 * 86_400)
    );
    let AuthMethod::Token(source) = &config.servers["crm"].auth.method else {
        panic!("crm has a token");
    };
    assert_eq!(source.grant, TokenGrant::ClientCredentials);
    assert_eq!(source.max_token_age, Duration::from_secs(3600));
    assert_eq!(config.servers["crm"].identity.pins.len(), 1);
}

#[test]
fn a_server_that_is_made_in_code_is_the_one_without_settings() {
    for text in [
        "command = \"x\"",
        "command = \"x\"\nenv = { A = \"env:A\" }",
        "url = \"https://a.example\"",
        "url = \"https://a.example\"\nheaders = { A = \"env:A\" }",
    ] {
        let mut config = parse(&format!("[servers.a]\n{text}")).unwrap();
        let read = config.servers.remove("a").unwrap();
        let made = Server::new(read.transport.clone());
        assert_eq!(
            read,
            Server {
                line: read.line,
                ..made
            }
        );
    }
    let mut config =
        parse("[servers.a]\ncommand = \"x\"\n[profiles.p]\nservers = [\"a\"]").unwrap();
    let read = config.profiles.remove("p").unwrap();
    let made = Profile::new("/mcp/p", read.servers.clone());
    assert_eq!(
        read,
        Profile {
            line: read.line,
            ..made
        }
    );
}

#[test]
fn secrets_of_services_need_the_service() {
    insta::assert_snapshot!(check(
        "[servers.a]\ncommand = \"x\"\nenv = { A = \"vault:secret/a#b\", B = \"azkv:b\" }"
    ), @r"
3:14 [servers.a.env.A] `servers.a.env.A` leads to a service that is not configured (add `vault-address` and `vault-token` to `[secrets]`)
3:38 [servers.a.env.B] `servers.a.env.B` leads to a service that is not configured (add `key-vault` and `[secrets.azure-client]` to `[secrets]`)
");
    let known = "[secrets]\nvault-address = \"https://v.example:8200\"\nvault-token = \"env:T\"\n[servers.a]\ncommand = \"x\"\nenv = { A = \"vault:secret/a#b\" }";
    assert!(parse(known).is_ok());
}

const TEN_PROBLEMS: &str = r#"stor = "sqlite:x.db"

[listen]
address = "localhost:8642"

[shield]
definitions = "hodl"

[limits]
max-message = "4MB"

[servers.papers]
comand = "npx"

[servers.calendar]
url = "https://user:hunter2@calendar.example.com/mcp"
headers = { Authorization = "Bearer hunter3" }

[profiles.research]
servers = ["paper"]
path = "/mcp/../admin"
"#;

#[test]
fn ten_problems_are_shown_at_once() {
    let problems = parse(TEN_PROBLEMS).expect_err("ten problems");
    assert_eq!(problems.len(), 10);
    let shown = Config::render_problems(&problems, "portcullis.toml", TEN_PROBLEMS);
    assert!(!shown.contains("hunter"), "{shown}");
    insta::assert_snapshot!(shown, @r#"
portcullis.toml:1:1: unknown key `stor`
   |
 1 | stor = "···········"
   | ^^^^
   = hint: did you mean `store`?

portcullis.toml:4:12: `listen.address` is no address with a port
   |
 4 | address = "localhost:8642"
   |            ^^^^^^^^^^^^^^
   = hint: write `127.0.0.1:8642` or `[::1]:8642`; names are not resolved here

portcullis.toml:7:16: `shield.definitions` cannot be `hodl`
   |
 7 | definitions = "hodl"
   |                ^^^^
   = hint: did you mean `hold`? it can be `hold`, `mark`, `allow`

portcullis.toml:10:16: `limits.max-message` is no size that is allowed here
    |
 10 | max-message = "4MB"
    |                ^^^
    = hint: write a whole number with `B`, `KiB`, `MiB` or `GiB`, from 1KiB to 256MiB: "4MiB"

portcullis.toml:12:10: `servers.papers` has neither `command` nor `url`
    |
 12 | [servers.papers]
    |          ^^^^^^
    = hint: a server is either a `command` to run or a `url` to reach

portcullis.toml:13:1: unknown key `comand`
    |
 13 | comand = "···"
    | ^^^^^^
    = hint: did you mean `command`?

portcullis.toml:16:8: `servers.calendar.url` carries credentials
    |
 16 | url = "·············································"
    |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    = hint: take the part before `@` out, and send it as a header: `headers = { Authorization = "env:NAME" }`

portcullis.toml:17:30: `servers.calendar.headers.Authorization` holds a literal where a reference to a secret belongs
    |
 17 | headers = { ············· = "··············" }
    |                              ^^^^^^^^^^^^^^
    = hint: write `env:NAME`, `file:/absolute/path`, `keyring:SERVICE/NAME`, `vault:PATH#FIELD` or `azkv:NAME`; this file may only say where a secret is

portcullis.toml:20:13: unknown server `paper`
    |
 20 | servers = ["paper"]
    |             ^^^^^
    = hint: did you mean `papers`?

portcullis.toml:21:9: `profiles.research.path` is no path for an endpoint
    |
 21 | path = "/mcp/../admin"
    |         ^^^^^^^^^^^^^
    = hint: write `/mcp/NAME`: a leading `/`, letters, digits and `-._~`, no empty, `.`, `..` or `.well-known` segment
"#);
}

#[test]
fn problems_between_sections() {
    insta::assert_snapshot!(check("[listen]\naddress = \"0.0.0.0:8642\""), @r"
2:12 [listen.address] refusing to listen on 0.0.0.0:8642 without authentication (add an `[[authn.key]]` or an `[authn.issuers.NAME]`, or listen on 127.0.0.1)
2:12 [listen.address] refusing to listen on 0.0.0.0:8642 without TLS (add `[listen.tls]`; or write `behind-tls-proxy = true` if a proxy that does TLS stands in front, or listen on 127.0.0.1)
");
    insta::assert_snapshot!(check("[listen]\nbehind-tls-proxy = true\naddress = \"0.0.0.0:8642\""), @"3:12 [listen.address] refusing to listen on 0.0.0.0:8642 without authentication (add an `[[authn.key]]` or an `[authn.issuers.NAME]`, or listen on 127.0.0.1)");
    insta::assert_snapshot!(check(&format!(
        "[listen]\nbehind-tls-proxy = true\naddress = \"[::]:1\"\n[authn]\nloopback = \"local\"\n{KEY}"
    )), @"3:12 [listen.address] refusing to listen on [::]:1 without authentication (take `authn.loopback` out, or listen on 127.0.0.1)");
    insta::assert_snapshot!(check(&format!(
        "[listen]\nbehind-tls-proxy = true\naddress = \"10.0.0.1:1\"\n[controls]\nauthentication = false\n[authn]\n{KEY}"
    )), @"3:12 [listen.address] refusing to listen on 10.0.0.1:1 without authentication (switch `controls.authentication` on, or listen on 127.0.0.1)");
    insta::assert_snapshot!(check(
        "[servers.a]\ncommand = \"x\"\n[profiles.one]\nservers = [\"a\"]\npath = \"/mcp/two\"\n[profiles.two]\nservers = [\"a\"]"
    ), @"6:11 [profiles.two] profiles `one` and `two` have the same path (-)");
}

const KEY: &str = "[[authn.key]]\nname = \"ada\"\nhash = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";

#[test]
fn other_machines_may_come_in_with_keys() {
    for more in [
        "behind-tls-proxy = true\n",
        "[listen.tls]\ncertificate = \"a.pem\"\nkey = \"file:a.key\"\n",
    ] {
        let config = parse(&format!(
            "[listen]\naddress = \"0.0.0.0:8642\"\n{more}{KEY}"
        ));
        assert!(config.is_ok(), "{config:?}");
    }
    let mapped = parse("[listen]\naddress = \"[::ffff:127.0.0.1]:1\"\n");
    assert!(mapped.is_ok(), "{mapped:?}");
}

#[test]
fn syntax_errors_have_a_place_and_show_no_value() {
    let text = "[servers.a]\nenv = { TOKEN = hunter2 }\n";
    let problems = parse(text).expect_err("no TOML");
    let shown = Config::render_problems(&problems, "portcullis.toml", text);
    insta::assert_snapshot!(shown, @r"
portcullis.toml:2:17: invalid TOML value, did you mean to use a quoted string?
   |
 2 | env = { ····· = ······· }
   |                 ^^^^^^^
");
}

#[test]
fn values_of_unknown_keys_are_not_shown() {
    let text = "[servers.a]\ncommand = \"x\"\nenviroment = { PIN = 4711 }\n";
    let problems = parse(text).expect_err("an unknown key");
    let shown = Config::render_problems(&problems, "portcullis.toml", text);
    assert!(!shown.contains("4711"), "{shown}");
}

#[test]
fn deep_nesting_is_refused() {
    for open in ["[", "{ a = "] {
        let problems = parse(&format!("a = {}", open.repeat(20_000))).expect_err("too deep");
        assert_eq!(
            problems[0].message,
            "input exceeds the maximum allowed nesting depth"
        );
    }
}

#[test]
fn unknown_keys_are_refused_everywhere() {
    insta::assert_snapshot!(check(
        "[listen]\nadress = \"127.0.0.1:1\"\n[authn]\nkeys = []\n[policies]\nfile = []\n[registry]\nmodes = \"review\"\n[controls]\norigin_check = false\n[servers.a]\ncommand = \"x\"\nsandbox = true\n[profiles.a]\nservers = [\"a\"]\ntool = {}"
    ), @r"
2:1 [listen.adress] unknown key `adress` (did you mean `address`?)
4:1 [authn.keys] unknown key `keys` (did you mean `key`?)
6:1 [policies.file] unknown key `file` (did you mean `files`?)
8:1 [registry.modes] unknown key `modes` (did you mean `mode`?)
10:1 [controls.origin_check] unknown key `origin_check` (did you mean `origin-check`?)
13:1 [servers.a.sandbox] unknown key `sandbox` (the keys here are `command`, `args`, `env`, `plain-env`, `cwd`, `url`, `headers`, `plain-headers`, `openapi`, `transport`, `era`, `isolation`, `auth`, `identity`, `startup-timeout`, `request-timeout`, `description`)
16:1 [profiles.a.tool] unknown key `tool` (did you mean `tools`?)
");
}

#[test]
fn wrong_types_are_refused() {
    insta::assert_snapshot!(check(
        "listen = 1\nauthn = { key = 1, loopback = 2 }\npolicies = { files = \"policies\" }\nservers = { a = 1 }\nprofiles = [1]\nstore = 5\n[controls]\naudit = \"yes\"\n[limits]\nmax-depth = \"64\""
    ), @r#"
1:10 [listen] `listen` must be a table, not an integer (-)
2:17 [authn.key] `authn.key` must be `[[authn.key]]` entries, not an integer (-)
2:31 [authn.loopback] `authn.loopback` must be a string, not an integer (-)
3:23 [policies.files] `policies.files` must be an array of strings, not a string (-)
4:17 [servers.a] `servers.a` must be a table, not an integer (-)
5:12 [profiles] `profiles` must be a table, not an array (-)
6:9 [store] `store` names no store (write `store = "sqlite:PATH"`, with the path of the database file)
8:10 [controls.audit] `controls.audit` must be `true` or `false`, not a string (-)
10:14 [limits.max-depth] `limits.max-depth` is no number that is allowed here (write a whole number from 4 to 512)
"#);
}

#[test]
fn names_are_checked() {
    insta::assert_snapshot!(check(
        "[servers.Papers]\ncommand = \"x\"\n[servers.-a]\ncommand = \"x\"\n[servers.\"a \u{202e}b\"]\ncommand = \"x\"\n[profiles.a_b]\nservers = [\"Papers\"]"
    ), @r"
1:10 [servers] `Papers` is no name for an entry of `servers` (a name has 1 to 32 of a-z, 0-9 and `-`, and no `-` at its ends)
3:10 [servers] `-a` is no name for an entry of `servers` (a name has 1 to 32 of a-z, 0-9 and `-`, and no `-` at its ends)
5:11 [servers] `a \u{202e}b` is no name for an entry of `servers` (a name has 1 to 32 of a-z, 0-9 and `-`, and no `-` at its ends)
7:11 [profiles] `a_b` is no name for an entry of `profiles` (a name has 1 to 32 of a-z, 0-9 and `-`, and no `-` at its ends)
");
}

#[test]
fn warnings_name_what_is_off_or_unused() {
    let config = parse("[controls]\nauthorization = false\n[servers.a]\ncommand = \"x\"").unwrap();
    insta::assert_snapshot!(config.warnings().join("\n"), @r"
control `authorization` is off: Forwards a message only if a Cedar policy permits it.
nobody can sign in over HTTP: there is no `authn.loopback`, no `[[authn.key]]`, no `[authn.issuers.NAME]` and no `[authn.certificates]`
server `a` (line 3) is in no profile
");
    let quiet = parse(&with_examples()).unwrap();
    assert_eq!(quiet.warnings(), Vec::<String>::new());
}

/// Text that looks enough like a configuration to get past the first checks.
fn plausible() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "\\[(servers|profiles|authn|authn.issuers|limits|vault|secrets|outbound|listen.tls)(\\.[a-z]{1,3})?(\\.(auth|identity|client|front-door))?\\]",
        "(kind|tenant|issuer|key|through|pins|allow|scopes|certificate|exception-until) = (\"[ -~]{0,12}\"|\\[\\]|\"(entra|oidc|spiffe|static|user-grant|vault:a/b#c|transit:x)\")",
        "(command|url|headers|env|args|servers|tools|hash|name|path) = (\"[ -~]{0,12}\"|\\[\\]|1|\\{ a = \"b\" \\})",
        "\\PC{0,20}",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn parsing_never_panics(text in prop_oneof![any::<String>(), plausible()]) {
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
            let shown = Config::render_problems(&problems, "portcullis.toml", &text);
            prop_assert!(shown.contains("portcullis.toml:"));
        }
    }

    #[test]
    fn damaged_files_never_panic(start in 0usize..16_000, end in 0usize..16_000, put in "\\PC{0,3}") {
        let text = with_examples();
        let (start, end) = (start.min(end), start.max(end));
        let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) else {
            return Ok(());
        };
        let damaged = format!("{before}{put}{after}");
        if let Err(problems) = parse(&damaged) {
            Config::render_problems(&problems, "portcullis.toml", &damaged);
        }
    }

    #[test]
    fn a_literal_secret_is_never_repeated(
        secret in "[A-Za-z0-9]{12,24}",
        place in prop_oneof![
            Just("env = { TOKEN = \"%\" }"),
            Just("env = { TOKEN = \"env:%-%\" }"),
            Just("env.TOKEN = '%'"),
            Just("env = { TOKEN = \"\"\"%\"\"\" }"),
            Just("env = { TOKEN = [\"%\"] }"),
            Just("env = { TOKEN = %"),
            Just("env = { TOKEN = \"%"),
            Just("enviroment = { TOKEN = \"%\" }"),
            Just("env = \"%\""),
            Just("env = { TOKEN = \"env:TOKEN\", OTHER = '%' }, args = 1"),
        ],
    ) {
        let text = format!("[servers.a]\ncommand = \"x\"\n{}\n", place.replace('%', &secret));
        let problems = parse(&text).expect_err("a literal is refused");
        let shown = Config::render_problems(&problems, "portcullis.toml", &text);
        prop_assert!(!shown.contains(&secret), "{}", shown);
        let debug = format!("{problems:?}");
        prop_assert!(!debug.contains(&secret));
    }

    #[test]
    fn a_literal_secret_is_never_repeated_in_the_sections_about_identity(
        secret in "[A-Za-z0-9]{12,24}",
        place in prop_oneof![
            Just("[vault]\nkey = \"%\""),
            Just("[vault]\nkey = \"passphrase:%\""),
            Just("[vault]\nkey = \"transit:https://u:%@v.example/transit/k\""),
            Just("[vault]\nkey = \"transit:https://v.example/transit/k\"\ntransit-token = \"%\""),
            Just("[secrets]\nvault-address = \"https://v.example\"\nvault-token = \"%\""),
            Just("[listen.tls]\ncertificate = \"a\"\nkey = \"%\""),
            Just("[outbound]\nallow = [\"u:%@a.example\"]"),
            Just("[authn.issuers.a]\nkind = \"oidc\"\nissuer = \"https://u:%@*.example\""),
            Just("[authn.issuers.a]\nkind = \"oidc\"\nissuer = \"https://a.example\"\njwks-url = \"https://u:%@a.example\""),
            Just("[authn.issuers.a]\nkind = \"oidc\"\nissuer = \"https://a.example\"\nclient = { id = \"gw\", secret = \"%\" }"),
            Just("[authn.issuers.a]\nkind = \"oidc\"\nissuer = \"https://a.example\"\nclient = { id = \"gw\", secret = \"env:A\", key = \"%\" }"),
            Just("[authn.issuers.a]\nkind = \"oidc\"\nissuer = \"https://a.example\"\nclient = { id = \"gw\", secrte = \"%\" }"),
            Just("[servers.a]\nurl = \"https://a.example\"\nauth = { kind = \"client-credentials\", client-id = \"gw\", client-secret = \"%\" }"),
            Just("[servers.a]\nurl = \"https://a.example\"\nauth = { kind = \"none\", client-secret = \"%\" }"),
            Just("[servers.a]\nurl = \"https://a.example\"\nauth = { kind = \"user-grant\", resource = \"https://u:%@a.example\" }"),
            Just("[servers.a]\nurl = \"https://a.example\"\nidentity = { client-certificate = \"a\", client-key = \"%\" }"),
        ],
    ) {
        let text = place.replace('%', &secret);
        let problems = parse(&text).expect_err("a literal is refused");
        let shown = Config::render_problems(&problems, "portcullis.toml", &text);
        prop_assert!(!shown.contains(&secret), "{}", shown);
        let debug = format!("{problems:?}");
        prop_assert!(!debug.contains(&secret));
    }
}
