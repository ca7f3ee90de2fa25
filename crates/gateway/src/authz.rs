//! Authorization: whether a policy permits it.
//!
//! `Call → Permitted<Call>`. Lists ask the same question as calls, so that what cannot be called
//! is not seen.

use portcullis_policy::{
    Action, Context, Decision, Denial, Policies, Principal as PolicyPrincipal, Query, Target,
};

use crate::era;
use crate::profile::Routed;
use crate::protocol::{Admitted, Protocol};
use crate::refusal::{Reason, Refusal};
use crate::registry::{Call, policy_target};

/// The policies of one configuration.
#[derive(Debug)]
pub(crate) struct Authz {
    policies: Policies,
    /// The control `authorization`. Off, everything is permitted and recorded as such.
    enforce: bool,
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

    pub(crate) fn into_what(self) -> (T, Vec<String>) {
        (self.what, self.policies)
    }
}

/// A refusal by policy, with the policies that made it.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) policies: Vec<String>,
    pub(crate) reason: Reason,
}

impl Authz {
    pub(crate) fn new(policies: Policies, enforce: bool) -> Self {
        Self { policies, enforce }
    }

    pub(crate) fn version(&self) -> &str {
        self.policies.version()
    }

    /// Whether the caller may use the endpoint at all.
    pub(crate) fn connect(
        &self,
        admitted: Admitted,
    ) -> Result<Permitted<Admitted>, (Admitted, Denied)> {
        let target = Target::Profile(&admitted.routed().profile().name);
        match self.decide(
            admitted.routed(),
            admitted.protocol(),
            Action::Connect,
            target,
        ) {
            Ok(policies) => Ok(Permitted {
                what: admitted,
                policies,
            }),
            Err(denied) => Err((admitted, denied)),
        }
    }

    /// Whether the caller may say how much the servers of its profile log.
    pub(crate) fn set_level(&self, admitted: &Admitted) -> Result<Vec<String>, Denied> {
        let target = Target::Profile(&admitted.routed().profile().name);
        self.decide(
            admitted.routed(),
            admitted.protocol(),
            Action::SetLevel,
            target,
        )
    }

    /// Whether the caller may make this call.
    pub(crate) fn authorize(&self, call: Call) -> Result<Permitted<Call>, (Call, Denied)> {
        let admitted = call.admitted();
        let definition = call.definition();
        let asked = policy_target(definition.kind, &definition.server, &call.target().name);
        let decision = match asked {
            Some(target) => self.decide(
                admitted.routed(),
                admitted.protocol(),
                call.target().action,
                target,
            ),
            None => Err(Denied {
                policies: Vec::new(),
                reason: Reason::PolicyDenied,
            }),
        };
        match decision {
            Ok(policies) => Ok(Permitted {
                what: call,
                policies,
            }),
            Err(denied) => Err((call, denied)),
        }
    }

    /// The same question without a call at hand, for lists.
    pub(crate) fn permits(
        &self,
        routed: &Routed,
        protocol: &Protocol,
        action: Action,
        target: Target<'_>,
    ) -> bool {
        self.decide(routed, protocol, action, target).is_ok()
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
        let principal = routed.principal();
        let query = Query {
            principal: PolicyPrincipal {
                kind: principal.kind(),
                id: principal.id(),
                groups: principal.groups(),
                roles: principal.roles(),
                authentication: principal.authentication(),
            },
            action,
            resource: target,
            context: Context {
                profile: &routed.profile().name,
                era: era::name(protocol.era()),
                transport: routed.facts().transport.as_str(),
            },
        };
        match self.policies.authorize(&query) {
            Decision::Permit { policies } => Ok(policies),
            Decision::Deny(Denial::NoPermit) => Err(Denied {
                policies: Vec::new(),
                reason: Reason::PolicyDenied,
            }),
            Decision::Deny(Denial::Forbidden { policies }) => Err(Denied {
                policies,
                reason: Reason::PolicyDenied,
            }),
            Decision::Deny(Denial::Error { policies }) => Err(Denied {
                policies,
                reason: Reason::PolicyError,
            }),
        }
    }
}

impl Denied {
    /// The refusal of a call.
    pub(crate) fn refuse_call(&self, call: &Call) -> Refusal {
        Refusal::of(self.reason, call.target().subject.clone())
    }
}
