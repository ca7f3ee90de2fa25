//! Connecting an account at an MCP server: the page behind a link that the gateway gave to a person
//! (MCP, elicitation, URL mode).
//!
//! Whoever opens the link must be the person for whom it was made; otherwise somebody could send
//! their own link to another person, and use that person's account from then on. Who is in front of
//! the browser is shown by a sign-in at the issuer, by the request itself (a client certificate, or
//! this machine), or by a code that was shown beside the link.

mod page;
mod proof;
mod ticket;

use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::answer;
use crate::browser::Browser;
use crate::callback::Identity;
use crate::event::{Event, EventKind};
use crate::fault::Fault;
use crate::front::{Front, Visit};
use crate::issuer::Issuer;
use crate::page::Page;
use crate::parameters::Parameters;
use crate::refused::Refused;
use crate::sign_in::{self, Flow};

pub(crate) use ticket::Confirmed;
use ticket::Ticket;
pub use ticket::{Invitation, InviteError, Proof};

/// For whom an account is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The principal, as the gateway names it.
    pub principal: String,
    /// The name of the issuer's entry, if the principal came with a token.
    pub issuer: Option<String>,
    /// The tenant; `None` where there are none.
    pub tenant: Option<String>,
    /// Who it is there: `oid` at Entra ID, else `sub`.
    pub subject: String,
    /// A name to show. It decides nothing.
    pub name: String,
    /// When the token was issued by which the principal came, unix seconds. It says whether a
    /// revocation still concerns the person.
    pub issued: Option<i64>,
}

/// What an account is to be connected to, for the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The server, for people.
    pub title: String,
    /// The host of the server.
    pub host: String,
    /// The scopes that will be asked for.
    pub scopes: Vec<String>,
}

/// A grant that is to begin.
#[derive(Clone, Copy, Debug)]
pub struct GrantRequest<'a> {
    /// For whom.
    pub person: &'a Person,
    /// The name of the server's entry.
    pub server: &'a str,
    /// Scopes that the server asked for besides those of the [`Offer`].
    pub scopes: &'a [String],
    /// Where the authorization server sends the browser back to.
    pub callback: &'a str,
    /// The browser that it is bound to: the same has to be given to [`Grants::complete`].
    pub browser: &'a str,
}

/// Where to send the browser.
#[derive(Clone, Debug)]
pub struct GrantBegun {
    /// The authorization server's address, with everything in it.
    pub url: Url,
}

/// An account that was connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The name of the server's entry.
    pub server: String,
    /// Whose it is.
    pub principal: String,
}

/// Why no account is connected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// It was refused, or is not what was begun; with the stable id of the rule.
    #[error("the grant is refused by the rule {0}")]
    Refused(&'static str),
    /// It cannot be done now.
    #[error("the grant cannot be made now: {0}")]
    Unavailable(&'static str),
}

/// Connects accounts. What was begun is remembered there, once and for few minutes.
#[async_trait]
pub trait Grants: Send + Sync {
    /// What people are told about a server. `None` for one at which nobody connects an account.
    fn offer(&self, server: &str) -> Option<Offer>;

    /// What the gateway says about itself as a client (OAuth Client ID Metadata Document), if it is a
    /// client by that. It is served at `/connect/client.json` below the gateway's address.
    fn client_document(&self) -> Option<String>;

    /// Begins. The person has agreed, and is who they have to be.
    ///
    /// # Errors
    /// [`GrantError`]
    async fn begin(&self, request: GrantRequest<'_>) -> Result<GrantBegun, GrantError>;

    /// Ends with the query that the browser brought to the callback, and keeps what was given.
    ///
    /// # Errors
    /// [`GrantError`]; [`GrantError::Refused`] also when `browser` is another one.
    async fn complete(&self, query: &str, browser: &str) -> Result<Connected, GrantError>;
}

/// The page of a ticket.
pub(crate) fn show(
    front: &Front,
    ticket: &str,
    visit: &Visit<'_>,
) -> Result<Response<Bytes>, Refused<Fault>> {
    let browser = Browser::of(&visit.head.headers)?;
    let opened = Ticket::open(front, ticket).ok_or(Fault::TICKET)?;
    let grants = front.context.grants.as_ref().ok_or(Fault::TICKET)?;
    let offer = grants.offer(&opened.server).ok_or(Fault::TICKET)?;
    let means = opened.means(front, visit)?;
    let form = opened.form(front, &browser)?;
    let action = format!("{}/connect/{ticket}", front.base);
    Ok(page::ask(&opened, &offer, &means, &action, &form).answer(Some(&browser)))
}

/// The person agrees.
pub(crate) async fn confirm(
    front: &Front,
    ticket: &str,
    visit: &Visit<'_>,
) -> Result<Response<Bytes>, Refused<Fault>> {
    if !visit.is_form() || !visit.is_from_own_page(&front.origin) {
        return Err(Fault::FOREIGN_FORM.into());
    }
    let browser = Browser::of(&visit.head.headers)?;
    let parameters = Parameters::parse(visit.body).map_err(|_| Fault::MALFORMED)?;
    let opened = Ticket::open(front, ticket).ok_or(Fault::TICKET)?;
    let form = parameters.get("form").unwrap_or_default();
    if !opened.is_form(front, &browser, form) {
        return Err(Fault::CONSENT_EXPIRED.into());
    }
    match opened.means(front, visit)? {
        proof::Means::Known => {}
        proof::Means::Code => {
            let code = parameters.get("code").unwrap_or_default();
            opened.check_code(front, code).await?;
        }
        proof::Means::SignIn(issuer) => {
            let flow = Flow::Connect(Confirmed(opened));
            let to = sign_in::begin(front, issuer, &browser, flow).await?;
            let text = format!(
                "First you are taken to {} to show who you are.",
                issuer.host
            );
            let page = Page::onward("Going on to sign in", &text, to.as_str());
            return Ok(page.answer(Some(&browser)));
        }
    }
    let to = begin(front, &browser, &opened).await?;
    let text = "You are taken to the server's sign-in.";
    Ok(Page::onward("Going on to the server", text, to.as_str()).answer(Some(&browser)))
}

/// The person signed in at the issuer, to show who they are.
pub(crate) async fn signed_in(
    front: &Front,
    issuer: &Issuer,
    browser: &Browser,
    confirmed: Confirmed,
    identity: &Identity<'_>,
) -> Result<Response<Bytes>, Refused<Fault>> {
    let Confirmed(ticket) = confirmed;
    proof::check_person(&ticket.person, issuer, identity, front.now())?;
    let to = begin(front, browser, &ticket).await?;
    answer::redirect(to.as_str()).ok_or(Fault::UNAVAILABLE.into())
}

/// The browser comes back from the server's sign-in.
pub(crate) async fn complete(
    front: &Front,
    visit: &Visit<'_>,
) -> Result<Response<Bytes>, Refused<Fault>> {
    let browser = Browser::of(&visit.head.headers)?;
    let grants = front.context.grants.as_ref().ok_or(Fault::TICKET)?;
    let done = grants.complete(visit.query(), &browser.digest()).await;
    let done = done.map_err(of_grants)?;
    let title = grants
        .offer(&done.server)
        .map_or_else(|| done.server.clone(), |offer| offer.title);
    front.tell(Event {
        subject: Some(done.principal),
        client: Some(done.server),
        ..visit.event(EventKind::Connected, None)
    });
    Ok(page::done(&title).answer(None))
}

/// The ticket is used up now, and the grant begins.
async fn begin(front: &Front, browser: &Browser, ticket: &Ticket) -> Result<Url, Refused<Fault>> {
    ticket.use_up(front).await?;
    let grants = front.context.grants.as_ref().ok_or(Fault::TICKET)?;
    let request = GrantRequest {
        person: &ticket.person,
        server: &ticket.server,
        scopes: &ticket.scopes,
        callback: &front.connect_callback(),
        browser: &browser.digest(),
    };
    let begun = grants.begin(request).await.map_err(of_grants)?;
    Ok(begun.url)
}

fn of_grants(error: GrantError) -> Refused<Fault> {
    let fault = match error {
        GrantError::Refused(rule) => Fault {
            rule,
            ..Fault::CONNECT_FAILED
        },
        GrantError::Unavailable(_) => Fault::UNAVAILABLE,
    };
    Refused::because(fault, error)
}
