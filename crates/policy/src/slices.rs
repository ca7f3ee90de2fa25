//! The policies sorted by what their scope names, so that a query meets only those that can apply.
//!
//! Cedar evaluates a policy as `principal scope && action scope && resource scope && conditions`,
//! from left to right. A policy whose scope does not fit is therefore not satisfied and cannot fail,
//! and leaving it out changes no answer. A test compares both ways.

use std::collections::HashMap;

use cedar_policy::{
    ActionConstraint, EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint,
    ResourceConstraint,
};

use crate::query::Action;

/// The policies of each action.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    by_action: HashMap<Action, Slice>,
}

/// The policies of one action, each in one place: by the resource or the server that its scope
/// names, else by the principal, the group or the role, else with those that can apply to all.
#[derive(Debug, Default)]
struct Slice {
    everywhere: PolicySet,
    by_resource: HashMap<EntityUid, PolicySet>,
    by_principal: HashMap<EntityUid, PolicySet>,
}

impl Slices {
    /// `id` gives the Cedar id of an action.
    ///
    /// # Errors
    /// None in practice: the policies come from one set, so their names differ.
    pub(crate) fn of(
        policies: Vec<&Policy>,
        id: impl Fn(Action) -> EntityUid,
    ) -> Result<Self, Box<PolicySetError>> {
        let mut slices = Self::default();
        for &action in Action::ALL {
            let id = id(action);
            let slice = slices.by_action.entry(action).or_default();
            for policy in policies.iter().filter(|policy| concerns(policy, &id)) {
                slice.add(policy)?;
            }
        }
        Ok(slices)
    }

    /// The policies that can apply to `action`, in parts that have none in common. `principals` are
    /// the caller and what it belongs to, `resources` the target and its server, none of them twice.
    pub(crate) fn fitting<'a>(
        &'a self,
        action: Action,
        principals: &'a [EntityUid],
        resources: &'a [EntityUid],
    ) -> impl Iterator<Item = &'a PolicySet> {
        self.by_action
            .get(&action)
            .into_iter()
            .flat_map(move |slice| {
                let by_principal = find(&slice.by_principal, principals);
                let by_resource = find(&slice.by_resource, resources);
                std::iter::once(&slice.everywhere)
                    .filter(|set| !set.is_empty())
                    .chain(by_principal)
                    .chain(by_resource)
            })
    }
}

impl Slice {
    fn add(&mut self, policy: &Policy) -> Result<(), Box<PolicySetError>> {
        let set = match (policy.resource_constraint(), policy.principal_constraint()) {
            (
                ResourceConstraint::Eq(named)
                | ResourceConstraint::In(named)
                | ResourceConstraint::IsIn(_, named),
                _,
            ) => self.by_resource.entry(named).or_default(),
            (
                ResourceConstraint::Any | ResourceConstraint::Is(_),
                PrincipalConstraint::Eq(named)
                | PrincipalConstraint::In(named)
                | PrincipalConstraint::IsIn(_, named),
            ) => self.by_principal.entry(named).or_default(),
            (
                ResourceConstraint::Any | ResourceConstraint::Is(_),
                PrincipalConstraint::Any | PrincipalConstraint::Is(_),
            ) => &mut self.everywhere,
        };
        set.add(policy.clone()).map_err(Box::new)
    }
}

/// The schema has no groups of actions, so that being in one is being it.
fn concerns(policy: &Policy, action: &EntityUid) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(named) => named == *action,
        ActionConstraint::In(named) => named.contains(action),
    }
}

fn find<'a>(
    sets: &'a HashMap<EntityUid, PolicySet>,
    named: &'a [EntityUid],
) -> impl Iterator<Item = &'a PolicySet> {
    named
        .iter()
        .filter(|_| !sets.is_empty())
        .filter_map(|named| sets.get(named))
}
