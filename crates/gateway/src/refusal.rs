//! The one structure in which every "no" reaches a client.
//!
//! [`Reason`] is the cause as the operator sees it (audit trail, log, reference page). [`Refusal`]
//! turns it into bytes, here and nowhere else. Public text never holds an internal cause, and a
//! thing that is hidden looks like a thing that is missing.

mod table;

use std::error::Error;

use portcullis_broker::Needed;
use portcullis_identity::{self as identity, Rejected};
use portcullis_mcp::json::{JsonError, quote};
use portcullis_mcp::message::error_response;
use portcullis_mcp::version::Era;
use portcullis_mcp::{codes, error::WireError};
use portcullis_policy::StepUp;

pub use table::{Face, Origin, Reason};

/// A refused message: the reason, what may be told, and the cause that only the log sees.
#[derive(Debug)]
pub struct Refusal {
    reason: Reason,
    /// Boxed, so that the way of a message that is not refused stays small.
    told: Box<Told>,
}

/// What is known beyond the reason.
#[derive(Debug, Default)]
struct Told {
    subject: Option<Subject>,
    /// The id of a request that could not be read any further (raw token).
    id: Option<String>,
    detail: Option<String>,
    data: Vec<(&'static str, String)>,
    /// The sign-in that is demanded.
    step_up: Option<StepUp>,
    /// What is wrong with the credential.
    rejected: Option<Rejected>,
    /// What would help to a credential for the server.
    needed: Option<Needed>,
    /// Pages that the user has to open first: a raw JSON array.
    pages: Option<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// The thing a client asked for, named as the client named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Tool(String),
    Prompt(String),
    Resource(String),
    /// A task, whose id says nothing to anybody else.
    Task,
}

impl Refusal {
    /// A refusal for `reason`.
    pub(crate) fn new(reason: Reason) -> Self {
        Self {
            reason,
            told: Box::default(),
        }
    }

    /// A refusal of the thing the client asked for.
    pub(crate) fn of(reason: Reason, subject: Subject) -> Self {
        let mut refusal = Self::new(reason);
        refusal.told.subject = Some(subject);
        refusal
    }

    /// Adds a sentence that is safe to show: it may name members, headers and limits, never content.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.told.detail = Some(detail.into());
        self
    }

    /// Adds a raw JSON member to the error's `data`.
    pub(crate) fn data(mut self, key: &'static str, raw: String) -> Self {
        self.told.data.push((key, raw));
        self
    }

    /// Says which sign-in would do.
    pub(crate) fn demanding(mut self, step_up: StepUp) -> Self {
        self.told.step_up = Some(step_up);
        self
    }

    /// The sign-in that would do.
    pub(crate) fn step_up(&self) -> Option<&StepUp> {
        self.told.step_up.as_ref()
    }

    /// Says what would help to a credential for the server.
    pub(crate) fn needing(mut self, needed: Needed) -> Self {
        self.told.needed = Some(needed);
        self
    }

    /// What would help to a credential for the server.
    pub(crate) fn needed(&self) -> Option<&Needed> {
        self.told.needed.as_ref()
    }

    /// Whether the caller has to sign in, or to allow more, at a server first.
    pub(crate) fn is_about_sign_in(&self) -> bool {
        matches!(
            self.reason,
            Reason::SignInNeeded | Reason::MoreScopesNeeded | Reason::ClaimsRequired
        )
    }

    /// Sends a legacy host that can be asked so to pages (2025-11-25, elicitation, URL mode): a raw
    /// JSON array of elicitations.
    pub(crate) fn asking(mut self, pages: String) -> Self {
        self.told.pages = Some(pages);
        self
    }

    /// A refusal of a credential.
    pub(crate) fn of_credential(rejected: Rejected) -> Self {
        let reason = match rejected.kind() {
            identity::Kind::Missing => Reason::CredentialMissing,
            identity::Kind::Invalid | identity::Kind::UseDpopNonce { .. } => {
                Reason::CredentialInvalid
            }
            identity::Kind::InsufficientScope => Reason::ScopeInsufficient,
            identity::Kind::Unavailable => Reason::IssuerUnavailable,
        };
        let mut refusal = Self::new(reason).detail(rejected.text());
        refusal.told.rejected = Some(rejected);
        refusal
    }

    /// What is wrong with the credential.
    pub(crate) fn rejected(&self) -> Option<&Rejected> {
        self.told.rejected.as_ref()
    }

    /// The stable id that the audit trail records: that of the reason, or of what is wrong with the
    /// credential, the caller's or the gateway's own.
    pub(crate) fn id(&self) -> &'static str {
        match (&self.told.rejected, &self.told.needed) {
            (Some(rejected), _) => rejected.code(),
            (None, Some(needed @ Needed::Refused { .. })) => needed.code(),
            (None, _) => self.reason.face().id,
        }
    }

    /// Attaches the internal cause. It reaches the log and nothing else.
    pub(crate) fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.told.cause = Some(Box::new(cause));
        self
    }

    /// The cause as the audit trail records it.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The HTTP status that goes with this refusal.
    ///
    /// The modern era says by status what is wrong with a request (2026-07-28, streamable HTTP). A
    /// legacy client takes 404 for the end of its session, so that there a request which was
    /// understood as JSON-RPC gets its error with status 200.
    pub fn status(&self, era: Era) -> u16 {
        match (era, self.reason) {
            (Era::Legacy, Reason::MethodUnknown | Reason::InvalidParams) => 200,
            _ => self.reason.face().status,
        }
    }

    /// The internal cause, for the log.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.told.cause.as_deref()
    }

    /// The JSON-RPC error for the request `id` (raw token; `None` is written as `null`).
    ///
    /// `entry` is the audit entry a person can look up.
    pub fn to_message(&self, id: Option<&str>, era: Era, entry: &str) -> String {
        let face = self.reason.face();
        let text = self.public_text(&face);
        let mut data = format!(
            "{{\"reason\":{},\"entry\":{},\"retryable\":{}",
            quote(face.public_id),
            quote(entry),
            face.retryable
        );
        if let (Some(Subject::Resource(uri)), true) = (&self.told.subject, face.hides) {
            // 2026-07-28, resources, error handling. It says no more than the client asked for.
            data.push_str(&format!(",\"uri\":{}", quote(&shorten(uri))));
        }
        for (key, raw) in &self.told.data {
            data.push(',');
            data.push_str(&quote(key));
            data.push(':');
            data.push_str(raw);
        }
        if let Some(pages) = &self.told.pages {
            data.push_str(",\"elicitations\":");
            data.push_str(pages);
        }
        data.push('}');
        let id = id.or(self.told.id.as_deref());
        error_response(id, self.code(&face, era), &text, Some(&data))
    }

    /// A missing resource has an error code of its own in the legacy era only.
    fn code(&self, face: &Face, era: Era) -> i64 {
        match (&self.told.subject, era) {
            (_, Era::Legacy) if self.told.pages.is_some() => codes::URL_ELICITATION_REQUIRED,
            (Some(Subject::Resource(_)), Era::Legacy) if face.hides => codes::RESOURCE_NOT_FOUND,
            _ => face.code,
        }
    }

    fn public_text(&self, face: &Face) -> String {
        let mut text = match &self.told.subject {
            Some(Subject::Tool(name)) if face.hides => format!("Unknown tool: {}", shorten(name)),
            Some(Subject::Prompt(name)) if face.hides => {
                format!("Unknown prompt: {}", shorten(name))
            }
            Some(Subject::Resource(uri)) if face.hides => {
                format!("Resource not found: {}", shorten(uri))
            }
            Some(Subject::Task) if face.hides => "Unknown task".to_owned(),
            _ => face.text.to_owned(),
        };
        if let Some(detail) = &self.told.detail
            && !face.hides
        {
            text.push_str(": ");
            text.push_str(detail);
        }
        text
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        let reason = match &error {
            WireError::Batch | WireError::EmptyBatch => Reason::BatchNotSupported,
            WireError::Json(JsonError::TooLarge { .. }) => Reason::MessageTooLarge,
            WireError::Json(_) => Reason::MalformedJson,
            _ => match error.code() {
                codes::INVALID_PARAMS => Reason::InvalidParams,
                codes::METHOD_NOT_FOUND => Reason::MethodUnknown,
                _ => Reason::InvalidRequest,
            },
        };
        let mut refusal = Self::new(reason).detail(error.to_string());
        refusal.told.id = error.id().map(str::to_owned);
        refusal
    }
}

/// A name the client sent is echoed, but never at a length that could flood a log.
fn shorten(name: &str) -> String {
    const LIMIT: usize = 128;
    if name.chars().count() <= LIMIT {
        return name.to_owned();
    }
    name.chars()
        .take(LIMIT)
        .chain(std::iter::once('…'))
        .collect()
}

#[cfg(test)]
mod tests;
