//! `portcullis vault revoke`.

mod give_back;

use clap::{Args, ValueEnum};
use portcullis_store::{
    CredentialFilter, CredentialRecord, CredentialState, Revocation, RevocationKind, Store,
    StoreError,
};
use serde::Serialize;

use give_back::{GivenBack, give_back};

use crate::exit::{Exit, Failure};
use crate::setup::{self, Configuration};
use crate::{duration, terminal};

/// Revokes a caller, an application, a server or one token, and erases stored credentials of it.
///
/// The tokens of users' sign-ins are also given back to the authorization servers they are from
/// (RFC 7009), where these can be asked; what is said of each tells whether they were.
///
/// Every running gateway obeys within five seconds: calls and streams under way end. A token that
/// an identity provider issues after this moment is believed again, so disable the account there
/// too. Who has an API key or a certificate, and a server, stay revoked until this is lifted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis vault revoke user ada --reason \"laptop stolen\"\n  portcullis vault revoke server crm\n  portcullis vault revoke token lx8Zt1mQ00-7aXq --for 24h\n  portcullis vault revoke user ada --lift\n\nExit codes: 0 fine, 1 there was nothing to lift."
)]
pub(super) struct Revoke {
    /// What is revoked
    kind: Kind,
    /// Which one: a principal as the audit trail names it (`ada`, `company:690222be-…`), a client id, a server's name, or the id of a token (`jti`, at Entra `uti`). Never a token itself
    key: String,
    /// Why, for the record
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Forget the revocation after this time, such as 24h or 90d
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, conflicts_with = "lift")]
    time: Option<i64>,
    /// Take a revocation back. Erased credentials do not come back
    #[arg(long)]
    lift: bool,
    #[command(flatten)]
    configuration: Configuration,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    User,
    Agent,
    Workload,
    /// A client application, whoever uses it
    Client,
    /// A server: nobody can call it
    Server,
    /// One token
    Token,
}

impl From<Kind> for RevocationKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::User => Self::User,
            Kind::Agent => Self::Agent,
            Kind::Workload => Self::Workload,
            Kind::Client => Self::Client,
            Kind::Server => Self::Server,
            Kind::Token => Self::Token,
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    kind: &'static str,
    key: &'a str,
    revoked: bool,
    credentials_erased: usize,
    /// The sign-ins among them, and what their authorization servers know.
    sign_ins: &'a [GivenBack],
}

pub(super) async fn run(revoke: Revoke) -> Result<Exit, Failure> {
    let kind = RevocationKind::from(revoke.kind);
    if is_token(&revoke.key) {
        return Err(
            Failure::wrong_use("this is a token, and a token is never stored")
                .help("name its id: `jti`, or `uti` of a token of Entra; the audit trail has it"),
        );
    }
    let store = revoke.configuration.store().await?;
    if revoke.lift {
        return lift(&*store, kind, &revoke).await;
    }
    let failed = |error: StoreError| Failure::because("the revocation cannot be stored", &error);
    let now_us = duration::now();
    let revocation = Revocation {
        kind,
        key: revoke.key.clone(),
        at_us: now_us,
        reason: revoke.reason.clone(),
        by: setup::operator(),
        expires_us: revoke.time.map(|time| now_us.saturating_add(time)),
    };
    // First nobody is believed any more; then what could be used is erased.
    store.revoke(&revocation).await.map_err(failed)?;
    let mut sign_ins = give_back(&revoke, &store).await;
    let erased = erase(&*store, revoke.kind, &revoke.key, now_us)
        .await
        .map_err(failed)?;
    let count = sign_ins.len() + erased.len();
    sign_ins.extend(erased.iter().filter_map(GivenBack::not_asked));
    if revoke.json {
        terminal::json(&Report {
            kind: kind.as_str(),
            key: &revoke.key,
            revoked: true,
            credentials_erased: count,
            sign_ins: &sign_ins,
        });
    } else {
        show(&revoke, kind, count, &sign_ins);
    }
    Ok(Exit::Fine)
}

/// Erases the active credentials of what was revoked. Needs no key.
async fn erase(
    store: &dyn Store,
    kind: Kind,
    key: &str,
    now_us: i64,
) -> Result<Vec<CredentialRecord>, StoreError> {
    let mut filter = CredentialFilter {
        state: Some(CredentialState::Active),
        ..CredentialFilter::default()
    };
    match kind {
        Kind::User | Kind::Agent | Kind::Workload => filter.principal = Some(key.to_owned()),
        Kind::Server => filter.server = Some(key.to_owned()),
        Kind::Client | Kind::Token => return Ok(Vec::new()),
    }
    let mut erased = Vec::new();
    for record in store.credentials(&filter).await? {
        if store.revoke_credential(&record.id, now_us).await? {
            erased.push(record);
        }
    }
    Ok(erased)
}

async fn lift(store: &dyn Store, kind: RevocationKind, revoke: &Revoke) -> Result<Exit, Failure> {
    let was = store
        .lift_revocation(kind, &revoke.key)
        .await
        .map_err(|error| Failure::because("the revocation cannot be lifted", &error))?;
    let key = terminal::on_one_line(&revoke.key);
    if revoke.json {
        terminal::json(&Report {
            kind: kind.as_str(),
            key: &revoke.key,
            revoked: false,
            credentials_erased: 0,
            sign_ins: &[],
        });
    } else if was {
        terminal::line(format!("{} {key} is believed again", kind.as_str()));
    } else {
        terminal::line(format!("{} {key} was not revoked", kind.as_str()));
    }
    Ok(if was { Exit::Fine } else { Exit::Findings })
}

fn show(revoke: &Revoke, kind: RevocationKind, erased: usize, sign_ins: &[GivenBack]) {
    let key = terminal::on_one_line(&revoke.key);
    terminal::line(format!(
        "{} {} is revoked; calls and streams under way end within five seconds",
        kind.as_str(),
        terminal::cyan(&key)
    ));
    if erased > 0 {
        let erased = terminal::count(erased, "stored credential", "stored credentials");
        terminal::line(format!("   erased {erased}"));
    }
    for sign_in in sign_ins {
        terminal::line(format!("   {sign_in}"));
    }
    if matches!(
        revoke.kind,
        Kind::User | Kind::Agent | Kind::Workload | Kind::Client
    ) {
        terminal::line(
            "   if it signs in at an identity provider, disable it there too: tokens issued from now on are believed again",
        );
    }
    terminal::line(terminal::dim(format!(
        "   undo: portcullis vault revoke {} {key} --lift",
        kind.as_str()
    )));
}

/// Compact JWS (RFC 7515): what somebody may paste by mistake, and what must not be stored.
fn is_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use super::is_token;

    #[test]
    fn a_token_is_no_key() {
        for (text, is) in [
            ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", true),
            ("lx8Zt1mQ00-7aXq", false),
            ("a.b.c", false),
            ("8eaef023-2b34-4da1-9baa-8bc8c9d6a490", false),
        ] {
            assert_eq!(is_token(text), is, "{text}");
        }
    }
}
