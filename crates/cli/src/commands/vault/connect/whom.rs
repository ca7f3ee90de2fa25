//! For whom an account is connected: the name under which the gateway will look for it.

use portcullis_config::{Authn, IssuerKind};
use portcullis_store::{AuditFilter, CredentialFilter, Store};

use crate::exit::Failure;
use crate::terminal;

/// A user as the gateway knows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whom {
    /// The principal's name.
    pub(super) user: String,
    /// The tenant, for users of Entra ID; else empty.
    pub(super) tenant: String,
}

impl Whom {
    /// The user of that name; without one, the user of this machine.
    pub(super) fn of(
        authn: &Authn,
        user: Option<&str>,
        tenant: Option<&str>,
    ) -> Result<Self, Failure> {
        let Some(user) = user.or(authn.loopback.as_deref()) else {
            return Err(Failure::wrong_use("for whom?")
                .help("name the user: `--user NAME`, as the audit trail has it"));
        };
        let issuer = user
            .split_once(':')
            .and_then(|(name, subject)| Some((name, subject, authn.issuers.get(name)?)));
        match issuer {
            Some((name, subject, issuer)) => match &issuer.kind {
                IssuerKind::Entra(entra) => at_entra(name, subject, &entra.tenants, tenant),
                _ => without_tenant(user, tenant),
            },
            None => without_tenant(user, tenant),
        }
    }
}

fn without_tenant(user: &str, tenant: Option<&str>) -> Result<Whom, Failure> {
    match tenant {
        None | Some("") => Ok(Whom {
            user: user.to_owned(),
            tenant: String::new(),
        }),
        Some(_) => Err(Failure::wrong_use(
            "only users of an issuer with `kind = \"entra\"` have a tenant",
        )
        .help("leave `--tenant` out, or write the user as `ISSUER:TENANT/OBJECT`")),
    }
}

/// Ids of Entra are lower case in every name.
fn at_entra(
    issuer: &str,
    subject: &str,
    tenants: &[String],
    said: Option<&str>,
) -> Result<Whom, Failure> {
    let subject = subject.to_ascii_lowercase();
    let said = said.map(str::to_ascii_lowercase);
    let (tenant, object) = match (subject.split_once('/'), &said, tenants) {
        (Some((tenant, object)), None, _) => (tenant.to_owned(), object),
        (Some((tenant, object)), Some(said), _) if tenant == said => (tenant.to_owned(), object),
        (Some((tenant, _)), Some(_), _) => {
            return Err(Failure::wrong_use(format!(
                "`--user` is of the tenant {tenant}, and `--tenant` says another one"
            )));
        }
        (None, Some(said), _) => (said.clone(), subject.as_str()),
        (None, None, [only]) => (only.to_ascii_lowercase(), subject.as_str()),
        (None, None, _) => {
            return Err(Failure::wrong_use("of which tenant?").help(format!(
                "write the user as `{issuer}:TENANT/OBJECT`, with the ids of tenant and user"
            )));
        }
    };
    Ok(Whom {
        user: format!("{issuer}:{tenant}/{object}"),
        tenant,
    })
}

/// Says how names are written, if nobody of this name was ever heard of.
pub(super) async fn warn_if_unknown(
    whom: &Whom,
    authn: &Authn,
    store: &dyn Store,
) -> Result<(), Failure> {
    let is_configured = authn.loopback.as_deref() == Some(whom.user.as_str())
        || authn.keys.iter().any(|key| key.name == whom.user);
    if is_configured || has_been_here(whom, store).await? {
        return Ok(());
    }
    let user = terminal::cyan(terminal::on_one_line(&whom.user));
    terminal::error_line(format!(
        "{} nobody called {user} was ever here, and the account is found only under the exact name",
        terminal::yellow("warning:")
    ));
    for (name, issuer) in &authn.issuers {
        let (form, of) = match issuer.kind {
            IssuerKind::Entra(_) => ("TENANT/OBJECT", "tid and oid of the token"),
            _ => ("SUBJECT", "sub of the token"),
        };
        terminal::error_line(format!("   a user of {name} is `{name}:{form}` ({of})"));
    }
    terminal::error_line(
        "   a user of an API key is the key's name; `portcullis audit query` shows who was here",
    );
    Ok(())
}

async fn has_been_here(whom: &Whom, store: &dyn Store) -> Result<bool, Failure> {
    let failed = |error| Failure::because("the store cannot be read", &error);
    // A `*` at the end of a filter would find others.
    let user = whom.user.trim_end_matches('*');
    let trail = AuditFilter {
        principal: Some(user.to_owned()),
        limit: 1,
        ..AuditFilter::default()
    };
    if !store.entries(&trail).await.map_err(failed)?.is_empty() {
        return Ok(true);
    }
    let kept = CredentialFilter {
        principal: Some(whom.user.clone()),
        ..CredentialFilter::default()
    };
    Ok(!store.credentials(&kept).await.map_err(failed)?.is_empty())
}

#[cfg(test)]
mod tests;
