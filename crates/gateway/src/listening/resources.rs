//! Subscriptions to resources: found, pinned and authorized like reading them.

use std::sync::Arc;

use portcullis_mcp::json::{Object, quote};
use portcullis_mcp::message;
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use portcullis_shield::Direction;

use super::Context;
use crate::audit::{Entry, Outcome};
use crate::clients::SessionKey;
use crate::feed::{self, Share};
use crate::gateway::Gateway;
use crate::pipeline::{Answer, decided};
use crate::protocol::Admitted;
use crate::receipt::Receipt;
use crate::refusal::{Reason, Refusal, Subject};
use crate::registry::{Found, Kind, locate, policy_target};
use crate::result;

/// Answers `resources/subscribe` of a legacy session.
pub(crate) async fn subscribe(
    gateway: &Arc<Gateway>,
    admitted: &Admitted,
    context: &Context<'_>,
    entry: &mut Entry,
) -> Result<Answer, Refusal> {
    let (uri, key) = aim(admitted, Method::ResourcesSubscribe, entry)?;
    let found = find(context, &uri).await?;
    entry.describe(|opened| {
        opened.server = Some(found.definition.server.to_string());
        opened.definition = Some(found.definition.hash.clone());
    });
    entry.step("registry");
    let asked = (context.routed, context.protocol);
    let decision = context
        .snapshot
        .authz()
        .watch(asked, found.lease.server(), &uri);
    let permitted = decided(decision, context.snapshot, entry)?;
    entry.step("authz");
    screen(context, &uri)?;
    entry.intend((), false).await?;
    let share = feed::subscribe(&found.lease, gateway, &uri)
        .await
        .map_err(|reason| refused(reason, &uri))?;
    gateway
        .clients()
        .client(&key, context.routed.principal())?
        .subscribe(share)?;
    answer(admitted, context, &found, permitted.policies(), entry)
}

/// Answers `resources/unsubscribe`. Whoever is subscribed may let go, whatever the policies say now.
pub(crate) async fn unsubscribe(
    gateway: &Arc<Gateway>,
    admitted: &Admitted,
    context: &Context<'_>,
    entry: &mut Entry,
) -> Result<Answer, Refusal> {
    let (uri, key) = aim(admitted, Method::ResourcesUnsubscribe, entry)?;
    let client = gateway.clients().find(&key, context.routed.principal());
    let server = client.and_then(|client| client.unsubscribe(&uri));
    let Some(server) = server else {
        let subject = Subject::Resource(uri);
        return Err(Refusal::of(Reason::TargetUnknown, subject));
    };
    entry.describe(|opened| opened.server = Some(server.to_string()));
    entry.finish(Outcome::Ok, "{}");
    Ok(Answer::Message {
        body: message::response(admitted.message().id().unwrap_or("null"), "{}"),
        session: None,
        agreed: None,
    })
}

/// A share in the subscription to each of these resources that the caller may read. Those that it
/// may not read, and those that no server grants, are left out alike.
pub(super) async fn shares(
    gateway: &Arc<Gateway>,
    context: &Context<'_>,
    uris: &[String],
) -> Vec<Share> {
    let shares = uris.iter().map(|uri| share(gateway, context, uri));
    let shares = futures_util::future::join_all(shares).await;
    shares
        .into_iter()
        .filter_map(|share| match share {
            Ok(share) => Some(share),
            Err(refusal) => {
                tracing::info!(
                    reason = refusal.reason().face().id,
                    "a resource is left out of a subscription"
                );
                None
            }
        })
        .collect()
}

/// A share in the subscription to one resource.
pub(super) async fn share(
    gateway: &Arc<Gateway>,
    context: &Context<'_>,
    uri: &str,
) -> Result<Share, Refusal> {
    let found = find(context, uri).await?;
    let asked = (context.routed, context.protocol);
    let decision = context
        .snapshot
        .authz()
        .watch(asked, found.lease.server(), uri);
    decision.map_err(|denied| denied.refusal())?;
    screen(context, uri)?;
    feed::subscribe(&found.lease, gateway, uri)
        .await
        .map_err(|reason| refused(reason, uri))
}

fn aim(
    admitted: &Admitted,
    method: Method,
    entry: &mut Entry,
) -> Result<(String, SessionKey), Refusal> {
    entry.undecided(); // That it may connect says nothing about the resource.
    let Params::Subscribe(resource) = view(method, admitted.message().params())? else {
        return Err(Refusal::new(Reason::InvalidParams));
    };
    let uri = resource.uri.into_owned();
    entry.describe(|opened| opened.target = Some(uri.clone()));
    let key = SessionKey::of(admitted.routed());
    let key = key.ok_or_else(|| Refusal::new(Reason::SessionMissing))?;
    Ok((uri, key))
}

/// The approved definition behind a URI, at the first server of the profile that has it.
async fn find(context: &Context<'_>, uri: &str) -> Result<Found, Refusal> {
    let subject = || Subject::Resource(uri.to_owned());
    let profile = context.routed.profile();
    let mut refusal = Refusal::of(Reason::TargetUnknown, subject());
    for member in &profile.members {
        match locate(profile, member, Kind::Resource, uri, &context.leases).await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            // A server that is down must not tell a caller about things it may not see.
            Err(down) if down.reason() == Reason::DefinitionHeld => {
                refusal = Refusal::of(Reason::DefinitionHeld, subject());
            }
            Err(down) => {
                let asked = policy_target(Kind::Resource, &member.server, uri);
                let authz = context.snapshot.authz();
                let visible = asked.is_some_and(|asked| {
                    let action = portcullis_policy::Action::ResourcesRead;
                    authz.permits(context.routed, context.protocol, action, asked)
                });
                refusal = match visible {
                    true => down,
                    false => Refusal::of(Reason::PolicyDenied, subject()),
                };
            }
        }
    }
    Err(refusal)
}

/// A URI goes to a server, so that it is judged like an argument. One that would be altered is
/// another resource.
fn screen(context: &Context<'_>, uri: &str) -> Result<(), Refusal> {
    let quoted = quote(uri);
    let screening = context
        .snapshot
        .shield()
        .screen(Direction::Argument, &quoted);
    let blocked = matches!(
        screening.verdict,
        portcullis_shield::Verdict::Block | portcullis_shield::Verdict::Hold
    );
    match blocked || *screening.text != *quoted {
        true => Err(Refusal::new(Reason::ArgumentsBlocked)),
        false => Ok(()),
    }
}

fn refused(reason: Reason, uri: &str) -> Refusal {
    match reason.face().hides {
        true => Refusal::of(reason, Subject::Resource(uri.to_owned())),
        false => Refusal::new(reason),
    }
}

fn answer(
    admitted: &Admitted,
    context: &Context<'_>,
    found: &Found,
    policies: &[String],
    entry: &mut Entry,
) -> Result<Answer, Refusal> {
    let receipt = Receipt {
        entry: entry.id(),
        server: Some(&found.definition.server),
        definition: Some(&found.definition.hash),
        policies,
        verdict: portcullis_shield::Verdict::Allow,
        findings: &[],
    };
    let shown = context.snapshot.config().controls.receipts;
    let internal = |cause| Refusal::new(Reason::Internal).because(cause);
    let object = Object::parse("{}").map_err(|cause| internal(cause.into()))?;
    let era = context.protocol.era();
    let method = Method::ResourcesSubscribe;
    let result = result::fit(&object, method, era, shown.then_some(&receipt)).map_err(internal)?;
    let body = message::response(admitted.message().id().unwrap_or("null"), &result);
    entry.finish(Outcome::Ok, &result);
    Ok(Answer::Message {
        body,
        session: None,
        agreed: None,
    })
}
