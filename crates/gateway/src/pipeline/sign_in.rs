//! A call that needs its user to sign in at the server first: the host is sent to a page of ours.
//!
//! A modern host gets a result that asks, a legacy one the error that names pages (2025-11-25,
//! elicitation, URL mode); whoever cannot be asked gets the address in the text of the refusal. The
//! page wants to know who is in front of it, so that the address alone is worth nothing.

use portcullis_broker::Needed;
use portcullis_front::{Invitation, Proof};
use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::json::{Object, quote};
use portcullis_mcp::message::{self, Message};
use portcullis_mcp::method::Method;
use portcullis_mcp::result::{elicit_action, input_responses, write_input_required};
use portcullis_mcp::version::Era;
use uuid::Uuid;

use super::{Answer, Asked};
use crate::audit::{Entry, Outcome};
use crate::clients::SessionKey;
use crate::connect::person;
use crate::gateway::Gateway;
use crate::receipt::Receipt;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::{reply, result};

/// The key under which a modern host answers.
pub(crate) const KEY: &str = "io.portcullis/sign-in";

/// What is known about a host that may have to be asked.
#[derive(Default)]
pub(super) struct Askable {
    method: Option<Method>,
    capabilities: ClientCapabilities,
    session: Option<SessionKey>,
    /// The user was asked and said no.
    declined: bool,
}

impl Askable {
    pub(super) fn new(
        message: &Message,
        capabilities: ClientCapabilities,
        session: Option<SessionKey>,
    ) -> Self {
        Self {
            method: message.method(),
            capabilities,
            session,
            declined: declined(message.params().unwrap_or("{}")),
        }
    }

    /// The methods whose results may ask (2026-07-28, multi round trip).
    fn takes_results_that_ask(&self) -> bool {
        matches!(
            self.method,
            Some(Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead)
        )
    }
}

/// Whether the answer to an earlier question of ours is no. What is no answer at all is none.
fn declined(params: &str) -> bool {
    if !params.contains(KEY) {
        return false;
    }
    let Ok(params) = Object::parse(params) else {
        return false;
    };
    let answers = params.get("inputResponses").map(|member| member.value);
    let answers = input_responses(answers.unwrap_or("{}")).unwrap_or_default();
    let own = answers.iter().find(|(key, _)| *key == KEY);
    own.is_some_and(|(_, (answer, _))| {
        !elicit_action(answer).is_ok_and(|action| action == "accept")
    })
}

/// Sends the host to the page, where a refusal is about that.
///
/// # Errors
/// The refusal, with what its reader can do.
pub(super) fn invite(
    gateway: &Gateway,
    snapshot: &Snapshot,
    refusal: Refusal,
    asked: &Asked,
    entry: &mut Entry,
) -> Result<Answer, Refusal> {
    let (Some(wanted), Some(principal)) = (refusal.needed().and_then(Wanted::of), &asked.principal)
    else {
        return Err(refusal);
    };
    let server = wanted.server.clone();
    let front = snapshot.facilities().front.as_ref();
    let invitation = front.map(|front| {
        let person = person(principal);
        front.invite(&person, &server, &wanted.scopes, Proof::SignIn)
    });
    let invitation = match invitation {
        Some(Ok(invitation)) => invitation,
        Some(Err(error)) => {
            tracing::warn!(server, %error, "nobody can be invited to sign in at a server");
            return Err(refusal);
        }
        None => return Err(refusal.detail("the gateway has no address that a browser can open")),
    };
    let text = wanted.text(&invitation);
    let url = quote(&invitation.url);
    let askable = &asked.askable;
    let takes_pages = askable
        .capabilities
        .contains(ClientCapabilities::ELICITATION_URL);
    if askable.declined || !takes_pages {
        let shown = format!("open {} ({text})", invitation.url);
        return Err(refusal.detail(shown).data("url", url));
    }
    match asked.era {
        Era::Modern if askable.takes_results_that_ask() => {
            let params = format!(
                "{{\"mode\":\"url\",\"message\":{},\"url\":{url}}}",
                quote(&text)
            );
            reply::log(&refusal, entry.id());
            answer(snapshot, &params, asked, entry).ok_or(refusal)
        }
        Era::Modern => Err(refusal
            .detail(format!("open {} ({text})", invitation.url))
            .data("url", url)),
        Era::Legacy => {
            let id = Uuid::now_v7().to_string();
            let host = askable.session.as_ref();
            let host = host.and_then(|session| gateway.clients().client(session, principal).ok());
            if let Some(host) = host {
                gateway.elicited().sent(&server, principal.id(), &id, &host);
            }
            let page = format!(
                "{{\"mode\":\"url\",\"elicitationId\":{},\"message\":{},\"url\":{url}}}",
                quote(&id),
                quote(&text)
            );
            Err(refusal.asking(format!("[{page}]")))
        }
    }
}

/// What a sign-in at a server would have to bring.
struct Wanted {
    server: String,
    /// What the server asked for on account of this call, and all that was granted; empty: the first
    /// sign-in.
    scopes: Vec<String>,
}

impl Wanted {
    fn of(needed: &Needed) -> Option<Self> {
        let (server, scopes) = match needed {
            Needed::SignIn { server } => (server, Vec::new()),
            Needed::Scope { server, scopes } => (server, scopes.clone()),
            _ => return None,
        };
        Some(Self {
            server: server.clone(),
            scopes,
        })
    }

    /// What a person reads beside the address. The page names the scopes: here, they would be a
    /// server's words in ours.
    fn text(&self, invitation: &Invitation) -> String {
        let server = &self.server;
        let mut text = match self.scopes.is_empty() {
            true => format!("Connect your account at {server} to go on."),
            false => format!("Connect your account at {server} again to go on: it asks for more."),
        };
        if let Some(code) = &invitation.code {
            text.push_str(&format!(" The page asks for the code {code}."));
        }
        text
    }
}

/// A result that asks. It needs no state: the host calls again, and by then there is a credential.
fn answer(snapshot: &Snapshot, params: &str, asked: &Asked, entry: &mut Entry) -> Option<Answer> {
    let text = write_input_required(&[(KEY, Method::ElicitationCreate, params)], None);
    let object = Object::parse(&text).ok()?;
    let receipt = Receipt {
        entry: entry.id(),
        server: None,
        definition: None,
        policies: &[],
        verdict: portcullis_shield::Verdict::Allow,
        findings: &[],
    };
    let shown = snapshot.config().controls.receipts;
    let method = asked.askable.method?;
    let result = result::fit(&object, method, asked.era, shown.then_some(&receipt)).ok()?;
    let body = message::response(asked.id.as_deref().unwrap_or("null"), &result);
    entry.finish(Outcome::InputRequired, &result);
    Some(Answer::Message {
        body,
        session: None,
        agreed: None,
    })
}
