//! Servers with a `url`: MCP endpoints over HTTP, and APIs that an OpenAPI document describes.

use std::collections::BTreeMap;

use http::{HeaderValue, Uri};
use toml_span::Span;

use super::{EraChoice, HttpKind, Transport, check_header, read_plain, read_secrets};
use crate::problem::{Mask, Problems};
use crate::secret::SecretRef;
use crate::section::{Section, choice, quoted};
use crate::url;

/// Secret headers, and those that are no secrets. Names in lower case.
type Headers = (BTreeMap<String, SecretRef>, BTreeMap<String, String>);

/// Reads every key of such a server; `None` without a usable `url`.
pub(super) fn read(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
) -> Option<Transport> {
    let url = section.string(problems, "url");
    let (headers, plain_headers) = read_headers(problems, section);
    let document = section.string(problems, "openapi");
    let kind = choice(
        problems,
        section,
        "transport",
        &[
            ("auto", HttpKind::Auto),
            ("streamable-http", HttpKind::StreamableHttp),
            ("sse", HttpKind::Sse),
        ],
    );
    let (text, span) = url?;
    let uri = check_url(problems, section, text, span)?;
    let url = text.to_owned();
    let Some((document, document_span)) = document else {
        return Some(Transport::Http {
            url,
            headers,
            plain_headers,
            kind: kind.unwrap_or_default(),
        });
    };
    check_api(problems, section, (&uri, span), (document, document_span))?;
    Some(Transport::OpenApi {
        document: document.to_owned(),
        url,
        headers,
        plain_headers,
    })
}

/// Refuses a protocol era that the transport does not have.
pub(super) fn check_era(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    transport: Option<&Transport>,
    era: Option<EraChoice>,
) {
    let key = section.key("era");
    let (message, hint) = match (transport, era) {
        (Some(Transport::OpenApi { .. }), Some(_)) => (
            format!("`{key}` is not for servers with `openapi`"),
            "an API speaks no MCP; take the key out",
        ),
        (
            Some(Transport::Http {
                kind: HttpKind::Sse,
                ..
            }),
            Some(EraChoice::Modern),
        ) => (
            format!("`{key}` cannot be `modern` where `transport` is `sse`"),
            "that transport ended before the modern era; take one of the two out",
        ),
        _ => return,
    };
    refuse(
        problems,
        section,
        "era",
        section.span_of("era"),
        message,
        hint,
    );
}

fn read_headers(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Headers {
    let headers = read_secrets(problems, section, "headers", check_header);
    let plain_headers = read_plain(problems, section, "plain-headers", check_header);
    let lower = |name: String| name.to_ascii_lowercase();
    let headers: BTreeMap<_, _> = headers
        .into_iter()
        .map(|(name, value)| (lower(name), value))
        .collect();
    let mut plain = BTreeMap::new();
    for (name, value) in plain_headers {
        let key = section.key("plain-headers");
        let span = section.span_of("plain-headers");
        if headers.contains_key(&lower(name.clone())) {
            let message = format!("{} is in both `headers` and `plain-headers`", quoted(&name));
            problems.push(span, &key, message, None, Mask::Everything);
        }
        if HeaderValue::from_str(&value).is_err() {
            let message = format!("the value of {} is no header value", quoted(&name));
            problems.push(span, &key, message, None, Mask::Everything);
        }
        plain.insert(lower(name), value);
    }
    (headers, plain)
}

fn check_url(
    problems: &mut Problems<'_>,
    section: &Section<'_, '_>,
    text: &str,
    span: Span,
) -> Option<Uri> {
    match url::check(text) {
        Ok(uri) => Some(uri),
        Err(fault) => {
            let message = format!("`{}` {}", section.key("url"), fault.message());
            refuse(problems, section, "url", span, message, fault.hint());
            None
        }
    }
}

/// What only a server with a document must keep to.
fn check_api(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    (uri, url_span): (&Uri, Span),
    (document, document_span): (&str, Span),
) -> Option<()> {
    let mut fits = true;
    if document.trim().is_empty() || document.contains('\0') {
        let message = format!("`{}` names no file", section.key("openapi"));
        let hint = "write the path of an OpenAPI 3 document, relative to this file";
        refuse(problems, section, "openapi", document_span, message, hint);
        fits = false;
    }
    if uri.query().is_some() {
        let key = section.key("url");
        let message = format!("`{key}` has a query, which the paths of an API cannot continue");
        let hint = "take the part from `?` on out";
        refuse(problems, section, "url", url_span, message, hint);
        fits = false;
    }
    if section.value("transport").is_some() {
        let key = section.key("transport");
        let message = format!("`{key}` is not for servers with `openapi`");
        let hint = "an API speaks no MCP; take the key out";
        let span = section.span_of("transport");
        refuse(problems, section, "transport", span, message, hint);
        fits = false;
    }
    fits.then_some(())
}

fn refuse(
    problems: &mut Problems<'_>,
    section: &Section<'_, '_>,
    name: &str,
    span: Span,
    message: String,
    hint: &str,
) {
    let hint = Some(hint.to_owned());
    problems.push(span, &section.key(name), message, hint, Mask::Everything);
}
