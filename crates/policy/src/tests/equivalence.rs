//! The short way to a decision against the long one: every policy, the schema on every query.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context as CedarContext, Decision as CedarDecision, Entities, Entity, EntityId,
    EntityTypeName, EntityUid, PolicySet, Request, RestrictedExpression, Schema,
};
use proptest::prelude::*;

use super::*;
use crate::SignIn;

/// What Cedar's public interface answers when nothing is left out and everything validated.
struct Plain {
    schema: Schema,
    set: PolicySet,
}

impl Plain {
    fn new(text: &str) -> Self {
        let (schema, _) = Schema::from_cedarschema_str(crate::schema()).unwrap();
        let parsed: PolicySet = text.parse().unwrap();
        let named = parsed.policies().map(|policy| {
            let name = policy.annotation("id").unwrap().parse().unwrap();
            policy.new_id(name)
        });
        let set = PolicySet::from_policies(named).unwrap();
        Self { schema, set }
    }

    fn authorize(&self, query: &Query<'_>) -> Decision {
        let Some((request, entities)) = self.request(query) else {
            return error(&[]);
        };
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        let diagnostics = response.diagnostics();
        let names = |names: Vec<String>| {
            let mut names = names;
            names.sort();
            names
        };
        let failed = names(
            diagnostics
                .errors()
                .map(|error| match error {
                    cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
                        error.policy_id().to_string()
                    }
                })
                .collect(),
        );
        let policies = names(diagnostics.reason().map(ToString::to_string).collect());
        match response.decision() {
            _ if !failed.is_empty() => Decision::Deny(Denial::Error { policies: failed }),
            CedarDecision::Allow => Decision::Permit { policies },
            CedarDecision::Deny if policies.is_empty() => Decision::Deny(Denial::NoPermit),
            CedarDecision::Deny => Decision::Deny(Denial::Forbidden { policies }),
        }
    }

    /// `None` when the schema, or the rule about server names, has something against it.
    fn request(&self, query: &Query<'_>) -> Option<(Request, Entities)> {
        let caller = query.principal;
        let groups = caller.groups.iter().map(|group| uid("Group", group));
        let roles = caller.roles.iter().map(|role| uid("Role", role));
        let mut attributes = vec![
            ("name", caller.id),
            ("authentication", caller.authentication),
        ];
        attributes.extend(caller.issuer.map(|issuer| ("issuer", issuer)));
        attributes.extend(caller.tenant.map(|tenant| ("tenant", tenant)));
        let principal = entity(
            uid(caller.kind.as_str(), caller.id),
            &attributes,
            groups.chain(roles).collect(),
        );
        let of_server = |kind: &str, attribute, server: &str, name| {
            (!server.is_empty() && !server.contains('/')).then(|| {
                entity(
                    uid(kind, &format!("{server}/{name}")),
                    &[(attribute, name), ("server", server)],
                    HashSet::from([uid("Server", server)]),
                )
            })
        };
        let target = match query.resource {
            Target::Profile(name) => {
                entity(uid("Profile", name), &[("name", name)], HashSet::new())
            }
            Target::Tool { server, name } => of_server("Tool", "name", server, name)?,
            Target::Resource { server, uri } => of_server("Resource", "uri", server, uri)?,
            Target::Prompt { server, name } => of_server("Prompt", "name", server, name)?,
        };
        let sign_in = query.context.sign_in;
        let mut pairs = vec![
            text(("profile", query.context.profile)),
            text(("era", query.context.era)),
            text(("transport", query.context.transport)),
            ("scopes".to_owned(), set(sign_in.scopes)),
            ("contexts".to_owned(), set(sign_in.contexts)),
            (
                "bound".to_owned(),
                RestrictedExpression::new_bool(sign_in.bound),
            ),
        ];
        pairs.extend(sign_in.client.map(|client| text(("client", client))));
        pairs.extend(sign_in.actor.map(|actor| text(("actor", actor))));
        pairs.extend(sign_in.acr.map(|acr| text(("acr", acr))));
        pairs.extend(sign_in.minutes.map(|minutes| {
            let minutes = RestrictedExpression::new_long(minutes.into());
            ("minutesSinceSignIn".to_owned(), minutes)
        }));
        let context = CedarContext::from_pairs(pairs);
        let request = Request::new(
            principal.uid(),
            uid("Action", query.action.as_str()),
            target.uid(),
            context.unwrap(),
            Some(&self.schema),
        );
        let entities = Entities::from_entities([principal, target], Some(&self.schema));
        Some((request.ok()?, entities.unwrap()))
    }
}

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind: EntityTypeName = kind.parse().unwrap();
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

fn entity(uid: EntityUid, attributes: &[(&str, &str)], parents: HashSet<EntityUid>) -> Entity {
    let attributes: HashMap<_, _> = attributes.iter().copied().map(text).collect();
    Entity::new(uid, attributes, parents).unwrap()
}

fn set(texts: &[String]) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.iter().cloned().map(RestrictedExpression::new_string))
}

fn text((name, value): (&str, &str)) -> (String, RestrictedExpression) {
    let value = RestrictedExpression::new_string(value.to_owned());
    (name.to_owned(), value)
}

/// The request and the entities that stand for a query are not validated on every call, so their
/// shape is here, for everything that a query can hold.
#[test]
fn every_question_conforms_to_the_schema() {
    let policies = policies("");
    let (schema, _) = Schema::from_cedarschema_str(crate::schema()).unwrap();
    let texts = ["c".to_owned(), "c".to_owned()];
    let full = SignIn {
        client: Some("editor"),
        actor: Some("agent"),
        scopes: &texts,
        contexts: &texts,
        acr: Some("mfa"),
        minutes: Some(u32::MAX),
        bound: true,
    };
    let (groups, roles) = (["a".to_owned(), "a".to_owned()], ["b".to_owned()]);
    for &kind in PrincipalKind::ALL {
        for &action in Action::ALL {
            let everything = targets(action);
            for (resource, (issuer, sign_in)) in everything.into_iter().flat_map(|target| {
                [
                    (target, (None, SignIn::default())),
                    (target, (Some("i"), full)),
                ]
            }) {
                let principal = Principal {
                    kind,
                    groups: &groups,
                    roles: &roles,
                    issuer,
                    tenant: issuer,
                    ..query().principal
                };
                let query = Query {
                    principal,
                    action,
                    resource,
                    context: Context {
                        sign_in,
                        ..query().context
                    },
                };
                let question = policies.vocabulary.question(&query).unwrap();
                let request = question.request;
                Request::new(
                    request.principal().unwrap().clone(),
                    request.action().unwrap().clone(),
                    request.resource().unwrap().clone(),
                    request.context().unwrap().clone(),
                    Some(&schema),
                )
                .unwrap();
                let entities = question.entities.iter().cloned();
                Entities::from_entities(entities, Some(&schema)).unwrap();
                // The caller, a group and a role; the target and its server, if it has one.
                assert_eq!(question.principals.len(), 3);
                let server = usize::from(!matches!(resource, Target::Profile(_)));
                assert_eq!(question.resources.len(), 1 + server);
            }
        }
    }
}

proptest! {
    // Each case reads the schema twice and the policies of it twice.
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_is_left_out_changes_no_answer(
        written in prop::collection::vec(policy(), 0..12),
        asked in prop::collection::vec(asked(), 1..24),
    ) {
        let text: String = written
            .iter()
            .enumerate()
            .map(|(at, policy)| format!("@id(\"p{at}\") {policy}\n"))
            .collect();
        // What can never apply, or has a scope that fits no action, is a warning or an error of the
        // validator; a set with an error is never asked.
        let Ok(policies) = Policies::load(&sources(&[("test.cedar", &text)])) else {
            return Ok(());
        };
        let plain = Plain::new(&text);
        for asked in &asked {
            let query = asked.query();
            prop_assert_eq!(
                policies.authorize(&query),
                plain.authorize(&query),
                "{:?}\n{}",
                query,
                text
            );
        }
    }
}

/// An owned query.
#[derive(Clone, Debug)]
struct Asked {
    kind: PrincipalKind,
    id: &'static str,
    groups: Vec<String>,
    roles: Vec<String>,
    action: Action,
    resource: Target<'static>,
    profile: &'static str,
}

impl Asked {
    fn query(&self) -> Query<'_> {
        Query {
            principal: Principal {
                kind: self.kind,
                id: self.id,
                groups: &self.groups,
                roles: &self.roles,
                authentication: "api-key",
                issuer: None,
                tenant: None,
            },
            action: self.action,
            resource: self.resource,
            context: Context {
                profile: self.profile,
                era: "modern",
                transport: "http",
                sign_in: Default::default(),
            },
        }
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let names = || prop::collection::vec(prop::sample::select(vec!["g", "h"]), 0..3);
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    (
        prop::sample::select(PrincipalKind::ALL),
        prop::sample::select(vec!["ada", "bob", "g"]),
        names().prop_map(owned),
        names().prop_map(owned),
        prop::sample::select(Action::ALL),
        target(),
        prop::sample::select(vec!["research", "other"]),
    )
        .prop_map(
            |(kind, id, groups, roles, action, resource, profile)| Asked {
                kind,
                id,
                groups,
                roles,
                action,
                // Most questions fit their action, or nothing but errors would be compared.
                resource: match targets(action).first() {
                    Some(fitting)
                        if !std::mem::discriminant(fitting)
                            .eq(&std::mem::discriminant(&resource))
                            && id != "g" =>
                    {
                        *fitting
                    }
                    _ => resource,
                },
                profile,
            },
        )
}

fn target() -> impl Strategy<Value = Target<'static>> {
    let server = prop::sample::select(vec!["papers", "mail", "", "a/b"]);
    (0..4, server, prop::sample::select(vec!["search", "send"])).prop_map(|(kind, server, name)| {
        match kind {
            0 => Target::Profile("research"),
            1 => Target::Tool { server, name },
            2 => Target::Resource { server, uri: name },
            _ => Target::Prompt { server, name },
        }
    })
}

/// A policy with any scope that Cedar has, and with conditions that hold, fail and cannot be
/// evaluated.
fn policy() -> impl Strategy<Value = String> {
    let effect = prop::sample::select(vec!["permit", "permit", "forbid"]);
    let principal = prop::sample::select(vec![
        "principal",
        "principal == User::\"ada\"",
        "principal in User::\"ada\"",
        "principal == Agent::\"bob\"",
        "principal in Group::\"g\"",
        "principal in Role::\"g\"",
        "principal in Group::\"h\"",
        "principal is User",
        "principal is Agent in Group::\"g\"",
    ]);
    let action = prop::sample::select(vec![
        "action",
        "action == Action::\"tools/call\"",
        "action == Action::\"connect\"",
        "action in Action::\"tools/call\"",
        "action in [Action::\"tools/call\", Action::\"resources/read\"]",
        "action in [Action::\"completion/complete\", Action::\"prompts/get\"]",
    ]);
    let resource = prop::sample::select(vec![
        "resource",
        "resource",
        "resource == Tool::\"papers/search\"",
        "resource in Tool::\"papers/send\"",
        "resource in Server::\"papers\"",
        "resource in Server::\"mail\"",
        "resource is Tool",
        "resource is Tool in Server::\"papers\"",
        "resource == Profile::\"research\"",
        "resource is Prompt in Server::\"mail\"",
    ]);
    let condition = prop::sample::select(vec![
        "",
        "",
        "when { context.profile == \"research\" }",
        "when { principal.name == \"ada\" }",
        "when { principal in Group::\"h\" }",
        "when { 9223372036854775807 + 1 > 0 }",
        "unless { context.profile == \"other\" }",
    ]);
    (effect, principal, action, resource, condition).prop_map(
        |(effect, principal, action, resource, condition)| {
            format!("{effect} ({principal}, {action}, {resource}) {condition};")
        },
    )
}
