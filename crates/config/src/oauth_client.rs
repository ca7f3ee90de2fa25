//! The gateway as a client of an authorization server: its id there, and how it proves that it is
//! that client.

use crate::problem::Problems;
use crate::secret::SecretRef;
use crate::section::{Section, choice};
use crate::tls::CertificateAndKey;

/// A client registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthClient {
    /// The client id.
    pub id: String,
    /// How the client proves who it is at the token endpoint.
    pub authentication: ClientAuthentication,
}

/// How a client proves who it is at the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// A public client: it does not.
    None,
    /// `client_secret_basic`: RFC 6749, 2.3.1.
    SecretBasic(SecretRef),
    /// `client_secret_post`: RFC 6749, 2.3.1.
    SecretPost(SecretRef),
    /// `private_key_jwt`: RFC 7523, 2.2, signed with a key whose public half the server knows.
    PrivateKey {
        /// The private key, PEM.
        key: SecretRef,
        /// The `kid` of the assertion's header.
        key_id: Option<String>,
    },
    /// The same, with the certificate's digest in the header (`x5t#S256`), as Entra wants it.
    Certificate(CertificateAndKey),
    /// An assertion that somebody else writes into a file, read at each use: workload identity
    /// federation, or a SPIFFE JWT-SVID.
    AssertionFile(String),
}

/// How the keys of a registration are called in a section.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) method: &'static str,
}

impl Names {
    /// In a section that is about nothing else.
    pub(crate) const OWN: Self = Self {
        id: "id",
        secret: "secret",
        method: "auth",
    };
    /// Among other keys.
    pub(crate) const AMONG_OTHERS: Self = Self {
        id: "client-id",
        secret: "client-secret",
        method: "client-auth",
    };

    /// All keys of a registration.
    pub(crate) fn all(self) -> [&'static str; 7] {
        [
            self.id,
            self.secret,
            "certificate",
            "key",
            "key-id",
            "assertion-file",
            self.method,
        ]
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Basic,
    Post,
    None,
    PrivateKey,
    Certificate,
    Assertion,
}

const METHODS: &[(&str, Method)] = &[
    ("basic", Method::Basic),
    ("post", Method::Post),
    ("none", Method::None),
    ("private-key-jwt", Method::PrivateKey),
    ("certificate", Method::Certificate),
    ("assertion", Method::Assertion),
];

impl OauthClient {
    /// Reads a registration. `None` when the section has none, or when it has problems.
    pub(crate) fn read(
        problems: &mut Problems<'_>,
        section: &mut Section<'_, '_>,
        names: Names,
    ) -> Option<Self> {
        let id = section.word(problems, names.id);
        let method = choice(problems, section, names.method, METHODS);
        let secret = section.secret(problems, names.secret);
        let certificate = section.path(problems, "certificate");
        let key = section.secret(problems, "key");
        let key_id = section.word(problems, "key-id");
        let assertion_file = section.path(problems, "assertion-file");
        let has = |section: &mut Section<'_, '_>, name| section.value(name).is_some();
        if !names.all().iter().any(|name| has(section, name)) {
            return None;
        }
        if !has(section, names.id) {
            section.missing(problems, names.id, "name the client id of the registration");
        }
        let shown = (
            has(section, names.secret),
            has(section, "certificate"),
            has(section, "key"),
            has(section, "assertion-file"),
        );
        let inferred = match shown {
            (true, false, false, false) => Method::Basic,
            (false, true, true, false) => Method::Certificate,
            (false, false, true, false) => Method::PrivateKey,
            (false, false, false, true) => Method::Assertion,
            (false, false, false, false) => Method::None,
            (false, true, false, false) => {
                let hint = "a certificate needs its private key";
                section.missing(problems, "key", hint);
                return None;
            }
            _ => {
                too_many(problems, section, names);
                return None;
            }
        };
        let is_fitting = match method {
            None => true,
            Some(Method::Post) => inferred == Method::Basic,
            Some(method) => method == inferred,
        };
        if !is_fitting {
            let message = format!("`{}` does not fit its keys", section.key(names.method));
            let hint = format!(
                "`basic` and `post` need `{}`, `private-key-jwt` needs `key`, `certificate` needs `certificate` and `key`, `assertion` needs `assertion-file`, `none` needs none of them",
                names.secret
            );
            section.refuse(problems, names.method, message, &hint);
            return None;
        }
        if inferred != Method::PrivateKey {
            section.only_for(problems, &["key-id"], "`private-key-jwt`");
        }
        let authentication = match method.unwrap_or(inferred) {
            Method::Basic => ClientAuthentication::SecretBasic(secret?),
            Method::Post => ClientAuthentication::SecretPost(secret?),
            Method::None => ClientAuthentication::None,
            Method::PrivateKey => ClientAuthentication::PrivateKey { key: key?, key_id },
            Method::Certificate => ClientAuthentication::Certificate(CertificateAndKey {
                certificate: certificate?,
                key: key?,
            }),
            Method::Assertion => ClientAuthentication::AssertionFile(assertion_file?),
        };
        Some(Self {
            id: id?,
            authentication,
        })
    }

    /// Reads a registration that has to be there, and has to prove who it is.
    pub(crate) fn read_confidential(
        problems: &mut Problems<'_>,
        section: &mut Section<'_, '_>,
    ) -> Option<Self> {
        let client = Self::read(problems, section, Names::OWN);
        if Names::OWN
            .all()
            .iter()
            .all(|name| section.value(name).is_none())
        {
            section.missing(problems, "id", "name the client id of the registration");
        }
        match client {
            Some(client) if client.authentication == ClientAuthentication::None => {
                let message = format!("`{}` proves nothing", section.path_of_table());
                let hint = "add exactly one of `secret`, `certificate` with `key`, `key`, `assertion-file`";
                section.refuse_hidden(problems, "", message, hint);
                None
            }
            client => client,
        }
    }

    /// Whether the client proves who it is with a secret that is sent.
    pub fn has_secret(&self) -> bool {
        matches!(
            self.authentication,
            ClientAuthentication::SecretBasic(_) | ClientAuthentication::SecretPost(_)
        )
    }
}

fn too_many(problems: &mut Problems<'_>, section: &Section<'_, '_>, names: Names) {
    let message = format!(
        "`{}` proves who it is in more than one way",
        section.path_of_table()
    );
    let hint = format!(
        "keep exactly one of `{}`, `certificate` with `key`, `key`, `assertion-file`",
        names.secret
    );
    section.refuse_hidden(problems, "", message, &hint);
}

#[cfg(test)]
mod tests;
