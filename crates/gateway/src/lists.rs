//! Lists: what a caller may see, merged over the servers of a profile.
//!
//! The order is the profile's order of servers and each server's own order, so that it is the same
//! every time. Every item passes the same pin and the same policies as a call to it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_mcp::json::{Object, Splice, quote};
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use portcullis_mcp::result::ListKind;
use portcullis_policy::Action;
use portcullis_shield::{Shield, Verdict};
use serde::{Deserialize, Serialize};

use crate::authz::{Authz, Permitted};
use crate::profile::Profile;
use crate::protocol::Admitted;
use crate::refusal::{Reason, Refusal};
use crate::registry::{
    Definition, Freshness, Kind, Listing, Rendered, Standing, Text, policy_target,
};
use crate::servers::{Lease, Leases};
use crate::shield::{self, Judged};
use crate::snapshot::Snapshot;

/// How many items one page holds.
const PAGE: usize = 250;
/// How many findings of one page are reported.
const MAX_FINDINGS: usize = 256;

/// Where the next page starts: after this item.
#[derive(Serialize, Deserialize)]
struct Cursor {
    /// List member name, so that a cursor of one list is no cursor of another.
    l: String,
    /// Server.
    s: String,
    /// Item name.
    n: String,
}

/// One page of a list.
pub(crate) struct Page {
    /// A result object, without what only the era or a receipt adds, and what the shield said about it.
    pub(crate) judged: Judged,
    /// Why a server was not asked that the caller has to sign in at first.
    pub(crate) left_out: Option<Reason>,
}

/// One page of a list.
pub(crate) async fn list(
    kind: ListKind,
    permitted: &Permitted<Admitted>,
    leases: &Leases<'_>,
    authz: &Authz,
    snapshot: &Snapshot,
) -> Result<Page, Refusal> {
    let admitted = permitted.what();
    let method = admitted.message().method().unwrap_or(Method::ToolsList);
    let cursor = match view(method, admitted.message().params())? {
        Params::ListPage {
            cursor: Some(cursor),
        } => Some(decode(kind, &cursor)?),
        _ => None,
    };
    // A host that turns pages reads on in the list whose first page it has. Asking the servers for
    // all of it on every page would cost the square of its length.
    let freshness = match cursor {
        None => Freshness::Now,
        Some(_) => Freshness::Recent,
    };
    let (visible, left_out) = visible(kind, freshness, admitted, leases, authz).await?;
    let start = match &cursor {
        None => 0,
        Some(cursor) => visible
            .iter()
            .position(|definition| *definition.server == *cursor.s && definition.name == cursor.n)
            .map(|at| at + 1)
            .ok_or_else(invalid_cursor)?,
    };
    let page: Vec<&Arc<Definition>> = visible.iter().skip(start).take(PAGE).collect();
    let next = match page.last() {
        Some(last) if start + page.len() < visible.len() => Some(encode(kind, last)),
        _ => None,
    };
    let judged = render(kind, &page, next.as_deref(), admitted, snapshot)?;
    Ok(Page { judged, left_out })
}

/// Every definition the caller may see, and why a server was not asked that can be after a sign-in.
async fn visible(
    kind: ListKind,
    freshness: Freshness,
    admitted: &Admitted,
    leases: &Leases<'_>,
    authz: &Authz,
) -> Result<(Vec<Arc<Definition>>, Option<Reason>), Refusal> {
    let profile = admitted.routed().profile();
    let listings =
        futures_util::future::join_all(profile.members.iter().map(|member| async move {
            let lease = leases.lease(&member.server)?;
            match offered(kind, freshness, &lease, leases).await {
                // What a user has there is known when the user has an account there. What others
                // have, and somebody approved, says what the account is good for.
                Err(refusal) if refusal.is_about_sign_in() => {
                    on_record(kind, &member.server, refusal.reason(), leases).await
                }
                offered => offered,
            }
        }))
        .await;
    let mut visible = Vec::new();
    let mut uris = HashSet::new();
    let alone = profile.members.len() == 1;
    let mut left_out = None;
    for (member, listing) in profile.members.iter().zip(listings) {
        let offered = match listing {
            Ok(offered) => offered,
            Err(refusal) if alone => return Err(refusal),
            // One server that is down does not take the others along.
            Err(refusal) => {
                tracing::warn!(server = %member.server, reason = refusal.reason().face().id, cause = refusal.cause().map(tracing::field::display), "left out of a list");
                continue;
            }
        };
        left_out = offered.lacks().or(left_out);
        for definition in offered.definitions() {
            let shown = definition.standing == Standing::Approved
                && member.selects(definition.kind, &definition.name)
                && definition.reaches(profile, admitted.protocol().capabilities)
                && permits(authz, admitted, definition);
            // A URI that two servers claim belongs to the first of them.
            if shown
                && (!matches!(definition.kind, Kind::Resource | Kind::Template)
                    || uris.insert(definition.name.clone()))
            {
                visible.push(Arc::clone(definition));
            }
        }
    }
    Ok((visible, left_out))
}

/// What a server offers.
enum Offered {
    /// To this caller.
    Now(Arc<Listing>),
    /// To others, when it was last read: this caller has to sign in there first.
    OnRecord(Arc<[Arc<Definition>]>, Reason),
}

impl Offered {
    fn definitions(&self) -> &[Arc<Definition>] {
        match self {
            Self::Now(listing) => listing.definitions(),
            Self::OnRecord(definitions, _) => definitions,
        }
    }

    fn lacks(&self) -> Option<Reason> {
        match self {
            Self::Now(_) => None,
            Self::OnRecord(_, reason) => Some(*reason),
        }
    }
}

async fn offered(
    kind: ListKind,
    freshness: Freshness,
    lease: &Arc<Lease>,
    leases: &Leases<'_>,
) -> Result<Offered, Refusal> {
    let connection = lease.connection().await?;
    let source = leases.source(lease, &connection);
    let listing = lease.catalogue().listing(kind, freshness, &source).await?;
    Ok(Offered::Now(listing))
}

async fn on_record(
    kind: ListKind,
    server: &Arc<str>,
    lacks: Reason,
    leases: &Leases<'_>,
) -> Result<Offered, Refusal> {
    let enforce = leases.snapshot.config().controls.definition_pins;
    let approved = leases.registry.approved(server, Kind::of(kind), enforce);
    let approved = approved
        .await
        .map_err(|cause| Refusal::new(Reason::Internal).because(cause))?;
    tracing::info!(%server, reason = lacks.face().id, shown = approved.len(), "a list is that on record");
    Ok(Offered::OnRecord(approved, lacks))
}

fn permits(authz: &Authz, admitted: &Admitted, definition: &Definition) -> bool {
    let action = match definition.kind {
        Kind::Tool => Action::ToolsCall,
        Kind::Prompt => Action::PromptsGet,
        Kind::Resource | Kind::Template => Action::ResourcesRead,
        Kind::Instructions => return false,
    };
    policy_target(definition.kind, &definition.server, &definition.name)
        .is_some_and(|target| authz.permits(admitted.routed(), admitted.protocol(), action, target))
}

fn render(
    kind: ListKind,
    page: &[&Arc<Definition>],
    next: Option<&str>,
    admitted: &Admitted,
    snapshot: &Snapshot,
) -> Result<Judged, Refusal> {
    let profile = admitted.routed().profile();
    let mut json = format!("{{\"{}\":[", kind.member());
    let mut first = true;
    let mut verdict = Verdict::Allow;
    let mut findings = Vec::new();
    for definition in page {
        let prefixed = profile.prefixed && matches!(definition.kind, Kind::Tool | Kind::Prompt);
        let shown = definition.shown.under(snapshot.edition(), prefixed, || {
            show(definition, prefixed.then_some(profile), snapshot.shield())
        })?;
        let (_, rendered) = &*shown;
        verdict = verdict.max(rendered.verdict);
        let room = MAX_FINDINGS.saturating_sub(findings.len());
        findings.extend(rendered.findings.iter().take(room).cloned());
        let text = match &rendered.text {
            Text::AsGiven => &definition.text,
            Text::Changed(text) => text,
            Text::LeftOut => {
                tracing::warn!(server = %definition.server, name = definition.name, "a definition is blocked by a content rule and left out");
                continue;
            }
        };
        if !std::mem::take(&mut first) {
            json.push(',');
        }
        json.push_str(text);
    }
    json.push(']');
    if let Some(next) = next {
        json.push_str(&format!(",\"nextCursor\":{}", quote(next)));
    }
    json.push('}');
    Ok(Judged {
        text: json,
        verdict,
        findings,
    })
}

/// What a list shows of one definition. Approved text is what a reviewer saw; the sanitiser still
/// takes out what a mode that trusts the first sight, or a reviewer who allowed it, let through. What
/// it blocks is left out, and leaves the rest of the list alone.
fn show(
    definition: &Definition,
    prefix: Option<&Profile>,
    shield: &Shield,
) -> Result<Rendered, Refusal> {
    let named = match prefix {
        Some(profile) => Cow::Owned(rename(
            definition,
            &profile.expose(&definition.server, &definition.name),
        )?),
        None => Cow::Borrowed(definition.text.as_str()),
    };
    Ok(match shield::screen_reply(shield, &named) {
        Ok(judged) if judged.text == definition.text => Rendered {
            text: Text::AsGiven,
            verdict: judged.verdict,
            findings: judged.findings,
        },
        Ok(judged) => Rendered {
            text: Text::Changed(judged.text),
            verdict: judged.verdict,
            findings: judged.findings,
        },
        Err((_, findings)) => Rendered {
            text: Text::LeftOut,
            verdict: Verdict::Block,
            findings,
        },
    })
}

/// Only the name changes; every other byte is the server's.
fn rename(definition: &Definition, exposed: &str) -> Result<String, Refusal> {
    let broken = || Refusal::new(Reason::UpstreamProtocol);
    let object = Object::parse(&definition.text).map_err(|_| broken())?;
    let name = object.get("name").ok_or_else(broken)?;
    let mut splice = Splice::new(&definition.text);
    splice.replace(name.value_span, quote(exposed));
    Ok(splice.finish().into_owned())
}

fn encode(kind: ListKind, last: &Definition) -> String {
    let cursor = Cursor {
        l: kind.member().to_owned(),
        s: last.server.to_string(),
        n: last.name.clone(),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

fn decode(kind: ListKind, cursor: &str) -> Result<Cursor, Refusal> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Cursor>(&bytes).ok())
        .filter(|cursor| cursor.l == kind.member())
        .ok_or_else(invalid_cursor)
}

fn invalid_cursor() -> Refusal {
    Refusal::new(Reason::InvalidParams).detail("the cursor is not one of this list")
}
