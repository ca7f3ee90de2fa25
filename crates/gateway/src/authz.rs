//! Authorization: whether a policy permits it.
//!
//! `Call → Permitted<Call>`. Lists ask the same question as calls, so that what cannot be called
//! is not seen.

mod memo;

use std::sync::Arc;

use portcullis_config::Controls;
use portcullis_policy::{
    Action, Context, Decision, Denial, Policies, Principal as PolicyPrincipal, Query, StepUp,
    Target,
};

use crate::clock;
use crate::era;
use crate::profile::Routed;
use crate::protocol::{Admitted, Protocol};
use crate::refusal::{Reason, Refusal, Subject};
use crate::registry::Call;
use memo::Memo;

/// The policies of one configuration.
#[derive(Debug)]
pub(crate) struct Authz {
    policies: Policies,
    memo: Memo,
    /// The control `authorization`. Off, everything is permitted and recorded as such.
    enforce: bool,
    /// The control `step-up`. Off, what needs a stronger sign-in is permitted without.
    step_up: bool,
}

/// Proof that a policy permitted what it holds.
#[derive(Debug)]
pub(crate) struct Permitted<T> {
    what: T,
    policies: Vec<String>,
}

impl<T> Permitted<T> {
    pub(crate) fn what(&self) -> &T {
        &self.what
    }

    pub(crate) fn policies(&self) -> &[String] {
        &self.policies
    }

    pub(crate) fn into_what(self) -> T {
        self.what
    }
}

/// A refusal by policy, with the policies that made it.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) policies: Vec<String>,
    reason: Reason,
    subject: Option<Subject>,
    /// What the caller must do before it may.
    step_up: Option<StepUp>,
}

impl Authz {
    pub(crate) fn new(policies: Policies, controls: &Controls) -> Self {
        Self {
            policies,
            memo: Memo::new(),
            enforce: controls.authorization,
            step_up: controls.step_up,
        }
    }

    pub(crate) fn version(&self) -> &str {
        self.policies.version()
    }

    /// Whether the caller may use the endpoint at all.
    pub(crate) fn connect(&self, admitted: Admitted) -> Result<Permitted<Admitted>, Denied> {
        let target = Target::Profile(&admitted.routed().profile().name);
        let asked = (admitted.routed(), admitted.protocol());
        match self.decide(asked.0, asked.1, Action::Connect, target) {
            Ok(policies) => Ok(Permitted {
                what: admitted,
                policies,
            }),
            Err(denied) => Err(denied.of_profile()),
        }
    }

    /// Whether the caller may use the endpoint, where there is no message that asks.
    pub(crate) fn reach(
        &self,
        routed: &Routed,
        protocol: &Protocol,
    ) -> Result<Permitted<()>, Denied> {
        let target = Target::Profile(&routed.profile().name);
        match self.decide(routed, protocol, Action::Connect, target) {
            Ok(policies) => Ok(Permitted { what: (), policies }),
            Err(denied) => Err(denied.of_profile()),
        }
    }

    /// Whether the caller may be told that a resource changed: whoever may read it may.
    pub(crate) fn watch(
        &self,
        (routed, protocol): (&Routed, &Protocol),
        server: &str,
        uri: &str,
    ) -> Result<Permitted<()>, Denied> {
        let target = Target::Resource { server, uri };
        match self.decide(routed, protocol, Action::ResourcesRead, target) {
            Ok(policies) => Ok(Permitted { what: (), policies }),
            Err(denied) => Err(Denied {
                subject: Some(Subject::Resource(uri.to_owned())),
                ..denied
            }),
        }
    }

    /// Whether the caller may say how much the servers of its profile log.
    pub(crate) fn set_level(&self, admitted: &Admitted) -> Result<Permitted<()>, Denied> {
        let target = Target::Profile(&admitted.routed().profile().name);
        let asked = (admitted.routed(), admitted.protocol());
        let policies = self.decide(asked.0, asked.1, Action::SetLevel, target)?;
        Ok(Permitted { what: (), policies })
    }

    /// Whether the caller may make this call.
    pub(crate) fn authorize(&self, call: Call) -> Result<Permitted<Call>, Denied> {
        let target = call.policy_target();
        let asked = (call.admitted().routed(), call.admitted().protocol());
        let decision = match target {
            Some(target) => self.decide(asked.0, asked.1, call.target().action, target),
            None => Err(Denied::by(Vec::new(), Reason::PolicyDenied)),
        };
        match decision {
            Ok(policies) => Ok(Permitted {
                what: call,
                policies,
            }),
            Err(denied) => Err(Denied {
                subject: Some(call.target().subject.clone()),
                ..denied
            }),
        }
    }

    /// The same question without a call at hand, for lists. What needs a stronger sign-in is shown: by
    /// calling it a host learns which.
    pub(crate) fn permits(
        &self,
        routed: &Routed,
        protocol: &Protocol,
        action: Action,
        target: Target<'_>,
    ) -> bool {
        !self.enforce || self.decision(routed, protocol, action, target).shows()
    }

    fn decide(
        &self,
        routed: &Routed,
        protocol: &Protocol,
        action: Action,
        target: Target<'_>,
    ) -> Result<Vec<String>, Denied> {
        if !self.enforce {
            return Ok(Vec::new());
        }
        let decision = self.decision(routed, protocol, action, target);
        match &*decision {
            Decision::Permit { policies } => Ok(policies.clone()),
            Decision::StepUp(step_up) if !self.step_up => Ok(step_up.policies.clone()),
            Decision::StepUp(step_up) if routed.principal().can_step_up() => Err(Denied {
                step_up: Some(step_up.clone()),
                ..Denied::by(step_up.policies.clone(), Reason::StepUpRequired)
            }),
            Decision::StepUp(step_up) => {
                let policies = step_up.policies.clone();
                Err(Denied::by(policies, Reason::StepUpImpossible))
            }
            Decision::Deny(denial) => {
                let reason = match denial {
                    Denial::NoPermit | Denial::Forbidden { .. } => Reason::PolicyDenied,
                    Denial::Error { .. } => Reason::PolicyError,
                };
                Err(Denied::by(denial.policies().to_vec(), reason))
            }
        }
    }

    fn decision(
        &self,
        routed: &Routed,
        protocol: &Protocol,
        action: Action,
        target: Target<'_>,
    ) -> Arc<Decision> {
        let principal = routed.principal();
        let query = Query {
            principal: PolicyPrincipal {
                kind: principal.kind(),
                id: principal.id(),
                groups: principal.groups(),
                roles: principal.roles(),
                authentication: principal.authentication(),
                issuer: principal.issuer(),
                tenant: principal.tenant(),
            },
            action,
            resource: target,
            context: Context {
                profile: &routed.profile().name,
                era: era::name(protocol.era()),
                transport: routed.facts().transport.as_str(),
                sign_in: principal.sign_in(clock::unix_seconds()),
            },
        };
        self.memo
            .decision(&query, || self.policies.authorize(&query))
    }
}

impl Denied {
    fn by(policies: Vec<String>, reason: Reason) -> Self {
        Self {
            policies,
            reason,
            subject: None,
            step_up: None,
        }
    }

    /// Whatever the policies said, a profile that is closed looks like one that is not there. One that
    /// is open after a stronger sign-in says so.
    fn of_profile(self) -> Self {
        match self.step_up {
            Some(_) => self,
            None => Self {
                reason: Reason::ProfileDenied,
                ..self
            },
        }
    }

    /// The refusal that a host gets.
    pub(crate) fn refusal(self) -> Refusal {
        let refusal = match self.subject {
            Some(subject) => Refusal::of(self.reason, subject),
            None => Refusal::new(self.reason),
        };
        match self.step_up {
            Some(step_up) => refusal.demanding(step_up),
            None => refusal,
        }
    }
}
