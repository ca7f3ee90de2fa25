//! From what a host asked for to the one approved definition behind it.
//!
//! `Permitted<Admitted> → Call`. A name that nobody offers, that the profile does not select, or whose
//! definition is not in force ends here; all three look alike from outside.

use std::sync::Arc;

use portcullis_mcp::json::Span;
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, Reference, view};
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

/// A message with the approved definition it is for and the connection it will take.
#[derive(Debug)]
pub(crate) struct Call {
    admitted: Admitted,
    /// Held while the call lasts, so that its connection does not count as unused.
    _lease: Arc<Lease>,
    connection: Arc<Connection>,
    definition: Arc<Definition>,
    target: Target,
}

/// What a call is aimed at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) method: Method,
    pub(crate) action: Action,
    /// As the host wrote it.
    pub(crate) subject: Subject,
    /// As the server knows it: tool name, prompt name or URI.
    pub(crate) name: String,
    /// Where the name stands in the params.
    pub(crate) name_span: Span,
    /// The arguments in the params, if the method has any.
    pub(crate) arguments: Option<Span>,
}

impl Call {
    pub(crate) fn admitted(&self) -> &Admitted {
        &self.admitted
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

    /// Whether the call may change the world. Only reading methods are known not to.
    pub(crate) fn may_change(&self) -> bool {
        self.target.method == Method::ToolsCall
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
}

impl Aim {
    /// The name the host used.
    pub(crate) fn name(&self) -> &str {
        &self.target.name
    }
}

/// Reads a call's aim from its params.
pub(crate) fn aim(admitted: &Admitted) -> Result<Aim, Refusal> {
    let unknown = || Refusal::new(Reason::MethodUnknown);
    let method = admitted.message().method().ok_or_else(unknown)?;
    let (target, kind) = match view(method, admitted.message().params())? {
        Params::CallTool(call) => (
            Target {
                method,
                action: Action::ToolsCall,
                subject: Subject::Tool(call.name.clone().into_owned()),
                name: call.name.into_owned(),
                name_span: call.name_span,
                arguments: call.arguments.map(|(_, span)| span),
            },
            Kind::Tool,
        ),
        Params::GetPrompt(prompt) => (
            Target {
                method,
                action: Action::PromptsGet,
                subject: Subject::Prompt(prompt.name.clone().into_owned()),
                name: prompt.name.into_owned(),
                name_span: prompt.name_span,
                arguments: prompt.arguments.map(|(_, span)| span),
            },
            Kind::Prompt,
        ),
        Params::ReadResource(resource) => (
            Target {
                method,
                action: Action::ResourcesRead,
                subject: Subject::Resource(resource.uri.clone().into_owned()),
                name: resource.uri.into_owned(),
                name_span: resource.uri_span,
                arguments: None,
            },
            Kind::Resource,
        ),
        Params::Complete(complete) => match complete.reference {
            Reference::Prompt { name, name_span } => (
                Target {
                    method,
                    action: Action::CompletionComplete,
                    subject: Subject::Prompt(name.clone().into_owned()),
                    name: name.into_owned(),
                    name_span,
                    arguments: None,
                },
                Kind::Prompt,
            ),
            Reference::Resource { uri, uri_span } => (
                Target {
                    method,
                    action: Action::CompletionComplete,
                    subject: Subject::Resource(uri.clone().into_owned()),
                    name: uri.into_owned(),
                    name_span: uri_span,
                    arguments: None,
                },
                Kind::Template,
            ),
        },
        _ => return Err(unknown()),
    };
    Ok(Aim { target, kind })
}

/// Finds the definition, its server and a live connection to it.
pub(crate) async fn resolve(
    connected: Permitted<Admitted>,
    aim: Aim,
    leases: &Leases<'_>,
    authz: &Authz,
) -> Result<Call, Refusal> {
    let Aim { mut target, kind } = aim;
    let admitted = connected.into_what();
    let profile = Arc::clone(admitted.routed().profile());
    let owners: Vec<(&Member, String)> = match kind {
        Kind::Tool | Kind::Prompt => profile
            .owners(&target.name)
            .map(|(member, name)| (member, name.to_owned()))
            .collect(),
        _ => profile
            .members
            .iter()
            .map(|member| (member, target.name.clone()))
            .collect(),
    };
    let mut refusal = Refusal::of(Reason::TargetUnknown, target.subject.clone());
    for (member, name) in owners {
        match locate(&profile, member, kind, &name, leases).await {
            Ok(Some(found)) => {
                target.name = name;
                let Found {
                    lease,
                    connection,
                    definition,
                } = found;
                return Ok(Call {
                    admitted,
                    _lease: lease,
                    connection,
                    definition,
                    target,
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

struct Found {
    lease: Arc<Lease>,
    connection: Arc<Connection>,
    definition: Arc<Definition>,
}

async fn locate(
    profile: &Profile,
    member: &Member,
    kind: Kind,
    name: &str,
    leases: &Leases<'_>,
) -> Result<Option<Found>, Refusal> {
    let lease = leases.lease(&member.server)?;
    let connection = lease.connection().await?;
    let source = leases.source(&lease, &connection);
    let Some(definition) = find(member, kind, name, &lease, &source).await? else {
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
