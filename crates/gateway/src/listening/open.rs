//! How a stream is opened: in a legacy session, or by `subscriptions/listen`.

use std::collections::VecDeque;
use std::sync::Arc;

use portcullis_mcp::capabilities::ServerCapabilities;
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{CHECK, Context, Form, Listening, Pace, Slot, Subscription, notice, resources};
use crate::clients::SessionKey;
use crate::feed::{self, Attached, Kinds, Mailbox};
use crate::gateway::Gateway;
use crate::protocol::Admitted;
use crate::refusal::{Reason, Refusal};

/// How many resources one subscription may name.
const RESOURCES: usize = 1_000;

/// Opens the stream of a legacy session. A stream that the session had before ends.
pub(crate) async fn in_session(
    gateway: &Arc<Gateway>,
    context: Context<'_>,
) -> Result<Listening, Refusal> {
    let principal = context.routed.principal();
    let key = SessionKey::of(context.routed).ok_or_else(|| Refusal::new(Reason::SessionMissing))?;
    let slot = slot(gateway, &context)?;
    let turn = gateway
        .clients()
        .client(&key, principal)?
        .take_stream()
        .ok_or_else(|| Refusal::new(Reason::SessionUnknown))?;
    let mailbox = Arc::clone(turn.client().mailbox());
    if turn.is_another() {
        // What changed between the two streams was announced to nobody.
        mailbox.change(Kinds::ALL);
    }
    let subscribed = !turn.client().subscriptions().is_empty();
    let mut listening = begin(gateway, &context, Form::Session(turn), mailbox, slot);
    if subscribed {
        // They may have been made under another configuration.
        listening.renew().await;
    }
    Ok(listening)
}

/// Opens what `subscriptions/listen` asks for. Its first message says what was granted: list changes
/// of what the profile's servers offer, and updates of resources that the caller may read. A resource
/// that it may not read is left out like one that does not exist.
pub(crate) async fn listen(
    gateway: &Arc<Gateway>,
    admitted: &Admitted,
    context: Context<'_>,
) -> Result<Listening, Refusal> {
    let params = admitted.message().params();
    let Params::Listen(asked) = view(Method::SubscriptionsListen, params)? else {
        return Err(Refusal::new(Reason::InvalidParams));
    };
    if asked.resource_subscriptions.len() > RESOURCES {
        let bound = format!("at most {RESOURCES} resourceSubscriptions");
        return Err(Refusal::new(Reason::InvalidParams).detail(bound));
    }
    let slot = slot(gateway, &context)?;
    let wanted = Kinds {
        tools: asked.tools_list_changed,
        prompts: asked.prompts_list_changed,
        resources: asked.resources_list_changed,
    };
    let kinds = match wanted.is_empty() {
        true => wanted,
        false => wanted.and(offered(&context).await),
    };
    let mailbox = Arc::new(Mailbox::new(kinds));
    // Listening begins before the subscriptions do, so that no update falls between.
    let attached = attach(gateway, &context, &mailbox);
    let mut uris: Vec<String> = Vec::new();
    for (uri, _) in asked.resource_subscriptions {
        if !uris.iter().any(|known| **known == *uri) {
            uris.push(uri.into_owned());
        }
    }
    let shares = resources::shares(gateway, &context, &uris).await;
    for share in &shares {
        mailbox.want(share.server(), share.uri());
    }
    uris.retain(|uri| shares.iter().any(|share| share.uri() == uri));
    let id = admitted.message().id().unwrap_or("null").to_owned();
    let granted: Vec<&str> = uris.iter().map(String::as_str).collect();
    let first = notice::acknowledged(&id, kinds, &granted);
    let form = Form::Subscription(Subscription { id, uris, shares });
    let mut listening = begin(gateway, &context, form, mailbox, slot);
    listening.ready.push_back(first);
    drop(attached);
    Ok(listening)
}

/// Holds on to the feeds of the profile's servers. A server that cannot be had now is left out.
pub(super) fn attach(
    gateway: &Arc<Gateway>,
    context: &Context<'_>,
    mailbox: &Arc<Mailbox>,
) -> Vec<Attached> {
    let members = context.routed.profile().members.iter();
    members
        .filter_map(|member| match context.leases.lease(&member.server) {
            Ok(lease) => Some(feed::attach(&lease, gateway, mailbox)),
            Err(refusal) => {
                tracing::warn!(server = %member.server, reason = refusal.reason().face().id, "left out of a stream");
                None
            }
        })
        .collect()
}

fn begin(
    gateway: &Arc<Gateway>,
    context: &Context<'_>,
    form: Form,
    mailbox: Arc<Mailbox>,
    slot: Slot,
) -> Listening {
    let mut news = gateway.news();
    // What happened since the snapshot was taken is looked at first of all.
    news.mark_changed();
    let mut check = interval_at(Instant::now() + CHECK, CHECK);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let attached = attach(gateway, context, &mailbox);
    Listening {
        gateway: Arc::clone(gateway),
        snapshot: Arc::clone(context.snapshot),
        routed: context.routed.clone(),
        protocol: context.protocol.clone(),
        form,
        mailbox,
        attached,
        news,
        check,
        pace: Pace::new(),
        ready: VecDeque::new(),
        entry: None,
        done: false,
        _slot: slot,
    }
}

fn slot(gateway: &Arc<Gateway>, context: &Context<'_>) -> Result<Slot, Refusal> {
    let most = context.snapshot.config().limits.max_streams;
    let principal = context.routed.principal().key();
    gateway.streams().take(principal, most)
}

/// The lists that the profile has. Each may change without its server saying so: an operator approves
/// a definition, a policy hides one.
async fn offered(context: &Context<'_>) -> Kinds {
    let members = context.routed.profile().members.iter();
    let offers = futures_util::future::join_all(members.map(|member| async move {
        let connection = context.leases.lease(&member.server)?.connection().await?;
        Ok::<_, Refusal>(ServerCapabilities::read(connection.capabilities()).unwrap_or_default())
    }))
    .await;
    offers
        .into_iter()
        .flatten()
        .map(|offer| Kinds {
            tools: offer.tools,
            prompts: offer.prompts,
            resources: offer.resources,
        })
        .fold(Kinds::default(), Kinds::or)
}
