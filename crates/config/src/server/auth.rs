//! How the gateway proves to a server on whose behalf it calls.

mod source;

use source::read_source;
pub use source::{ClientDocument, Dpop, TokenGrant, TokenSource};
use time::Date;
use time::macros::format_description;

use super::{HTTP_HEADERS, Isolation, Transport};
use crate::authn::Issuers;
use crate::problem::Problems;
use crate::section::{Section, choice, list};

/// The `[servers.NAME.auth]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAuth {
    /// What is sent to the server.
    pub method: AuthMethod,
    /// Until when a server without authentication, or with a key that never changes, is accepted.
    /// The caller compares the day: see
    /// [`Config::ended_exceptions`](crate::Config::ended_exceptions).
    pub exception_until: Option<Date>,
}

/// What is sent to a server to prove who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// Nothing.
    None,
    /// The `headers` (or, for a child process, the `env`) of the server's entry.
    Static,
    /// An access token of the gateway's own. Never the caller's.
    Token(Box<TokenSource>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Static,
    ClientCredentials,
    OnBehalfOf,
    TokenExchange,
    IdJag,
    UserGrant,
}

const KINDS: &[(&str, Kind)] = &[
    ("none", Kind::None),
    ("static", Kind::Static),
    ("client-credentials", Kind::ClientCredentials),
    ("on-behalf-of", Kind::OnBehalfOf),
    ("token-exchange", Kind::TokenExchange),
    ("id-jag", Kind::IdJag),
    ("user-grant", Kind::UserGrant),
];

impl ServerAuth {
    /// Reads `auth` in the section of a server, whose own keys were read before.
    pub(super) fn read(
        problems: &mut Problems<'_>,
        server: &mut Section<'_, '_>,
        transport: Option<&Transport>,
        isolation: Isolation,
        issuers: &Issuers<'_>,
    ) -> Self {
        let has_secrets = match transport {
            Some(
                Transport::Http {
                    headers: secrets, ..
                }
                | Transport::OpenApi {
                    headers: secrets, ..
                }
                | Transport::Stdio { env: secrets, .. },
            ) => !secrets.is_empty(),
            None => server.value("headers").is_some(),
        };
        let assumed = match has_secrets {
            true => AuthMethod::Static,
            false => AuthMethod::None,
        };
        let Some(mut section) = server.optional_section(problems, "auth") else {
            return Self {
                method: assumed,
                exception_until: None,
            };
        };
        let kind = choice(problems, &mut section, "kind", KINDS);
        if section.value("kind").is_none() {
            let words: Vec<_> = KINDS.iter().map(|(word, _)| *word).collect();
            section.missing(problems, "kind", &format!("it can be {}", list(&words)));
        }
        if matches!(transport, Some(Transport::Stdio { .. })) {
            let message = format!(
                "`{}` is only for servers with `url`",
                section.path_of_table()
            );
            let hint = "a child process gets its secrets by `env`";
            section.refuse_hidden(problems, "kind", message, hint);
        }
        check_headers(problems, server, &section, kind, has_secrets);
        let exception_until = read_day(problems, &mut section);
        let source = read_source(problems, &mut section, kind, issuers);
        if let Some(source) = &source {
            check_isolation(problems, server, &source.grant, isolation);
        }
        section.finish(problems);
        Self {
            method: match (kind, source) {
                (Some(Kind::None), _) => AuthMethod::None,
                (Some(Kind::Static), _) => AuthMethod::Static,
                (_, Some(source)) => AuthMethod::Token(Box::new(source)),
                (_, None) => assumed,
            },
            exception_until,
        }
    }
}

/// Secret headers and a token would both say who calls.
fn check_headers(
    problems: &mut Problems<'_>,
    server: &Section<'_, '_>,
    section: &Section<'_, '_>,
    kind: Option<Kind>,
    has_secrets: bool,
) {
    match kind {
        Some(Kind::Static) if !has_secrets => {
            let message = format!("`{}` has nothing to send", section.path_of_table());
            let hint = "add `headers = { Authorization = \"env:NAME\" }` to the server, or write `kind = \"none\"`";
            section.refuse(problems, "kind", message, hint);
        }
        Some(Kind::Static) | None => {}
        Some(Kind::None) if has_secrets => {
            let message = format!(
                "`{}` is sent although `kind` is `none`",
                server.key(HTTP_HEADERS)
            );
            let hint = "write `kind = \"static\"`, or take the headers out";
            server.refuse_hidden(problems, HTTP_HEADERS, message, hint);
        }
        Some(_) if has_secrets => {
            let message = format!("`{}` and a token are both sent", server.key(HTTP_HEADERS));
            let hint = "take the secret headers out: the token says who calls; what is no secret belongs into `plain-headers`";
            server.refuse_hidden(problems, HTTP_HEADERS, message, hint);
        }
        Some(_) => {}
    }
}

fn check_isolation(
    problems: &mut Problems<'_>,
    server: &Section<'_, '_>,
    grant: &TokenGrant,
    isolation: Isolation,
) {
    if grant.is_personal() && isolation == Isolation::Shared {
        let message = format!(
            "`{}` would give one user's token to all",
            server.key("isolation")
        );
        let hint = format!(
            "with `{}` everyone has an own connection: write `isolation = \"principal\"`",
            grant.name()
        );
        server.refuse(problems, "isolation", message, &hint);
    }
}

fn read_day(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<Date> {
    let (text, _) = section.string(problems, "exception-until")?;
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    if day.is_none() {
        let message = format!("`{}` is no day", section.key("exception-until"));
        let hint = "write \"YEAR-MONTH-DAY\": \"2027-01-31\"";
        section.refuse(problems, "exception-until", message, hint);
    }
    day
}

#[cfg(test)]
mod tests;
