//! The loaded policies and the one question they answer.

use cedar_policy::{Authorizer, Decision as CedarDecision, PolicyId};

use crate::decision::{Decision, Denial};
use crate::entities::{Question, Vocabulary};
use crate::load::{self, Problem, Source};
use crate::query::Query;
use crate::slices::Slices;
use crate::step_up::Demands;

/// A validated, immutable set of policies.
///
/// A policy goes by its `@id` annotation, or by `file.cedar#N` (N counts from
/// 1) where it has none.
#[derive(Debug)]
pub struct Policies {
    pub(crate) number: usize,
    pub(crate) slices: Slices,
    /// The policies with `@step_up`: asked when the others permit.
    pub(crate) step_up: Slices,
    pub(crate) demands: Demands,
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
        self.number
    }

    /// Whether there is no policy, so that everything is denied.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Answers one query. What is not permitted is denied.
    pub fn authorize(&self, query: &Query<'_>) -> Decision {
        let Ok(question) = self.vocabulary.question(query) else {
            let policies = Vec::new();
            return Decision::Deny(Denial::Error { policies });
        };
        match self.ask(&self.slices, query, &question) {
            Decision::Permit { policies } => match self.ask(&self.step_up, query, &question) {
                Decision::Deny(Denial::Forbidden { policies }) => {
                    Decision::StepUp(self.demands.of(policies))
                }
                Decision::Deny(Denial::Error { policies }) => {
                    Decision::Deny(Denial::Error { policies })
                }
                // None of them forbids, and none of them can permit.
                Decision::Permit { .. }
                | Decision::StepUp(_)
                | Decision::Deny(Denial::NoPermit) => Decision::Permit { policies },
            },
            denied => denied,
        }
    }

    fn ask(&self, slices: &Slices, query: &Query<'_>, question: &Question) -> Decision {
        let Question {
            request,
            entities,
            principals,
            resources,
        } = question;
        let (mut permits, mut forbids, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for set in slices.fitting(query.action, principals, resources) {
            let response = self.authorizer.is_authorized(request, set, entities);
            let diagnostics = response.diagnostics();
            failed.extend(diagnostics.errors().map(|error| match error {
                cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
                    name(error.policy_id())
                }
            }));
            // Cedar names the policies that permit where none forbids, else those that forbid.
            match response.decision() {
                CedarDecision::Allow => permits.extend(diagnostics.reason().map(name)),
                CedarDecision::Deny => forbids.extend(diagnostics.reason().map(name)),
            }
        }
        if !failed.is_empty() {
            let policies = sorted(failed);
            return Decision::Deny(Denial::Error { policies });
        }
        if !forbids.is_empty() {
            let policies = sorted(forbids);
            return Decision::Deny(Denial::Forbidden { policies });
        }
        if permits.is_empty() {
            return Decision::Deny(Denial::NoPermit);
        }
        let policies = sorted(permits);
        Decision::Permit { policies }
    }
}

fn name(id: &PolicyId) -> String {
    AsRef::<str>::as_ref(id).to_owned()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}
