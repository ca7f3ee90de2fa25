//! Authorization by Cedar: schema, entities, decisions and their explanation. No IO.
//!
//! [`Policies::load`] reads every policy file, reports every problem at once
//! and keeps nothing unless all of it is valid. [`Policies::authorize`] answers
//! one [`Query`] and denies by default: an empty set, a policy that fails to
//! evaluate and a query that does not fit the schema all deny.

mod decision;
mod entities;
mod load;
mod policies;
mod query;
mod slices;
mod step_up;

pub use decision::{Decision, Denial, StepUp};
pub use load::{Problem, Source};
pub use policies::Policies;
pub use query::{Action, Context, Principal, PrincipalKind, Query, SignIn, Target};

/// The policy of one person on one machine: `User::"local"` may use everything
/// that the registry holds as approved.
pub const LOCAL_POLICY: &str = include_str!("../../../policies/everything-local.cedar");

/// The Cedar schema that every policy is validated against, as its author
/// wrote it.
#[must_use]
pub fn schema() -> &'static str {
    include_str!("portcullis.cedarschema")
}

#[cfg(test)]
mod tests;
