//! Requests that go to no single server: greetings, lists, `ping` and log levels.

use portcullis_mcp::error::WireError;
use portcullis_mcp::json::Object;
use portcullis_mcp::message::{self, Kind};
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use portcullis_shield::Verdict;

use super::{Answer, decided};
use crate::audit::{Entry, Outcome};
use crate::authz::Permitted;
use crate::clients::SessionKey;
use crate::gateway::Gateway;
use crate::protocol::Admitted;
use crate::receipt::Receipt;
use crate::refusal::{Reason, Refusal};
use crate::servers::Leases;
use crate::shield::Judged;
use crate::snapshot::Snapshot;
use crate::{lists, local, result};

/// Answers what does not go to one server.
pub(super) async fn answer(
    gateway: &Gateway,
    snapshot: &Snapshot,
    connected: Permitted<Admitted>,
    leases: &Leases<'_>,
    entry: &mut Entry,
) -> Result<Answer, Refusal> {
    let admitted = connected.what();
    let (message, protocol) = (admitted.message(), admitted.protocol());
    if message.kind() != Kind::Request {
        super::told::take(gateway, admitted, leases).await;
        entry.finish(Outcome::Ok, "");
        return Ok(Answer::Accepted);
    }
    let method = message
        .method()
        .filter(|method| method.exists_in(protocol.version) && !method.is_notification());
    let Some(method) = method else {
        return Err(Refusal::new(Reason::MethodUnknown));
    };
    let (judged, session) = match method {
        Method::Initialize => {
            let result = local::initialize(&connected, leases, snapshot).await?;
            (result, Some(new_session(gateway, admitted)?))
        }
        Method::ServerDiscover => (local::discover(&connected, leases, snapshot).await?, None),
        Method::Ping => (Judged::own("{}".to_owned()), None),
        Method::LoggingSetLevel => {
            decided(snapshot.authz().set_level(admitted), snapshot, entry)?;
            let result = local::set_level(&connected, leases).await?;
            keep_level(gateway, admitted)?;
            (Judged::own(result), None)
        }
        _ => match method.list_kind() {
            Some(kind) => {
                let page = lists::list(kind, &connected, leases, snapshot.authz(), snapshot);
                let lists::Page { judged, left_out } = page.await?;
                if let Some(reason) = left_out {
                    entry.note(reason);
                }
                (judged, None)
            }
            None => return Err(Refusal::new(Reason::MethodUnknown)),
        },
    };
    if !matches!(method, Method::Ping | Method::LoggingSetLevel) {
        entry.screened(judged.verdict, &judged.findings);
    }
    let receipt = Receipt {
        entry: entry.id(),
        server: None,
        definition: None,
        policies: connected.policies(),
        verdict: judged.verdict,
        findings: &judged.findings,
    };
    // A greeting has a receipt where something was done to it; a list always.
    let told = method.list_kind().is_some() || judged.verdict != Verdict::Allow;
    let shown = snapshot.config().controls.receipts && told;
    let broken = |cause: WireError| Refusal::new(Reason::Internal).because(cause);
    let object = Object::parse(&judged.text).map_err(|cause| broken(cause.into()))?;
    let result =
        result::fit(&object, method, protocol.era(), shown.then_some(&receipt)).map_err(broken)?;
    let body = message::response(message.id().unwrap_or("null"), &result);
    entry.step("answer");
    entry.finish(Outcome::Ok, &result);
    let agreed = (method == Method::Initialize).then(|| protocol.agreed());
    Ok(Answer::Message {
        body,
        session,
        agreed,
    })
}

/// Remembers the level for what servers log outside of calls.
fn keep_level(gateway: &Gateway, admitted: &Admitted) -> Result<(), Refusal> {
    let routed = admitted.routed();
    if let Ok(Params::SetLevel { level }) =
        view(Method::LoggingSetLevel, admitted.message().params())
        && let Some(key) = SessionKey::of(routed)
    {
        let client = gateway.clients().client(&key, routed.principal())?;
        client.set_level(&level);
    }
    Ok(())
}

fn new_session(gateway: &Gateway, admitted: &Admitted) -> Result<String, Refusal> {
    let routed = admitted.routed();
    gateway.sessions().seal(
        routed.principal(),
        &routed.profile().name,
        admitted.protocol().agreed(),
    )
}
