//! From a delivery to the notifications that a host gets: written anew, screened and recorded.

use portcullis_mcp::json::quote;
use portcullis_mcp::message;
use portcullis_mcp::meta::{self, RECEIPT_PREFIX, RESERVED_PREFIX, SUBSCRIPTION_ID};
use portcullis_mcp::method::Method;
use portcullis_shield::Verdict;

use super::{Form, Listening};
use crate::audit::{Entry, Outcome};
use crate::feed::{Delivery, Event, Kinds};
use crate::refusal::{Reason, Refusal};
use crate::{pipeline, receipt, reply, shield};

impl Listening {
    /// Makes notifications of a delivery. `false` when the stream must end, because nothing may be
    /// said without a record.
    pub(super) async fn take(&mut self, delivery: &Delivery) -> bool {
        let (methods, params): (Vec<Method>, Option<String>) = match &delivery.event {
            Event::ListChanged(kinds) => (kinds.methods().collect(), None),
            Event::Updated { uri } => (
                vec![Method::ResourcesUpdated],
                Some(format!("{{\"uri\":{}}}", quote(uri))),
            ),
            Event::ElicitationComplete { id } => (
                vec![Method::ElicitationComplete],
                Some(format!("{{\"elicitationId\":{}}}", quote(id))),
            ),
            Event::Log { message, .. } => (
                vec![Method::LogMessage],
                message.params().map(str::to_owned),
            ),
        };
        for method in methods {
            if !method.exists_in(self.protocol.version) {
                continue;
            }
            let mut entry = self.entry_of(method, delivery);
            match self.judge(method, params.as_deref(), &mut entry) {
                Ok(text) => {
                    // The record comes first: what cannot be recorded is not said.
                    if let Err(refusal) = entry.intend((), false).await {
                        reply::log(&refusal, entry.id());
                        return false;
                    }
                    entry.finish(Outcome::Ok, &text);
                    self.ready.push_back(text);
                }
                Err(refusal) => {
                    reply::log(&refusal, entry.id());
                    entry.refuse(&refusal);
                }
            }
        }
        true
    }

    fn judge(
        &self,
        method: Method,
        params: Option<&str>,
        entry: &mut Entry,
    ) -> Result<String, Refusal> {
        let params = match params {
            None => None,
            Some(params) => {
                entry.received(params.len());
                let judged = match shield::screen_reply(self.snapshot.shield(), params) {
                    Ok(judged) => judged,
                    Err((refusal, findings)) => {
                        entry.screened(Verdict::Block, &findings);
                        return Err(refusal);
                    }
                };
                entry.screened(judged.verdict, &judged.findings);
                let cleaned = meta::strip(&judged.text, |key| {
                    key.starts_with(RESERVED_PREFIX)
                        || key.starts_with(RECEIPT_PREFIX)
                        || key == meta::PROGRESS_TOKEN
                });
                let cleaned = cleaned
                    .map_err(|cause| Refusal::new(Reason::UpstreamProtocol).because(cause))?;
                Some(cleaned.into_owned())
            }
        };
        let tagged = match &self.form {
            Form::Session(_) => params,
            Form::Subscription(subscription) => {
                let params = params.as_deref().unwrap_or("{}");
                let tagged = meta::set(params, &[(SUBSCRIPTION_ID, &subscription.id)]);
                let tagged = tagged
                    .map_err(|cause| Refusal::new(Reason::UpstreamProtocol).because(cause))?;
                Some(tagged.into_owned())
            }
        };
        Ok(message::notification(method.as_str(), tagged.as_deref()))
    }

    /// The entry of one message that a server started.
    fn entry_of(&self, method: Method, delivery: &Delivery) -> Entry {
        let routed = &self.routed;
        let mut entry = pipeline::open_entry(&self.gateway, &self.snapshot, routed.facts());
        entry.principal(routed.principal());
        let protocol = &self.protocol;
        entry.protocol(
            protocol.version.as_str(),
            protocol.era(),
            protocol.client.as_deref(),
        );
        let servers = delivery.servers.join(", ");
        entry.describe(|opened| {
            "server".clone_into(&mut opened.direction);
            method.as_str().clone_into(&mut opened.method);
            opened.profile = Some(routed.profile().name.clone());
            opened.server = Some(servers).filter(|servers| !servers.is_empty());
            opened.target = match &delivery.event {
                Event::Updated { uri } => Some(uri.to_string()),
                _ => None,
            };
        });
        entry
    }
}

/// `notifications/subscriptions/acknowledged`: what was granted (2026-07-28, subscriptions).
pub(super) fn acknowledged(id: &str, kinds: Kinds, uris: &[&str]) -> String {
    let mut granted: Vec<String> = [
        (kinds.tools, "toolsListChanged"),
        (kinds.prompts, "promptsListChanged"),
        (kinds.resources, "resourcesListChanged"),
    ]
    .into_iter()
    .filter(|(granted, _)| *granted)
    .map(|(_, member)| format!("\"{member}\":true"))
    .collect();
    if !uris.is_empty() {
        let uris: Vec<String> = uris.iter().map(|uri| quote(uri)).collect();
        granted.push(format!("\"resourceSubscriptions\":[{}]", uris.join(",")));
    }
    let params = format!(
        "{{\"_meta\":{{{}:{id}}},\"notifications\":{{{}}}}}",
        quote(SUBSCRIPTION_ID),
        granted.join(",")
    );
    message::notification(Method::SubscriptionsAcknowledged.as_str(), Some(&params))
}

/// The result that ends a subscription in an orderly way.
pub(super) fn last(id: &str) -> String {
    let result = format!(
        "{{\"resultType\":\"complete\",\"_meta\":{{{}:{id},{}:{}}}}}",
        quote(SUBSCRIPTION_ID),
        quote(meta::SERVER_INFO),
        receipt::server_info()
    );
    message::response(id, &result)
}
