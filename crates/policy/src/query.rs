//! What is asked: may this principal do this to that, in this context?

use std::fmt;

/// One question to the policies.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Who calls.
    pub principal: Principal<'a>,
    /// What is to be done.
    pub action: Action,
    /// What it is to be done to.
    pub resource: Target<'a>,
    /// The circumstances of the call.
    pub context: Context<'a>,
}

/// Who calls, as authentication established it.
#[derive(Clone, Copy, Debug)]
pub struct Principal<'a> {
    /// The Cedar entity type of the principal.
    pub kind: PrincipalKind,
    /// The principal's id, any text.
    pub id: &'a str,
    /// Groups it belongs to; each becomes a parent `Group`.
    pub groups: &'a [String],
    /// Roles it holds; each becomes a parent `Role`.
    pub roles: &'a [String],
    /// How it proved itself: `api-key`, `token`, `certificate`, `loopback` or `stdio`.
    pub authentication: &'a str,
    /// The configured name of the issuer of its token.
    pub issuer: Option<&'a str>,
    /// The issuer's id of the organisation that it belongs to.
    pub tenant: Option<&'a str>,
}

/// What sort of principal calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// An agent that acts with an identity of its own.
    Agent,
    /// A service or a job.
    Workload,
}

impl PrincipalKind {
    /// Every kind.
    pub const ALL: &[PrincipalKind] = &[Self::User, Self::Agent, Self::Workload];

    /// The name of the Cedar entity type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Agent => "Agent",
            Self::Workload => "Workload",
        }
    }
}

/// What is to be done, named by the MCP verb where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Open a profile and ask for its lists.
    Connect,
    /// `tools/call`.
    ToolsCall,
    /// `resources/read`.
    ResourcesRead,
    /// `resources/subscribe`.
    ResourcesSubscribe,
    /// `prompts/get`.
    PromptsGet,
    /// `completion/complete`.
    CompletionComplete,
    /// `logging/setLevel`.
    SetLevel,
}

impl Action {
    /// Every action, in the order of the schema's page.
    pub const ALL: &[Action] = &[
        Self::Connect,
        Self::ToolsCall,
        Self::ResourcesRead,
        Self::ResourcesSubscribe,
        Self::PromptsGet,
        Self::CompletionComplete,
        Self::SetLevel,
    ];

    /// The id of the Cedar action.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ToolsCall => "tools/call",
            Self::ResourcesRead => "resources/read",
            Self::ResourcesSubscribe => "resources/subscribe",
            Self::PromptsGet => "prompts/get",
            Self::CompletionComplete => "completion/complete",
            Self::SetLevel => "logging/setLevel",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is acted on. Server names have no `/`; a query whose server name has
/// one is denied, because `server/name` would no longer name one thing.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A profile, by name.
    Profile(&'a str),
    /// A tool of a server, by the name the server gave it.
    Tool {
        /// The configured name of the server.
        server: &'a str,
        /// The tool's own name.
        name: &'a str,
    },
    /// A resource of a server, or a resource template by its URI template.
    Resource {
        /// The configured name of the server.
        server: &'a str,
        /// The URI as the server knows it.
        uri: &'a str,
    },
    /// A prompt of a server, by the name the server gave it.
    Prompt {
        /// The configured name of the server.
        server: &'a str,
        /// The prompt's own name.
        name: &'a str,
    },
}

/// The circumstances of a call.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The profile through which the call came.
    pub profile: &'a str,
    /// `legacy` or `modern`.
    pub era: &'a str,
    /// `http` or `stdio`.
    pub transport: &'a str,
    /// What the caller's token says.
    pub sign_in: SignIn<'a>,
}

/// How and for whom a token was given. Without a token all of it is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct SignIn<'a> {
    /// The application that the token was given to.
    pub client: Option<&'a str>,
    /// The agent or service that acts for the principal (RFC 8693 `act`, the outermost).
    pub actor: Option<&'a str>,
    /// What the token is good for.
    pub scopes: &'a [String],
    /// The authentication contexts that were satisfied, by their configured names.
    pub contexts: &'a [String],
    /// The class of the sign-in (OpenID Connect `acr`).
    pub acr: Option<&'a str>,
    /// Whole minutes since the user signed in, rounded up.
    pub minutes: Option<u32>,
    /// Whether the caller proved to hold the key that the token is bound to.
    pub bound: bool,
}
