//! Why a person gets a page instead of what they came for.

use http::StatusCode;

use crate::page::{Html, Page};

/// A rule that refuses, in words for the person in front of the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The rule's stable id.
    pub(crate) rule: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) advice: &'static str,
}

const fn fault(rule: &'static str, title: &'static str, advice: &'static str) -> Fault {
    Fault {
        rule,
        status: StatusCode::BAD_REQUEST,
        title,
        advice,
    }
}

const START_AGAIN: &str =
    "Go back to the application and start again. If it happens twice, tell your administrator.";
const APP_IS_WRONG: &str = "This is a mistake of the application, or somebody tries to get at your account. Nothing was given to anybody. Tell the application's maker, or your administrator.";

impl Fault {
    pub(crate) const MALFORMED: Self =
        fault("request-malformed", "This link is damaged", START_AGAIN);
    pub(crate) const CLIENT_UNKNOWN: Self = fault(
        "client-unknown",
        "This application is not known here",
        "The application must be registered by your administrator, or publish a document about itself under its client id.",
    );
    pub(crate) const REDIRECT: Self = fault(
        "redirect-uri-unregistered",
        "The application wants to be called back at an address that is not its own",
        APP_IS_WRONG,
    );
    pub(crate) const FOREIGN_FORM: Self = fault(
        "form-of-another-site",
        "Another website tried to answer for you",
        "Nothing was given to anybody. Close the website that you came from.",
    );
    pub(crate) const CONSENT_EXPIRED: Self = fault(
        "consent-form-invalid",
        "This page is no longer good",
        "It was open for too long, was answered already, or belongs to another browser. Go back to the application and start again.",
    );
    pub(crate) const STATE: Self = fault(
        "sign-in-state-unknown",
        "This sign-in is over",
        "It took longer than ten minutes, or its link was used before. Go back to the application and start again.",
    );
    pub(crate) const OTHER_BROWSER: Self = fault(
        "sign-in-other-browser",
        "This sign-in began in another browser",
        "If you did not start it, somebody sent you this link: close the page. Otherwise go back to the application and start again, in this browser, with cookies allowed.",
    );
    pub(crate) const TICKET: Self = fault(
        "connect-ticket-invalid",
        "This link is no longer good",
        "It is good for ten minutes and for one use. Ask for a new one where you got it.",
    );
    pub(crate) const CODE: Self = fault(
        "connect-code-wrong",
        "This is not the code that was shown to you",
        "Go back and type the code as it stands beside the link. After five wrong codes the link is no longer good.",
    );
    pub(crate) const OTHER_PERSON: Self = fault(
        "connect-other-person",
        "You are signed in as somebody else",
        "The account can only be connected by the person who asked for it. If you did not ask, somebody sent you this link: close the page.",
    );
    pub(crate) const CONNECT_FAILED: Self = fault(
        "connect-failed",
        "The account was not connected",
        "The server's sign-in did not end well, or was refused. Ask for a new link and try again.",
    );
    pub(crate) const UNAVAILABLE: Self = Fault {
        status: StatusCode::SERVICE_UNAVAILABLE,
        ..fault(
            "sign-in-unavailable",
            "Signing in does not work at the moment",
            "The sign-in service cannot be reached, or the gateway has a problem. Try again in a few minutes.",
        )
    };

    /// A fault whose rule another crate names.
    pub(crate) const fn sign_in(rule: &'static str) -> Self {
        fault(
            rule,
            "The sign-in service gave an answer that does not fit",
            APP_IS_WRONG,
        )
    }

    /// The client is the address of a document that is of no use.
    pub(crate) const fn document(rule: &'static str) -> Self {
        fault(
            rule,
            "The application's description cannot be used",
            "The gateway could not fetch or accept the document that describes the application. Tell the application's maker, or your administrator.",
        )
    }

    /// The page. `reference` stands in the log, too.
    pub(crate) fn page(&self, reference: &str) -> Page {
        let body = Html::default()
            .paragraph(self.advice)
            .raw("<p class=\"soft\">Rule <code>")
            .text(self.rule)
            .raw("</code>, reference <code>")
            .text(reference)
            .raw("</code></p>\n");
        Page {
            status: self.status,
            ..Page::new(self.title, body)
        }
    }
}
