//! The loaded policies and the one question they answer.

use cedar_policy::{Authorizer, Decision as CedarDecision, PolicyId, PolicySet, Schema};

use crate::decision::{Decision, Denial};
use crate::entities::Vocabulary;
use crate::load::{self, Problem, Source};
use crate::query::Query;

/// A validated, immutable set of policies.
///
/// A policy goes by its `@id` annotation, or by `file.cedar#N` (N counts from
/// 1) where it has none.
#[derive(Debug)]
pub struct Policies {
    pub(crate) set: PolicySet,
    pub(crate) schema: Schema,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) authorizer: Authorizer,
    pub(crate) version: String,
    pub(crate) warnings: Vec<Problem>,
}

impl Policies {
    /// Parses all sources and validates them, strictly, against the schema.
    /// No sources, or sources without a policy, are a valid set that denies
    /// everything.
    ///
    /// # Errors
    /// Every problem of every source, in the order of the sources.
    pub fn load(sources: &[Source]) -> Result<Self, Vec<Problem>> {
        load::load(sources)
    }

    /// `sha256:` and the hexadecimal digest of the names and texts of the
    /// sources, in their order.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the validator found odd but not wrong, such as a policy that can
    /// never apply.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The number of policies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.num_of_policies()
    }

    /// Whether there is no policy, so that everything is denied.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Answers one query. What is not permitted is denied.
    pub fn authorize(&self, query: &Query<'_>) -> Decision {
        let Ok((request, entities)) = self.vocabulary.request(query, &self.schema) else {
            let policies = Vec::new();
            return Decision::Deny(Denial::Error { policies });
        };
        let response = self
            .authorizer
            .is_authorized(&request, &self.set, &entities);
        let diagnostics = response.diagnostics();

        let failed = names(diagnostics.errors().map(|error| match error {
            cedar_policy::AuthorizationError::PolicyEvaluationError(error) => error.policy_id(),
        }));
        if !failed.is_empty() {
            return Decision::Deny(Denial::Error { policies: failed });
        }
        let policies = names(diagnostics.reason());
        match response.decision() {
            CedarDecision::Allow => Decision::Permit { policies },
            CedarDecision::Deny if policies.is_empty() => Decision::Deny(Denial::NoPermit),
            CedarDecision::Deny => Decision::Deny(Denial::Forbidden { policies }),
        }
    }
}

fn names<'a>(ids: impl Iterator<Item = &'a PolicyId>) -> Vec<String> {
    let mut names: Vec<String> = ids.map(|id| AsRef::<str>::as_ref(id).to_owned()).collect();
    names.sort_unstable();
    names
}
