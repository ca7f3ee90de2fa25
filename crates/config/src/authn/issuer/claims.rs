//! Where the tokens of an issuer have what policies are about.

use super::Kind;
use crate::problem::Problems;
use crate::section::{Section, quoted, wrong_type};

/// How an issuer calls the claims that policies are about. A name that starts with `/` is a JSON
/// Pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// An array of group names or ids.
    pub groups: String,
    /// An array of role names.
    pub roles: String,
    /// A string of scopes with blanks between, or an array.
    pub scopes: String,
    /// The client application: the first of these that a token has. Never a pointer.
    pub clients: Vec<String>,
}

impl Kind {
    /// RFC 9068 for the usual kind; what Microsoft's tokens always have.
    pub(super) fn required_claims(self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Oidc => &["client_id", "iat", "jti"],
            Self::Entra => &["iat", "nbf"],
            Self::Spiffe => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl ClaimNames {
    pub(super) fn read(
        problems: &mut Problems<'_>,
        section: &mut Section<'_, '_>,
        kind: Kind,
    ) -> Self {
        let groups = section.word(problems, "groups-claim");
        let roles = section.word(problems, "roles-claim");
        let scopes = section.word(problems, "scopes-claim");
        let clients = section.words(problems, "client-claims");
        if clients.as_ref().is_some_and(Vec::is_empty) {
            let message = format!("`{}` is empty", section.key("client-claims"));
            let hint = "name the claim that has the client application";
            section.refuse(problems, "client-claims", message, hint);
        }
        if kind == Kind::Entra {
            let names = &[
                "groups-claim",
                "roles-claim",
                "scopes-claim",
                "client-claims",
                "workload-marker",
            ];
            let what = "issuers other than Entra, which has fixed names";
            section.only_for(problems, names, what);
        }
        let default = |name: &str| name.to_owned();
        Self {
            groups: groups.unwrap_or_else(|| default("groups")),
            roles: roles.unwrap_or_else(|| default("roles")),
            scopes: scopes.unwrap_or_else(|| {
                default(match kind {
                    Kind::Entra => "scp",
                    Kind::Oidc | Kind::Spiffe => "scope",
                })
            }),
            clients: clients.unwrap_or_else(|| vec![default("client_id"), default("azp")]),
        }
    }
}

/// One claim with its value.
pub(super) fn read_marker(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
) -> Option<(String, String)> {
    section.value("workload-marker")?;
    let entries = section.entries(problems, "workload-marker");
    let [(name, _, value)] = entries.as_slice() else {
        let message = format!("`{}` is not one claim", section.key("workload-marker"));
        let hint = "write `workload-marker = { CLAIM = \"VALUE\" }`";
        section.refuse(problems, "workload-marker", message, hint);
        return None;
    };
    let Some(text) = value.as_str() else {
        let key = format!(
            "{}.{}",
            section.key("workload-marker"),
            quoted(name).trim_matches('`')
        );
        wrong_type(problems, &key, value, "a string");
        return None;
    };
    Some(((*name).to_owned(), text.to_owned()))
}
