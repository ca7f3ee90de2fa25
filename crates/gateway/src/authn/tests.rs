use std::net::SocketAddr;

use futures_util::FutureExt;
use secrecy::SecretString;

use super::*;
use crate::arrival::{Headers, Selector, Transport};

const KEYS: &str = r#"
[[authn.key]]
name = "ana"
hash = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
groups = ["readers"]
roles = ["editor"]
[[authn.key]]
name = "bot"
kind = "agent"
hash = "sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
"#;

/// A principal with a token that was issued then (unix seconds).
pub(crate) fn signed_in(id: &str, issued: i64) -> Principal {
    Principal {
        signed_in: Some(SignedIn {
            issuer: "company".to_owned(),
            tenant: None,
            subject: id.to_owned(),
            client: Some("editor".to_owned()),
            actors: vec!["assistant".to_owned()],
            scopes: Vec::new(),
            contexts: Vec::new(),
            acr: None,
            at: Some(issued),
            token: Some(format!("token of {id}")),
            digest: format!("digest of {id}"),
            issued: Some(issued),
            expires: issued + 3600,
            bound: false,
            challengeable: false,
        }),
        ..Principal::named(id, PrincipalKind::User, "token")
    }
}

fn authn(loopback: bool) -> config::Authn {
    let local = if loopback {
        "[authn]\nloopback = \"local\"\n"
    } else {
        ""
    };
    config::parse(&format!("{local}{KEYS}")).unwrap().authn
}

fn facts(remote: &str, forwarded: bool) -> Facts {
    Facts {
        transport: Transport::Http,
        remote: Some(remote.parse::<SocketAddr>().unwrap()),
        certificate: None,
        forwarded,
        profile: Selector::Path("/".to_owned()),
        headers: Headers::default(),
        connection: None,
    }
}

fn bearer(token: &str) -> Credential {
    Credential::Token(ShownToken {
        scheme: Scheme::Bearer,
        token: SecretString::from(token),
        proof: None,
        request: (http::Method::POST, "/".to_owned()),
    })
}

/// Who it is and how that was told, or why not.
fn check(
    authenticator: &Authenticator,
    credential: Credential,
    remote: &str,
    forwarded: bool,
) -> Result<(String, &'static str), Reason> {
    let arrival = Arrival {
        credential,
        facts: facts(remote, forwarded),
    };
    let caller = authenticator
        .authenticate(arrival, None)
        .now_or_never()
        .unwrap()
        .map_err(|refusal| refusal.reason())?;
    Ok((
        caller.principal().key().to_string(),
        caller.principal().authentication(),
    ))
}

const HERE: &str = "127.0.0.1:9";
const THERE: &str = "192.0.2.7:9";

#[test]
fn a_caller_is_who_its_credential_says() {
    let who = |id: &str, how| Ok((id.to_owned(), how));
    for (loopback, required, credential, remote, forwarded, expected) in [
        (
            false,
            true,
            bearer("key"),
            THERE,
            false,
            who("user:ana", "api-key"),
        ),
        (
            true,
            true,
            bearer("key"),
            HERE,
            false,
            who("user:ana", "api-key"),
        ),
        (
            false,
            true,
            bearer("password"),
            THERE,
            true,
            who("agent:bot", "api-key"),
        ),
        (
            false,
            true,
            bearer("Key"),
            THERE,
            false,
            Err(Reason::CredentialInvalid),
        ),
        (
            false,
            true,
            bearer(""),
            THERE,
            false,
            Err(Reason::CredentialInvalid),
        ),
        // A wrong credential is refused also where none is needed.
        (
            true,
            true,
            bearer("wrong"),
            HERE,
            false,
            Err(Reason::CredentialInvalid),
        ),
        (
            true,
            false,
            bearer("wrong"),
            HERE,
            false,
            Err(Reason::CredentialInvalid),
        ),
        (
            true,
            false,
            Credential::Unreadable,
            HERE,
            false,
            Err(Reason::CredentialInvalid),
        ),
        (
            false,
            true,
            Credential::None,
            HERE,
            false,
            Err(Reason::CredentialMissing),
        ),
        (
            true,
            true,
            Credential::None,
            HERE,
            false,
            who("user:local", "loopback"),
        ),
        (
            true,
            true,
            Credential::None,
            "[::1]:9",
            false,
            who("user:local", "loopback"),
        ),
        (
            true,
            true,
            Credential::None,
            "[::ffff:127.0.0.1]:9",
            false,
            who("user:local", "loopback"),
        ),
        (
            true,
            true,
            Credential::None,
            THERE,
            false,
            Err(Reason::CredentialMissing),
        ),
        // A proxy on this machine speaks for somebody else.
        (
            true,
            true,
            Credential::None,
            HERE,
            true,
            Err(Reason::CredentialMissing),
        ),
        (
            true,
            false,
            Credential::None,
            THERE,
            false,
            who("user:anonymous", "none"),
        ),
        (
            false,
            false,
            Credential::None,
            HERE,
            true,
            who("user:anonymous", "none"),
        ),
        (
            true,
            true,
            Credential::Process,
            THERE,
            false,
            who("user:local", "stdio"),
        ),
        (
            false,
            true,
            Credential::Process,
            THERE,
            false,
            who("user:local", "stdio"),
        ),
    ] {
        let authenticator = Authenticator::new(&authn(loopback), required, None, Vec::new());
        let shown = format!(
            "{credential:?} from {remote}, loopback {loopback}, required {required}, forwarded {forwarded}"
        );
        assert_eq!(
            check(&authenticator, credential, remote, forwarded),
            expected,
            "{shown}"
        );
    }
}

#[test]
fn groups_and_roles_come_from_the_key() {
    let authenticator = Authenticator::new(&authn(false), true, None, Vec::new());
    let arrival = Arrival {
        credential: bearer("key"),
        facts: facts(THERE, false),
    };
    let caller = authenticator
        .authenticate(arrival, None)
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!(
        (caller.principal().groups(), caller.principal().roles()),
        (&["readers".to_owned()][..], &["editor".to_owned()][..])
    );
    assert_eq!(caller.principal().kind(), PrincipalKind::User);
}

#[test]
fn no_credential_can_be_printed() {
    let arrival = Arrival {
        credential: bearer("key-that-nobody-sees"),
        facts: facts(THERE, false),
    };
    assert!(!format!("{arrival:?}").contains("nobody"));
    let authenticator = Authenticator::new(&authn(true), true, None, Vec::new());
    assert!(
        !format!(
            "{:?}",
            authenticator
                .authenticate(arrival, None)
                .now_or_never()
                .unwrap()
                .unwrap_err()
        )
        .contains("nobody")
    );
}

#[test]
fn kinds_of_principals_do_not_share_a_key() {
    let keys = [
        PrincipalKind::User,
        PrincipalKind::Agent,
        PrincipalKind::Workload,
    ]
    .map(|kind| principal::key(kind, "ana").to_string());
    assert_eq!(keys, ["user:ana", "agent:ana", "workload:ana"]);
}
