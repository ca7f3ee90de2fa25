//! Requests about what is told later: what they ask for stands until somebody ends it.

use std::sync::Arc;

use portcullis_mcp::message::Kind;
use portcullis_mcp::method::Method;

use super::Carried;
use crate::audit::Entry;
use crate::gateway::Gateway;
use crate::listening;
use crate::protocol::Admitted;
use crate::refusal::Refusal;

/// The method of such a request; `None` for every other message.
pub(super) fn standing_request(admitted: &Admitted) -> Option<Method> {
    let method = admitted.message().method()?;
    let standing = matches!(
        method,
        Method::SubscriptionsListen | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe
    );
    let exists = method.exists_in(admitted.protocol().version);
    (standing && exists && admitted.message().kind() == Kind::Request).then_some(method)
}

pub(super) async fn stand(
    gateway: &Arc<Gateway>,
    method: Method,
    admitted: &Admitted,
    context: listening::Context<'_>,
    entry: &mut Entry,
) -> Result<Carried, Refusal> {
    match method {
        Method::ResourcesSubscribe => {
            let answer = listening::subscribe(gateway, admitted, &context, entry).await?;
            Ok(Carried::Answer(answer))
        }
        Method::ResourcesUnsubscribe => {
            let answer = listening::unsubscribe(gateway, admitted, &context, entry).await?;
            Ok(Carried::Answer(answer))
        }
        _ => {
            entry.intend((), false).await?;
            let listening = listening::listen(gateway, admitted, context).await?;
            Ok(Carried::Listening(Box::new(listening)))
        }
    }
}
