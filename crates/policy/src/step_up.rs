//! Policies that can be satisfied by signing in again: `forbid` with `@step_up`.
//!
//! They are asked only when all other policies permit, so that nobody is sent to sign in for a call
//! that stays forbidden, and nobody learns by being sent that a thing is there.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{Effect, Policy};

use crate::decision::StepUp;

/// The annotation that names an authentication context or class.
const STEP_UP: &str = "step_up";
/// The annotation that says how many seconds may have passed since the sign-in.
const MAX_AGE: &str = "step_up_max_age";
/// A context or class is an identifier of the issuer's; it goes into a header.
const MAX_CONTEXT: usize = 128;

/// What each policy with `@step_up` demands, by the policy's name.
#[derive(Debug, Default)]
pub(crate) struct Demands(HashMap<String, Demand>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    context: Option<String>,
    max_age: Option<u32>,
}

/// Whether a policy is one of these.
pub(crate) fn is_step_up(policy: &Policy) -> bool {
    policy.annotation(STEP_UP).is_some() || policy.annotation(MAX_AGE).is_some()
}

/// What a policy demands.
///
/// # Errors
/// What is wrong with its annotations, in words for its author.
pub(crate) fn demand(policy: &Policy) -> Result<Option<Demand>, &'static str> {
    if !is_step_up(policy) {
        return Ok(None);
    }
    if policy.effect() != Effect::Forbid {
        return Err("only a `forbid` can have @step_up: it forbids until the caller signed in so");
    }
    let context = policy.annotation(STEP_UP).filter(|value| !value.is_empty());
    if context.is_some_and(|context| !is_identifier(context)) {
        return Err(
            "@step_up names one authentication context or class: up to 128 visible ASCII characters without space, quote or backslash",
        );
    }
    let max_age = match policy.annotation(MAX_AGE) {
        Some(seconds) => Some(
            seconds
                .parse()
                .map_err(|_| "@step_up_max_age is a whole number of seconds, as in \"300\"")?,
        ),
        None => None,
    };
    if context.is_none() && max_age.is_none() {
        return Err("@step_up names nothing to sign in with");
    }
    Ok(Some(Demand {
        context: context.map(str::to_owned),
        max_age,
    }))
}

fn is_identifier(text: &str) -> bool {
    text.len() <= MAX_CONTEXT
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

impl Demands {
    pub(crate) fn add(&mut self, policy: String, demand: Demand) {
        self.0.insert(policy, demand);
    }

    /// What `policies` demand together.
    pub(crate) fn of(&self, policies: Vec<String>) -> StepUp {
        let demands: Vec<&Demand> = policies
            .iter()
            .filter_map(|name| self.0.get(name))
            .collect();
        let contexts: BTreeSet<&String> = demands
            .iter()
            .filter_map(|demand| demand.context.as_ref())
            .collect();
        StepUp {
            contexts: contexts.into_iter().cloned().collect(),
            max_age: demands.iter().filter_map(|demand| demand.max_age).min(),
            policies,
        }
    }
}
