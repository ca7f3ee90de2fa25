//! From what a host asked for to the one approved definition behind it.
//!
//! `Permitted<Admitted> → Call`. A name that nobody offers, that the profile does not select, or whose
//! definition is not in force ends here; all three look alike from outside.

use std::borrow::Cow;
use std::sync::Arc;

use portcullis_mcp::json::Span;
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, Raw, Reference, Retry, view};
use portcullis_mcp::result::ListKind;
use portcullis_policy::{Action, Target as PolicyTarget};
use portcullis_upstream::Connection;

use super::catalogue::{Freshness, Source};
use super::{Definition, Kind, Standing, template};
use crate::authz::{Authz, Permitted};
use crate::profile::{Member, Profile};
use crate::protocol::Admitted;
use crate::refusal::{Reason, Refusal, Subject};
use crate::servers::{Lease, Leases};
use crate::tickets::{Continuation, Tickets};

/// A message with the approved definition it is for and the connection it will take.
#[derive(Debug)]
pub(crate) struct Call {
    admitted: Admitted,
    /// Held while the call lasts, so that its connection does not count as unused.
    lease: Arc<Lease>,
    connection: Arc<Connection>,
    definition: Arc<Definition>,
    target: Target,
    round: Round,
}

/// Which round of a call this is (2026-07-28, multi round trip).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Round {
    /// The call is made. It may bring answers along, but no state.
    First,
    /// It is made again, as the state that came back says.
    Next(Continuation),
}

/// What a call is aimed at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) method: Method,
    pub(crate) action: Action,
    /// As the host wrote it.
    pub(crate) subject: Subject,
    /// As the server knows it: tool name, prompt name, URI or task id.
    pub(crate) name: String,
    /// Where the name stands in the params.
    pub(crate) name_span: Span,
    /// The arguments in the params, if the method has any.
    pub(crate) arguments: Option<Span>,
    /// The state that a host brings back, as it wrote it.
    pub(crate) state: Option<String>,
    /// Whether the params have a state or answers.
    pub(crate) again: bool,
    /// Whether the params ask for a task of 2025-11-25, which is not carried: no server is said to have
    /// them, so that the request is served as if it did not ask.
    pub(crate) augmented: bool,
}

impl Target {
    fn new(
        (method, action): (Method, Action),
        subject: Subject,
        (name, name_span): (Cow<'_, str>, Span),
    ) -> Self {
        Self {
            method,
            action,
            subject,
            name: name.into_owned(),
            name_span,
            arguments: None,
            state: None,
            again: false,
            augmented: false,
        }
    }

    /// With the arguments and the state of a call that can have several rounds.
    fn with(self, arguments: Option<Raw<'_>>, retry: Retry<'_>) -> Self {
        Self {
            arguments: arguments.map(|(_, span)| span),
            again: retry.request_state.is_some() || retry.input_responses.is_some(),
            state: retry.request_state.map(|(state, _)| state.into_owned()),
            ..self
        }
    }
}

impl Call {
    pub(crate) fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    pub(crate) fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The task id that the host named, as it wrote it: a raw string.
    pub(crate) fn task_id_as_sent(&self) -> Option<String> {
        let params = self.admitted.message().params()?;
        Some(self.target.name_span.of(params).to_owned())
    }

    pub(crate) fn round(&self) -> &Round {
        &self.round
    }

    /// The call with what its state says about the rounds before.
    pub(crate) fn in_round(self, round: Round) -> Self {
        Self { round, ..self }
    }

    /// Whether the call may change the world. Only reading methods are known not to.
    pub(crate) fn may_change(&self) -> bool {
        matches!(
            self.target.method,
            Method::ToolsCall | Method::TasksUpdate | Method::TasksCancel
        )
    }

    /// What a policy is asked about: the definition, but for what came from a template the very URI.
    pub(crate) fn policy_target(&self) -> Option<PolicyTarget<'_>> {
        let definition = &self.definition;
        let name = match definition.kind {
            Kind::Template => &self.target.name,
            _ => &definition.name,
        };
        policy_target(definition.kind, &definition.server, name)
    }
}

/// What a policy is asked about, for a definition of `kind` on `server`.
pub(crate) fn policy_target<'a>(
    kind: Kind,
    server: &'a str,
    name: &'a str,
) -> Option<PolicyTarget<'a>> {
    match kind {
        Kind::Tool => Some(PolicyTarget::Tool { server, name }),
        Kind::Prompt => Some(PolicyTarget::Prompt { server, name }),
        Kind::Resource | Kind::Template => Some(PolicyTarget::Resource { server, uri: name }),
        Kind::Instructions => None,
    }
}

/// What a call is aimed at, as the host wrote it and before anybody looked for it.
pub(crate) struct Aim {
    target: Target,
    kind: Kind,
    /// The one definition that can be meant, where the host does not name it itself.
    owner: Option<(Arc<str>, String)>,
}

impl Aim {
    /// The name the host used.
    pub(crate) fn name(&self) -> &str {
        &self.target.name
    }
}

/// Reads a call's aim from its params.
pub(crate) fn aim(admitted: &Admitted, tickets: &Tickets) -> Result<Aim, Refusal> {
    let unknown = || Refusal::new(Reason::MethodUnknown);
    let method = admitted.message().method().ok_or_else(unknown)?;
    let mut owner = None;
    let (target, kind) = match view(method, admitted.message().params())? {
        Params::CallTool(call) => {
            let augmented = call.task.is_some();
            let subject = Subject::Tool(call.name.clone().into_owned());
            let asked = (method, Action::ToolsCall);
            let target = Target::new(asked, subject, (call.name, call.name_span));
            let target = target.with(call.arguments, call.retry);
            (
                Target {
                    augmented,
                    ..target
                },
                Kind::Tool,
            )
        }
        Params::GetPrompt(prompt) => {
            let subject = Subject::Prompt(prompt.name.clone().into_owned());
            let asked = (method, Action::PromptsGet);
            let target = Target::new(asked, subject, (prompt.name, prompt.name_span));
            (target.with(prompt.arguments, prompt.retry), Kind::Prompt)
        }
        Params::ReadResource(resource) => {
            let subject = Subject::Resource(resource.uri.clone().into_owned());
            let asked = (method, Action::ResourcesRead);
            let target = Target::new(asked, subject, (resource.uri, resource.uri_span));
            (target.with(None, resource.retry), Kind::Resource)
        }
        Params::Complete(complete) => {
            let asked = (method, Action::CompletionComplete);
            match complete.reference {
                Reference::Prompt { name, name_span } => {
                    let subject = Subject::Prompt(name.clone().into_owned());
                    (Target::new(asked, subject, (name, name_span)), Kind::Prompt)
                }
                Reference::Resource { uri, uri_span } => {
                    let subject = Subject::Resource(uri.clone().into_owned());
                    (Target::new(asked, subject, (uri, uri_span)), Kind::Template)
                }
            }
        }
        Params::Task(task) => {
            let known = tickets.task_of(admitted.routed(), &task.task_id)?;
            owner = Some((known.server, known.tool));
            let named = (Cow::Owned(known.id), task.task_id_span);
            // Whoever may not call the tool may not have what it does for him either.
            let asked = (method, Action::ToolsCall);
            (Target::new(asked, Subject::Task, named), Kind::Tool)
        }
        _ => return Err(unknown()),
    };
    Ok(Aim {
        target,
        kind,
        owner,
    })
}

/// Finds the definition, its server and a live connection to it.
pub(crate) async fn resolve(
    connected: Permitted<Admitted>,
    aim: Aim,
    leases: &Leases<'_>,
    authz: &Authz,
) -> Result<Call, Refusal> {
    let Aim {
        mut target,
        kind,
        owner,
    } = aim;
    let admitted = connected.into_what();
    let profile = Arc::clone(admitted.routed().profile());
    let owners: Vec<(&Member, Cow<'_, str>)> = match (&owner, kind) {
        (Some((server, name)), _) => profile
            .members
            .iter()
            .filter(|member| member.server == *server)
            .map(|member| (member, Cow::Borrowed(name.as_str())))
            .collect(),
        (None, Kind::Tool | Kind::Prompt) => profile
            .owners(&target.name)
            .map(|(member, name)| (member, Cow::Owned(name.to_owned())))
            .collect(),
        (None, _) => profile
            .members
            .iter()
            .map(|member| (member, Cow::Owned(target.name.clone())))
            .collect(),
    };
    let mut refusal = Refusal::of(Reason::TargetUnknown, target.subject.clone());
    for (member, name) in owners {
        match locate(&profile, member, kind, &name, leases).await {
            Ok(Some(found)) => {
                if owner.is_none() {
                    target.name = name.into_owned();
                }
                let Found {
                    lease,
                    connection,
                    definition,
                } = found;
                return Ok(Call {
                    admitted,
                    lease,
                    connection,
                    definition,
                    target,
                    round: Round::First,
                });
            }
            Ok(None) => {}
            // A server that is down must not tell a caller about things it may not see.
            Err(down) => {
                let asked = policy_target(kind, &member.server, &name);
                let visible = asked.is_some_and(|asked| {
                    authz.permits(admitted.routed(), admitted.protocol(), target.action, asked)
                });
                let reason = down.reason();
                if reason == Reason::DefinitionHeld || !visible {
                    let hidden = if reason == Reason::DefinitionHeld {
                        reason
                    } else {
                        Reason::PolicyDenied
                    };
                    refusal = Refusal::of(hidden, target.subject.clone());
                } else {
                    refusal = down;
                }
            }
        }
    }
    Err(refusal)
}

/// An approved definition, and where it is.
pub(crate) struct Found {
    pub(crate) lease: Arc<Lease>,
    connection: Arc<Connection>,
    pub(crate) definition: Arc<Definition>,
}

/// What a server of the profile has under its own name for it.
pub(crate) async fn locate(
    profile: &Profile,
    member: &Member,
    kind: Kind,
    name: &str,
    leases: &Leases<'_>,
) -> Result<Option<Found>, Refusal> {
    let lease = leases.lease(&member.server)?;
    let connection = lease.connection().await?;
    let source = leases.source(&lease, &connection);
    let found = find(member, kind, name, &lease, &source).await?;
    let found = found.filter(|definition| definition.reaches(profile, leases.capabilities));
    let Some(definition) = found else {
        tracing::trace!(profile = profile.name, server = %member.server, "not offered by this server");
        return Ok(None);
    };
    if definition.standing != Standing::Approved {
        return Err(Refusal::new(Reason::DefinitionHeld));
    }
    Ok(Some(Found {
        lease,
        connection,
        definition,
    }))
}

async fn find(
    member: &Member,
    kind: Kind,
    name: &str,
    lease: &Lease,
    source: &Source<'_>,
) -> Result<Option<Arc<Definition>>, Refusal> {
    let exact = match kind {
        Kind::Tool => Some(ListKind::Tools),
        Kind::Prompt => Some(ListKind::Prompts),
        Kind::Resource => Some(ListKind::Resources),
        Kind::Template | Kind::Instructions => None,
    };
    if let Some(list) = exact {
        let listing = lease
            .catalogue()
            .listing(list, Freshness::Recent, source)
            .await?;
        if let Some(definition) = listing.find(name).filter(|_| member.selects(kind, name)) {
            return Ok(Some(Arc::clone(definition)));
        }
    }
    if !matches!(kind, Kind::Resource | Kind::Template) {
        return Ok(None);
    }
    // A URI that no list names may come from a template, whose definition then covers it.
    let templates = lease
        .catalogue()
        .listing(ListKind::ResourceTemplates, Freshness::Recent, source)
        .await?;
    let covering = templates.definitions().iter().find(|definition| {
        member.selects(Kind::Template, &definition.name)
            && (definition.name == name || template::matches(&definition.name, name))
    });
    Ok(covering.map(Arc::clone))
}
