//! The table of reasons: one total match from a cause to its face.

use portcullis_mcp::codes;

/// Who is at fault, as seen from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The host or its user.
    Downstream,
    /// The gateway itself.
    Internal,
    /// A policy, a pin or a profile.
    Policy,
    /// A content rule.
    Shield,
    /// The MCP server.
    Upstream,
}

impl Origin {
    /// The name in the reference page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Internal => "internal",
            Self::Policy => "policy",
            Self::Shield => "shield",
            Self::Upstream => "upstream",
        }
    }
}

/// What a reason looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Face {
    /// The reason's stable id, as the audit trail records it.
    pub id: &'static str,
    /// The id a client sees. Differs from `id` where a hidden thing must look like a missing one.
    pub public_id: &'static str,
    /// HTTP status.
    pub status: u16,
    /// JSON-RPC error code. Our own codes lie outside -32768 to -32000 (MCP 2026-07-28, errors).
    pub code: i64,
    /// The sentence a client sees.
    pub text: &'static str,
    /// Who is at fault.
    pub origin: Origin,
    /// Whether the same message may succeed later and can be sent again without harm: it is certain
    /// that it had no effect.
    pub retryable: bool,
    /// True when the answer must look like that for a thing which does not exist.
    pub hides: bool,
    /// What an operator should know or do.
    pub help: &'static str,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident => $id:literal, $public:literal, $status:literal, $code:expr, $origin:ident, $retryable:literal, $hides:literal, $text:literal, $help:literal;)+) => {
        /// Why a message was refused. Ids are stable and never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)+ }

        impl Reason {
            /// Every reason, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What this reason looks like from outside.
            pub fn face(self) -> Face {
                match self {
                    $(Self::$variant => Face {
                        id: $id, public_id: $public, status: $status, code: $code,
                        origin: Origin::$origin, retryable: $retryable, hides: $hides,
                        text: $text, help: $help,
                    },)+
                }
            }
        }
    };
}

reasons! {
    /// The `Host` header names a host this gateway does not serve.
    HostNotAllowed => "host-not-allowed", "host-not-allowed", 403, codes::INVALID_REQUEST, Downstream, false, false,
        "this Host is not served here", "add the name to listen.allowed-hosts, or call the gateway by a name it knows";
    /// The `Origin` header names a web page that may not call.
    OriginNotAllowed => "origin-not-allowed", "origin-not-allowed", 403, codes::INVALID_REQUEST, Downstream, false, false,
        "this Origin may not call the gateway", "add the origin to listen.allowed-origins if the page is yours";
    /// No credential, where one is needed.
    CredentialMissing => "credential-missing", "credential-missing", 401, -31001, Downstream, false, false,
        "a credential is required", "send `Authorization: Bearer KEY`; `portcullis key new` makes one";
    /// A credential that is not valid.
    CredentialInvalid => "credential-invalid", "credential-invalid", 401, -31001, Downstream, false, false,
        "the credential is not valid", "an API key is unknown or was removed from the configuration; of a token, a proof or a certificate, the audit entry has the rule that it breaks: see Credentials of callers";
    /// The issuer of a token, or the directory with its groups, cannot be asked.
    IssuerUnavailable => "issuer-unavailable", "issuer-unavailable", 503, -31005, Downstream, true, false,
        "the credential cannot be checked now", "the log names what could not be reached; `portcullis check --connect` tries every issuer";
    /// The caller, its application or its token was revoked.
    CredentialRevoked => "credential-revoked", "credential-invalid", 401, -31001, Policy, false, false,
        "the credential is not valid", "it was revoked; `portcullis vault list --revocations` says by whom and why, and a new sign-in is believed again";
    /// No profile has this path.
    ProfileUnknown => "profile-unknown", "profile-unknown", 404, -31002, Downstream, false, false,
        "no such endpoint", "`portcullis check` lists the profiles and their paths";
    /// The principal may not use this profile. Looks like a missing one.
    ProfileDenied => "profile-denied", "profile-unknown", 404, -31002, Policy, false, false,
        "no such endpoint", "no policy permits `connect` on this profile for this principal";
    /// A policy wants a stronger or a newer sign-in than the caller's.
    StepUpRequired => "step-up-required", "step-up-required", 401, -31003, Policy, false, false,
        "a stronger sign-in is required", "a policy with @step_up forbids it until the caller signs in again as the challenge says";
    /// A policy wants a stronger sign-in, and this caller cannot be asked for one.
    StepUpImpossible => "step-up-impossible", "step-up-impossible", 403, -31006, Policy, false, false,
        "a stronger sign-in is required, which this client or caller cannot give", "applications without a user, API keys, and clients that did not declare `cp1` (Entra) are never asked to sign in again";
    /// The token does not have a scope that the profile asks for.
    ScopeInsufficient => "scope-insufficient", "scope-insufficient", 403, -31004, Downstream, false, false,
        "the token does not have the scope that is needed", "the challenge names every scope; `scopes` of the profile says which it wants";
    /// An HTTP verb the endpoint does not have.
    VerbNotAllowed => "verb-not-allowed", "verb-not-allowed", 405, codes::INVALID_REQUEST, Downstream, false, false,
        "this HTTP method is not offered here", "messages are sent by POST; GET opens the stream of a legacy session, DELETE ends one";
    /// The `Content-Type` is not JSON.
    ContentTypeWrong => "content-type-wrong", "content-type-wrong", 415, codes::INVALID_REQUEST, Downstream, false, false,
        "the body must be application/json", "set `Content-Type: application/json`";
    /// The client accepts neither JSON nor an event stream.
    NotAcceptable => "not-acceptable", "not-acceptable", 406, codes::INVALID_REQUEST, Downstream, false, false,
        "the client must accept application/json and text/event-stream", "set `Accept: application/json, text/event-stream`";
    /// The message is larger than `limits.max-message`.
    MessageTooLarge => "message-too-large", "message-too-large", 413, codes::INVALID_REQUEST, Downstream, false, false,
        "the message is too large", "raise limits.max-message if the size is legitimate";
    /// Not strict JSON: syntax, UTF-8, duplicate keys, depth.
    MalformedJson => "malformed-json", "malformed-json", 400, codes::PARSE_ERROR, Downstream, false, false,
        "the message is not acceptable JSON", "duplicate keys, invalid UTF-8 and deep nesting are refused on purpose";
    /// JSON, but not a JSON-RPC 2.0 message.
    InvalidRequest => "invalid-request", "invalid-request", 400, codes::INVALID_REQUEST, Downstream, false, false,
        "not a valid MCP message", "the detail names the member";
    /// A batch, which this version does not take.
    BatchNotSupported => "batch-not-supported", "batch-not-supported", 400, codes::INVALID_REQUEST, Downstream, false, false,
        "batches are not accepted", "send one message per request; batches were removed from MCP in 2025-06-18";
    /// A known method with parameters that do not fit it.
    InvalidParams => "invalid-params", "invalid-params", 400, codes::INVALID_PARAMS, Downstream, false, false,
        "the parameters do not fit the method", "a known method is never passed on with parameters that were not understood";
    /// A header and the body disagree, or a required header is missing.
    HeaderMismatch => "header-mismatch", "header-mismatch", 400, codes::HEADER_MISMATCH, Downstream, false, false,
        "headers and body disagree", "MCP 2026-07-28 wants MCP-Protocol-Version, Mcp-Method and Mcp-Name to equal the body";
    /// A protocol revision that is not served.
    VersionUnsupported => "version-unsupported", "version-unsupported", 400, codes::UNSUPPORTED_VERSION, Downstream, false, false,
        "this protocol version is not served", "the error's data lists the supported versions";
    /// A method that is unknown, or not offered.
    MethodUnknown => "method-unknown", "method-unknown", 404, codes::METHOD_NOT_FOUND, Downstream, false, false,
        "method not found", "unknown methods and extensions are refused by default";
    /// A method of an extension that the client did not declare.
    CapabilityMissing => "capability-missing", "capability-missing", 400, codes::MISSING_CAPABILITY, Downstream, false, false,
        "the client did not declare what this method needs", "the error's data names the capability; a client declares it in `_meta` of every request";
    /// A legacy message without the session it needs.
    SessionMissing => "session-missing", "session-missing", 400, codes::INVALID_REQUEST, Downstream, false, false,
        "a session is required: send initialize first", "legacy clients carry Mcp-Session-Id on every request after initialize";
    /// A session that is unknown, ended, too old, or not the caller's.
    SessionUnknown => "session-unknown", "session-unknown", 404, codes::INVALID_REQUEST, Downstream, true, false,
        "no such session: send initialize again", "the session ended, was sealed by another key, or belongs to another principal";
    /// A `requestState` that this gateway did not make for this call of this principal.
    RequestStateInvalid => "request-state-invalid", "request-state-invalid", 400, codes::INVALID_PARAMS, Downstream, false, false,
        "the request state is not valid for this call", "it was changed, is too old, belongs to another call or principal, or its call no longer waits here: make the call again without it";
    /// Too many calls of one principal wait for answers.
    TooManyWaiting => "too-many-waiting-calls", "too-many-waiting-calls", 429, -31003, Downstream, false, false,
        "too many calls wait for answers", "answer or give up some of them; limits.max-waiting-calls is the bound";
    /// The host did not answer what the server asked.
    QuestionUnanswered => "question-unanswered", "question-unanswered", 200, -31004, Downstream, false, false,
        "the host did not answer what the MCP server asked", "limits.input-timeout says how long a call waits";
    /// More open streams than one principal, or this process, may have; or too many subscriptions.
    TooManyStreams => "too-many-streams", "too-many-streams", 429, -31005, Downstream, true, false,
        "too many open streams or subscriptions", "close some of them; limits.max-streams is the bound for one principal";
    /// No server of the profile offers the thing.
    TargetUnknown => "target-unknown", "target-unknown", 200, codes::INVALID_PARAMS, Downstream, false, true,
        "no such thing here", "`portcullis tools list` shows what is known and why it is held";
    /// The definition is not approved, or changed after approval. Looks like a missing thing.
    DefinitionHeld => "definition-held", "target-unknown", 200, codes::INVALID_PARAMS, Policy, false, true,
        "no such thing here", "review it with `portcullis tools diff` and `portcullis tools approve`";
    /// No policy permits the call, or one forbids it. Looks like a missing thing.
    PolicyDenied => "policy-denied", "target-unknown", 200, codes::INVALID_PARAMS, Policy, false, true,
        "no such thing here", "the audit entry names the policies; default is deny";
    /// A policy could not be evaluated. Looks like a missing thing.
    PolicyError => "policy-error", "target-unknown", 200, codes::INVALID_PARAMS, Policy, false, true,
        "no such thing here", "a policy that errors refuses the call; `portcullis check` shows how to mend it";
    /// The arguments hold content that the shield blocks.
    ArgumentsBlocked => "arguments-blocked", "arguments-blocked", 200, -31010, Shield, false, false,
        "the arguments were blocked by a content rule", "the audit entry lists the findings";
    /// The server's answer holds content that the shield blocks.
    ResultBlocked => "result-blocked", "result-blocked", 200, -31011, Shield, false, false,
        "the server's answer was blocked by a content rule", "the audit entry lists the findings";
    /// The server asks for something that the client does not offer, or that the profile does not carry.
    QuestionNotOffered => "question-not-offered", "question-not-offered", 200, -31012, Policy, false, false,
        "the MCP server asks for something that is not offered to it", "the profile's sampling, roots and elicitation say what servers may ask; the client must offer it too";
    /// The server's question holds content that the shield blocks.
    QuestionBlocked => "question-blocked", "question-blocked", 200, -31013, Shield, false, false,
        "the MCP server's question was blocked by a content rule", "the audit entry lists the findings";
    /// The server asks the user for a secret in a form.
    QuestionAsksForSecret => "question-asks-for-secret", "question-asks-for-secret", 200, -31014, Shield, false, false,
        "the MCP server asks the user for a secret", "forms must not ask for passwords, keys or codes; the server must send the user to a page of its own (URL mode)";
    /// The server sends the user to a page that is not safe to open.
    QuestionUrl => "question-url-unsafe", "question-url-unsafe", 200, -31015, Shield, false, false,
        "the MCP server sends the user to an address that is not safe", "only https, or http on this machine, without user information and without punycode";
    /// The server cannot be reached or started.
    UpstreamUnavailable => "upstream-unavailable", "upstream-unavailable", 200, -31020, Upstream, true, false,
        "the MCP server is not available", "`portcullis check --connect` tries every server and says what failed";
    /// The server was revoked.
    ServerRevoked => "server-revoked", "upstream-unavailable", 200, -31020, Policy, false, false,
        "the MCP server is not available", "the server was revoked; `portcullis vault list --revocations` says by whom and why";
    /// The server ended while it worked on the call.
    UpstreamDied => "upstream-died", "upstream-died", 200, -31021, Upstream, false, false,
        "the MCP server ended during the call; it will be started again", "whether the call took effect is unknown: check before repeating it";
    /// The server did not answer in time.
    UpstreamTimeout => "upstream-timeout", "upstream-timeout", 200, -31022, Upstream, false, false,
        "the MCP server did not answer in time", "whether the call took effect is unknown; raise request-timeout for the server if the work is long";
    /// The server broke the protocol.
    UpstreamProtocol => "upstream-protocol", "upstream-protocol", 200, -31023, Upstream, false, false,
        "the MCP server gave an answer that is not valid MCP", "the log names the rule that was broken";
    /// The server's answer is larger than `limits.max-message`.
    UpstreamTooLarge => "upstream-too-large", "upstream-too-large", 200, -31024, Upstream, false, false,
        "the MCP server's answer is too large", "raise limits.max-message if the size is legitimate";
    /// The server asks for input in a way that the caller's protocol revision cannot carry.
    NotBridged => "not-bridged", "not-bridged", 200, -31025, Upstream, false, false,
        "the MCP server asks for something that this client's protocol version cannot carry", "docs/protocol.md lists what is bridged";
    /// The server is not the one that was registered: another key, another program, another origin.
    ServerIdentityChanged => "server-identity-changed", "upstream-unavailable", 200, -31020, Upstream, false, false,
        "the MCP server is not available", "its key, authority, program or origin is another one than before: look at `portcullis tools list`, then `portcullis tools approve SERVER` lets it in again";
    /// The user has no account connected at the server.
    SignInNeeded => "sign-in-needed", "sign-in-needed", 200, -31040, Downstream, false, false,
        "the user has to connect an account at the MCP server first", "the host is sent to a page where the user signs in; `portcullis vault connect` does the same from a terminal";
    /// The account that is connected at the server may do less than the call needs.
    MoreScopesNeeded => "more-scopes-needed", "more-scopes-needed", 200, -31041, Downstream, false, false,
        "the user has to allow more at the MCP server", "the host is sent to a page where the user allows them; where `auth.scopes` of the server is configured, no more than that is asked for";
    /// The issuer gives a token for the server only after a stronger sign-in.
    ClaimsRequired => "claims-required", "claims-required", 401, -31003, Downstream, false, false,
        "the user has to sign in again, as the challenge says", "the identity provider's own rules demand it for this server (Entra: conditional access)";
    /// There will be no credential for the server until somebody changes something.
    ServerCredentialRefused => "server-credential-refused", "server-credential-refused", 200, -31042, Upstream, false, false,
        "the gateway gets no credential for the MCP server", "the audit entry has the cause; `portcullis check --connect` tries the registration of the gateway";
    /// There is no credential for the server now.
    ServerCredentialUnavailable => "server-credential-unavailable", "server-credential-unavailable", 200, -31043, Upstream, true, false,
        "the gateway gets no credential for the MCP server now", "the log says whether the identity provider, the vault or the store cannot be reached";
    /// The audit trail cannot be written. Nothing happens without a record.
    AuditUnavailable => "audit-unavailable", "audit-unavailable", 503, -31030, Internal, true, false,
        "the call cannot be recorded, so it is not made", "look at the disk and the permissions of the store";
    /// An internal fault. Fails closed.
    Internal => "internal", "internal", 500, codes::INTERNAL_ERROR, Internal, true, false,
        "internal error", "look up the entry id in the log";
}
