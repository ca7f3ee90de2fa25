//! Pages: no script, no asset of another host, readable in the light and in the dark.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::answer;
use crate::browser::Browser;

const STYLE: &str = include_str!("page/style.css");

/// Forms lead to this host and to no other. What follows on a form is a page with a link, because
/// browsers hold redirects that follow on a form against `form-action`, too.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    HeaderValue::try_from(format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    ))
    .ok()
});

/// Markup. Text gets into it only through [`Html::text`] and its kin.
#[derive(Default)]
pub(crate) struct Html(String);

impl Html {
    /// Markup of ours.
    pub(crate) fn raw(mut self, markup: &'static str) -> Self {
        self.0.push_str(markup);
        self
    }

    /// Text of anybody.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.push_str(&escaped(text));
        self
    }

    /// A paragraph.
    pub(crate) fn paragraph(self, text: &str) -> Self {
        self.raw("<p>").text(text).raw("</p>\n")
    }

    /// A row of a list of facts.
    pub(crate) fn fact(self, name: &'static str, value: &str) -> Self {
        self.raw("<dt>")
            .raw(name)
            .raw("</dt><dd>")
            .text(value)
            .raw("</dd>\n")
    }

    /// Names that a machine reads, one under the other.
    pub(crate) fn words<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        self = self.raw("<ul class=\"words\">");
        for word in words {
            self = self.raw("<li><code>").text(word).raw("</code></li>");
        }
        self.raw("</ul>\n")
    }

    /// A hidden field of a form.
    pub(crate) fn hidden(mut self, name: &'static str, value: &str) -> Self {
        // A string takes everything that is written to it.
        let _ = writeln!(
            self.0,
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            escaped(value)
        );
        self
    }

    /// The beginning of a form that is sent to `action`.
    pub(crate) fn form(mut self, action: &str) -> Self {
        let _ = writeln!(
            self.0,
            "<form method=\"post\" action=\"{}\" autocomplete=\"off\">",
            escaped(action)
        );
        self
    }

    /// A link that looks like a button.
    pub(crate) fn button_link(mut self, address: &str, text: &str) -> Self {
        let _ = writeln!(
            self.0,
            "<p class=\"actions\"><a class=\"button\" rel=\"noreferrer\" href=\"{}\">{}</a></p>",
            escaped(address),
            escaped(text)
        );
        self
    }
}

/// A page.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    pub(crate) body: Html,
    /// Where the browser goes by itself.
    pub(crate) onward: Option<String>,
}

impl Page {
    pub(crate) fn new(title: impl Into<String>, body: Html) -> Self {
        Self {
            status: StatusCode::OK,
            title: title.into(),
            body,
            onward: None,
        }
    }

    /// A page that leads on to `address` at once, and by a link where browsers are told not to.
    pub(crate) fn onward(title: &str, text: &str, address: &str) -> Self {
        let body = Html::default()
            .paragraph(text)
            .button_link(address, "Continue");
        Self {
            onward: Some(address.to_owned()),
            ..Self::new(title, body)
        }
    }

    pub(crate) fn answer(self, browser: Option<&Browser>) -> Response<Bytes> {
        let mut answer = answer::plain(self.status, Bytes::from(self.markup()));
        let headers = answer.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        if let Some(policy) = &*POLICY {
            headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        // With `no-referrer`, browsers would send `Origin: null` with our own forms.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        if let Some(cookie) = browser.and_then(Browser::cookie) {
            headers.insert(SET_COOKIE, cookie);
        }
        answer
    }

    fn markup(&self) -> String {
        let title = escaped(&self.title);
        let refresh = self.onward.as_deref().map_or_else(String::new, |address| {
            let address = escaped(address);
            format!("<meta http-equiv=\"refresh\" content=\"0;url={address}\">\n")
        });
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"robots\" content=\"noindex\">\n{refresh}\
             <title>{title} · Portcullis</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <main>\n<p class=\"brand\">Portcullis</p>\n<h1>{title}</h1>\n{}</main>\n</body>\n\
             </html>\n",
            self.body.0
        )
    }
}

/// Text as it stands in markup and in attributes. What turns the direction of writing around, or has
/// no width, is shown as a mark: names are shown to people who decide by them.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}' => out.push('\u{fffd}'),
            character if character.is_control() => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let hostile = "<script>alert('x')</script>\"\u{202e}\n&";
        let page = Page::new(hostile, Html::default().text(hostile).hidden("a", hostile));
        let markup = page.markup();
        assert!(!markup.contains("<script"), "{markup}");
        assert!(!markup.contains('\u{202e}'));
        assert_eq!(markup.matches("&lt;script&gt;").count(), 4);
        assert_eq!(markup.matches("&quot;").count(), 4);
    }

    #[test]
    fn a_page_can_neither_be_framed_nor_run_a_script() {
        let page = Page::onward("On", "You go on.", "https://x.example/?a=1&b='\"");
        let markup = page.markup();
        assert!(
            markup.contains("content=\"0;url=https://x.example/?a=1&amp;b=&#39;&quot;\""),
            "{markup}"
        );
        let answer = page.answer(None);
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "style-src 'sha256-",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.headers()[X_FRAME_OPTIONS], "DENY");
        assert_eq!(answer.headers()[http::header::CACHE_CONTROL], "no-store");
        assert!(answer.headers().get(SET_COOKIE).is_none());
    }
}
