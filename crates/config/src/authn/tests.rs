use crate::{ApiKey, CertificateNames, CertificatePrincipals, PrincipalKind, parse};

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// The messages of the problems of some `[[authn.key]]` entries.
fn check(entries: &str) -> Vec<String> {
    let problems = parse(entries).expect_err("the keys have problems");
    for problem in &problems {
        let shown = problem.render("portcullis.toml", entries);
        assert!(!shown.contains("hunter"), "{shown}");
    }
    problems
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn a_key_is_read() {
    let text = format!(
        "[[authn.key]]\nname = \"ci\"\nkind = \"workload\"\nhash = \"sha256:{}\"\ngroups = [\"builders\"]\nroles = [\"deployer\"]",
        HASH.to_uppercase()
    );
    let config = parse(&text).unwrap();
    let [
        ApiKey {
            name,
            kind,
            hash,
            groups,
            roles,
            line,
        },
    ] = config.authn.keys.as_slice()
    else {
        panic!("one key");
    };
    assert_eq!(
        (name.as_str(), *kind, *line),
        ("ci", PrincipalKind::Workload, 1)
    );
    assert_eq!((hash[0], hash[1], hash[31]), (0x9f, 0x86, 0x08));
    assert_eq!(
        (groups[0].as_str(), roles[0].as_str()),
        ("builders", "deployer")
    );
}

#[test]
fn what_is_no_hash_is_refused() {
    for hash in [
        "hunter2",
        "sha256:hunter2",
        HASH,
        &format!("sha256:{HASH}00"),
        &format!("sha256:{}", HASH.trim_start_matches('9')),
        &format!("sha256:+{}", HASH.trim_start_matches('9')),
        &format!("sha512:{HASH}"),
    ] {
        let text = format!("[[authn.key]]\nname = \"ada\"\nhash = \"{hash}\"");
        assert_eq!(
            check(&text),
            ["`authn.key.hash` is no SHA-256 hash"],
            "{hash}"
        );
    }
}

#[test]
fn nobody_is_called_like_somebody_with_a_token() {
    let issuer = "[authn.issuers.idp]\nkind = \"oidc\"\nissuer = \"https://idp.example.com\"\n";
    let listen = "[listen]\npublic-url = \"https://gw.example.com\"\nbehind-tls-proxy = true\n";
    let key = |name: &str| {
        format!("{listen}[[authn.key]]\nname = \"{name}\"\nhash = \"sha256:{HASH}\"\n{issuer}")
    };
    assert_eq!(
        check(&key("idp:ada")),
        ["`idp:ada` could be somebody with a token of the issuer `idp`"]
    );
    for fine in ["idp", "idpx:ada", "other:idp:ada"] {
        assert!(crate::parse(&key(fine)).is_ok(), "{fine}");
    }
    assert_eq!(
        check(&format!("{listen}[authn]\nloopback = \"idp:me\"\n{issuer}")),
        ["`idp:me` could be somebody with a token of the issuer `idp`"]
    );
}

#[test]
fn duplicates_and_gaps_are_problems() {
    let key = |name: &str| format!("[[authn.key]]\nname = \"{name}\"\nhash = \"sha256:{HASH}\"\n");
    assert_eq!(
        check(&(key("ada") + &key("ben"))),
        ["two principals share one key"]
    );
    let mut same_name = check(&(key("ada") + &key("ada")));
    same_name.sort();
    assert_eq!(
        same_name,
        [
            "`ada` is the name of two keys",
            "two principals share one key"
        ]
    );
    assert_eq!(
        check("[[authn.key]]\nkind = \"robot\""),
        [
            "`authn.key` has no `name`",
            "`authn.key.hash` is missing",
            "`authn.key.kind` cannot be `robot`",
        ]
    );
    assert_eq!(
        check(&format!("{}groups = [\"a\\nb\", \"\", 1]", key("ada"))),
        ["`authn.key.groups` must be a string, not an integer"]
    );
    assert_eq!(
        check(&format!("{}groups = [\"a\\nb\", \"\"]", key("ada"))),
        [
            "`authn.key.groups` is no name",
            "`authn.key.groups` is no name"
        ]
    );
}

#[test]
fn the_loopback_principal_needs_a_name() {
    assert_eq!(parse("").unwrap().authn.loopback, None);
    assert_eq!(
        check("[authn]\nloopback = \"\""),
        ["`authn.loopback` is no name"]
    );
    assert_eq!(
        check("[authn]\nloopback = true"),
        ["`authn.loopback` must be a string, not a boolean"]
    );
}

const TLS: &str = "[listen.tls]\ncertificate = \"a.pem\"\nkey = \"file:k\"\nclient-certificates = \"optional\"\nclient-ca = \"ca.pem\"\n";

#[test]
fn certificates_are_principals() {
    let read = |body: &str| {
        let config = parse(&format!("{TLS}[authn.certificates]\n{body}")).unwrap();
        config.authn.certificates.unwrap()
    };
    assert_eq!(
        read("names = \"spiffe\"\ntrust-domain = \"example.org\""),
        CertificatePrincipals {
            names: CertificateNames::Spiffe {
                trust_domain: "example.org".to_owned()
            },
            principal: PrincipalKind::Workload,
        }
    );
    assert_eq!(
        read("names = \"dns\"\nprincipal = \"agent\""),
        CertificatePrincipals {
            names: CertificateNames::Dns,
            principal: PrincipalKind::Agent,
        }
    );
    assert_eq!(read("names = \"subject\"").names, CertificateNames::Subject);
    for (body, message) in [
        ("", "`authn.certificates.names` is missing"),
        (
            "names = \"email\"",
            "`authn.certificates.names` cannot be `email`",
        ),
        (
            "names = \"spiffe\"",
            "`authn.certificates.trust-domain` is missing",
        ),
        (
            "names = \"spiffe\"\ntrust-domain = \"spiffe://example.org\"",
            "`authn.certificates.trust-domain` is no trust domain",
        ),
        (
            "names = \"dns\"\ntrust-domain = \"example.org\"",
            "`authn.certificates.trust-domain` is only for `names = \"spiffe\"`",
        ),
    ] {
        assert_eq!(
            check(&format!("{TLS}[authn.certificates]\n{body}")),
            [message],
            "{body}"
        );
    }
}

#[test]
fn certificates_must_be_seen() {
    let dns = "[authn.certificates]\nnames = \"dns\"\n";
    assert_eq!(check(dns), ["`authn.certificates` would never see one"]);
    let off = TLS.replace("optional", "off");
    assert_eq!(
        check(&format!("{off}{dns}")),
        ["`authn.certificates` would never see one"]
    );
    let proxied = format!("[listen]\ntrusted-proxies = [\"10.0.0.7\"]\n{dns}");
    assert!(parse(&proxied).is_ok());
}
