//! How Entra says no: an AADSTS code, a text, and ids to quote to the support.

use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

use crate::jose::random_guid;
use crate::web::Answer;

const TIMESTAMP: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");

/// One refusal before it has an id and a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: &'static str,
    pub(super) code: u64,
    text: String,
    suberror: Option<&'static str>,
    claims: Option<Box<Value>>,
    outage: Option<(u16, Option<u64>)>,
}

impl Refusal {
    pub(super) fn new(error: &'static str, code: u64, text: impl Into<String>) -> Self {
        Self {
            error,
            code,
            text: text.into(),
            suberror: None,
            claims: None,
            outage: None,
        }
    }

    /// A parameter that a request must have.
    pub(super) fn missing(name: &str) -> Self {
        Self::new(
            "invalid_request",
            900144,
            format!("The request body must contain the following parameter: '{name}'."),
        )
    }

    pub(super) fn with_suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    /// What the client has to bring to the authorization endpoint.
    pub(super) fn with_claims(mut self, claims: Value) -> Self {
        self.claims = Some(Box::new(claims));
        self
    }

    pub(super) fn outage(status: u16, retry_after: Option<u64>) -> Self {
        let (code, text) = match status {
            429 => (90055, "There are too many incoming requests."),
            _ => (90033, "A transient error has occurred. Please try again."),
        };
        Self {
            outage: Some((status, retry_after)),
            ..Self::new("temporarily_unavailable", code, text)
        }
    }

    /// `error_description`: the text with its ids.
    pub(super) fn description(&self, ids: &Ids) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.code, self.text, ids.trace, ids.correlation, ids.timestamp
        )
    }

    /// The answer of the token endpoint.
    pub(super) fn to_answer(&self, ids: &Ids) -> Answer {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(ids),
            "error_codes": [self.code],
            "timestamp": ids.timestamp,
            "trace_id": ids.trace,
            "correlation_id": ids.correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        if let Some(members) = body.as_object_mut() {
            if let Some(suberror) = self.suberror {
                members.insert("suberror".into(), suberror.into());
            }
            if let Some(claims) = &self.claims {
                // A JSON text inside a string, as the documentation shows it.
                members.insert("claims".into(), claims.to_string().into());
            }
        }
        let status = match (self.outage, self.error) {
            (Some((status, _)), _) => {
                StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
            }
            (None, "invalid_client" | "unauthorized_client") => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let answer = Answer::json(status, &body);
        match self.outage {
            Some((_, Some(seconds))) => answer.with(http::header::RETRY_AFTER, seconds.to_string()),
            _ => answer,
        }
    }

    /// The page that a person sees when the client must not be told.
    pub(super) fn to_page(&self, ids: &Ids) -> Answer {
        let message = format!("AADSTS{}: {}", self.code, self.text)
            .replace('&', "&amp;")
            .replace('<', "&lt;");
        let page = format!(
            "<!DOCTYPE html><title>Sign in to your account</title><h1>Sign in</h1>\
             <p>Sorry, but we’re having trouble signing you in.</p><p>{message}</p>\
             <ul><li>Request Id: {}</li><li>Correlation Id: {}</li><li>Timestamp: {}</li></ul>",
            ids.trace, ids.correlation, ids.timestamp
        );
        Answer::html(StatusCode::BAD_REQUEST, page)
    }
}

/// What names one failed request.
pub(super) struct Ids {
    trace: String,
    correlation: String,
    timestamp: String,
}

impl Ids {
    /// `correlation` is the `client-request-id` of the request.
    pub(super) fn new(now: u64, correlation: Option<&str>) -> Self {
        let seconds = i64::try_from(now).unwrap_or_default();
        let time =
            OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self {
            trace: random_guid(),
            correlation: correlation.map_or_else(random_guid, str::to_owned),
            timestamp: time.format(TIMESTAMP).unwrap_or_default(),
        }
    }
}
