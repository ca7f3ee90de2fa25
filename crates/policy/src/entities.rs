//! From a query to Cedar's request and the few entities it is judged with.

use std::collections::HashSet;

use cedar_policy::{
    Context as CedarContext, Entities, Entity, EntityId, EntityTypeName, EntityUid, ParseErrors,
    Request, RestrictedExpression,
};

use crate::query::{Action, Context, Principal, PrincipalKind, Query, SignIn, Target};

/// The type names of the schema and the ids of its actions, parsed once.
///
/// Entity ids are never put into Cedar text: they are joined to a type name as
/// values, so nothing in them can be read as syntax.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    user: EntityTypeName,
    agent: EntityTypeName,
    workload: EntityTypeName,
    group: EntityTypeName,
    role: EntityTypeName,
    profile: EntityTypeName,
    server: EntityTypeName,
    tool: EntityTypeName,
    resource: EntityTypeName,
    prompt: EntityTypeName,
    action: EntityTypeName,
}

/// A query in Cedar's terms.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
    /// The ids of the principal and its parents.
    pub(crate) principals: Vec<EntityUid>,
    /// The ids of the target and its server.
    pub(crate) resources: Vec<EntityUid>,
}

/// The query does not fit the schema.
///
/// Cedar's own account of it would hold the query's ids, and a denial names
/// policies only, so nothing more is kept.
#[derive(Debug)]
pub(crate) struct Unfit;

impl Vocabulary {
    /// # Errors
    /// None in practice: the names are constants.
    pub(crate) fn parse() -> Result<Self, Box<ParseErrors>> {
        Ok(Self {
            user: type_name(PrincipalKind::User.as_str())?,
            agent: type_name(PrincipalKind::Agent.as_str())?,
            workload: type_name(PrincipalKind::Workload.as_str())?,
            group: type_name("Group")?,
            role: type_name("Role")?,
            profile: type_name("Profile")?,
            server: type_name("Server")?,
            tool: type_name("Tool")?,
            resource: type_name("Resource")?,
            prompt: type_name("Prompt")?,
            action: type_name("Action")?,
        })
    }

    /// Builds the request and its entity slice: the principal with its
    /// parents, and the target with its server.
    ///
    /// Neither is validated against the schema on every call, which is a sixth
    /// of a decision's instructions. What the schema could object to is either a
    /// matter of types here (three kinds of principal, each fit for every
    /// action; the attributes and the context, always the same strings) or is
    /// asked of [`applies`]. Tests hold all of it against the schema.
    ///
    /// # Errors
    /// When the action does not apply to the target, or the target's server
    /// name is empty or has a `/`.
    pub(crate) fn question(&self, query: &Query<'_>) -> Result<Question, Unfit> {
        if !applies(query.action, &query.resource) {
            return Err(Unfit);
        }
        let (principal, principals) = self.principal(&query.principal)?;
        let (target, resources) = self.target(&query.resource)?;
        let request = Request::new(
            principal.uid(),
            self.action(query.action),
            target.uid(),
            context(&query.context)?,
            None,
        )
        .map_err(|_| Unfit)?;
        let entities = Entities::from_entities([principal, target], None).map_err(|_| Unfit)?;
        Ok(Question {
            request,
            entities,
            principals,
            resources,
        })
    }

    /// The Cedar id of an action.
    pub(crate) fn action(&self, action: Action) -> EntityUid {
        uid(&self.action, action.as_str())
    }

    /// The principal, and the ids of it and of its parents, each once.
    fn principal(&self, principal: &Principal<'_>) -> Result<(Entity, Vec<EntityUid>), Unfit> {
        let kind = match principal.kind {
            PrincipalKind::User => &self.user,
            PrincipalKind::Agent => &self.agent,
            PrincipalKind::Workload => &self.workload,
        };
        let groups = principal.groups.iter().map(|id| uid(&self.group, id));
        let roles = principal.roles.iter().map(|id| uid(&self.role, id));
        let attributes = [
            Some(("name", principal.id)),
            Some(("authentication", principal.authentication)),
            principal.issuer.map(|issuer| ("issuer", issuer)),
            principal.tenant.map(|tenant| ("tenant", tenant)),
        ];
        entity(
            uid(kind, principal.id),
            attributes.into_iter().flatten(),
            groups.chain(roles).collect(),
        )
    }

    /// The target, and the ids of it and of its server.
    fn target(&self, target: &Target<'_>) -> Result<(Entity, Vec<EntityUid>), Unfit> {
        match *target {
            Target::Profile(name) => {
                entity(uid(&self.profile, name), [("name", name)], HashSet::new())
            }
            Target::Tool { server, name } => self.offered(&self.tool, server, ("name", name)),
            Target::Resource { server, uri } => self.offered(&self.resource, server, ("uri", uri)),
            Target::Prompt { server, name } => self.offered(&self.prompt, server, ("name", name)),
        }
    }

    fn offered(
        &self,
        kind: &EntityTypeName,
        server: &str,
        (attribute, own): (&str, &str),
    ) -> Result<(Entity, Vec<EntityUid>), Unfit> {
        if server.is_empty() || server.contains('/') {
            return Err(Unfit);
        }
        entity(
            uid(kind, &format!("{server}/{own}")),
            [(attribute, own), ("server", server)],
            HashSet::from([uid(&self.server, server)]),
        )
    }
}

/// What the schema says under `appliesTo`.
fn applies(action: Action, target: &Target<'_>) -> bool {
    match action {
        Action::Connect | Action::SetLevel => matches!(target, Target::Profile(_)),
        Action::ToolsCall => matches!(target, Target::Tool { .. }),
        Action::ResourcesRead | Action::ResourcesSubscribe => {
            matches!(target, Target::Resource { .. })
        }
        Action::PromptsGet => matches!(target, Target::Prompt { .. }),
        Action::CompletionComplete => {
            matches!(target, Target::Prompt { .. } | Target::Resource { .. })
        }
    }
}

fn type_name(name: &str) -> Result<EntityTypeName, Box<ParseErrors>> {
    name.parse().map_err(Box::new)
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn entity<'a>(
    uid: EntityUid,
    attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    parents: HashSet<EntityUid>,
) -> Result<(Entity, Vec<EntityUid>), Unfit> {
    let own = uid.clone();
    let ids = std::iter::once(own)
        .chain(parents.iter().cloned())
        .collect();
    let attributes = attributes.into_iter().map(text);
    let entity = Entity::new_with_tags(uid, attributes, parents, []).map_err(|_| Unfit)?;
    Ok((entity, ids))
}

fn context(context: &Context<'_>) -> Result<CedarContext, Unfit> {
    let SignIn {
        client,
        actor,
        scopes,
        contexts,
        acr,
        minutes,
        bound,
    } = context.sign_in;
    let texts = [
        Some(("profile", context.profile)),
        Some(("era", context.era)),
        Some(("transport", context.transport)),
        client.map(|client| ("client", client)),
        actor.map(|actor| ("actor", actor)),
        acr.map(|acr| ("acr", acr)),
    ];
    let minutes = minutes.map(|minutes| RestrictedExpression::new_long(minutes.into()));
    let others = [
        Some(("scopes", set(scopes))),
        Some(("contexts", set(contexts))),
        minutes.map(|minutes| ("minutesSinceSignIn", minutes)),
        Some(("bound", RestrictedExpression::new_bool(bound))),
    ];
    let others = others
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.to_owned(), value));
    let pairs = texts.into_iter().flatten().map(text).chain(others);
    CedarContext::from_pairs(pairs).map_err(|_| Unfit)
}

fn set(texts: &[String]) -> RestrictedExpression {
    RestrictedExpression::new_set(
        texts
            .iter()
            .map(|text| RestrictedExpression::new_string(text.clone())),
    )
}

fn text((name, value): (&str, &str)) -> (String, RestrictedExpression) {
    let value = RestrictedExpression::new_string(value.to_owned());
    (name.to_owned(), value)
}
