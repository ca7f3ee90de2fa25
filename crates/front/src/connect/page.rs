//! The pages on which an account is connected.

use super::proof::Means;
use super::{Offer, Ticket};
use crate::page::{Html, Page};

/// What will be connected for whom.
pub(super) fn ask(
    ticket: &Ticket,
    offer: &Offer,
    means: &Means<'_>,
    action: &str,
    form: &str,
) -> Page {
    let mut body = Html::default()
        .raw("<p>The gateway will be able to use your account at this server, for the tools that you call and for nobody else.</p>\n<dl>\n")
        .fact("Server", &offer.title)
        .fact("At", &offer.host)
        .fact("For", &ticket.person.name)
        .raw("<dt>May</dt><dd>");
    let added = ticket.scopes.iter();
    let added = added.filter(|scope| !offer.scopes.contains(scope));
    let scopes: Vec<&str> = offer
        .scopes
        .iter()
        .chain(added)
        .map(String::as_str)
        .collect();
    body = match scopes.is_empty() {
        true => body.raw("what the server offers"),
        false => body.words(scopes),
    };
    body = body.raw("</dd>\n</dl>\n");
    body = body.raw("<p class=\"warn\">Go on only if you asked for this yourself, just now. If somebody sent you this link, close the page: they would use your account.</p>\n");
    body = body.form(action).hidden("form", form);
    let button = match means {
        Means::Known => "Connect",
        Means::Code => {
            body = body.raw("<label for=\"code\">The code that was shown to you with the link</label>\n<input type=\"text\" id=\"code\" name=\"code\" required maxlength=\"12\" placeholder=\"XXXX-XXXX\" autocapitalize=\"characters\" spellcheck=\"false\">\n");
            "Connect"
        }
        Means::SignIn(issuer) => {
            body = body
                .raw("<p class=\"soft\">First you sign in at ")
                .text(&issuer.host)
                .raw(", so that nobody else can do this in your name. Then you sign in at the server.</p>\n");
            "Sign in and connect"
        }
    };
    let body = body
        .raw("<p class=\"actions\"><button>")
        .text(button)
        .raw("</button></p>\n</form>\n");
    Page::new(format!("Connect your account at {}", offer.title), body)
}

/// It is done.
pub(super) fn done(title: &str) -> Page {
    let body = Html::default()
        .raw("<p>Your account at ")
        .text(title)
        .raw(" is connected. You may close this page and go on where you were; the tool works from the next try on.</p>\n<p class=\"soft\">You, or your administrator, can end it at any time with <code>portcullis vault revoke</code>.</p>\n");
    Page::new("Connected", body)
}
