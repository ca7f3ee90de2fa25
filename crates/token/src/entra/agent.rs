//! Agents in Entra's tokens.
//!
//! The marker is the facets of the actor and the subject. `xms_par_app_azp`, which another page of
//! the documentation uses, is too broad for that.

use crate::claims::Claims;
use crate::identity::AgentPart;
use crate::rejection::Rejection;

/// The facet of an agent identity.
const AGENT: &str = "11";
/// The facet of a user account that is an agent's.
const AGENT_USER: &str = "13";

/// Which of the known facets the actor and the subject have. Others say nothing about agents.
pub(super) struct Facets {
    actor: (bool, bool),
    subject: (bool, bool),
}

impl Facets {
    pub(super) fn read(claims: &Claims<'_>) -> Result<Facets, Rejection> {
        let known = |name| {
            let words = claims.words(name)?;
            Ok((words.contains(AGENT), words.contains(AGENT_USER)))
        };
        Ok(Facets {
            actor: known("xms_act_fct")?,
            subject: known("xms_sub_fct")?,
        })
    }

    /// The agent's part: one of three documented shapes, or none.
    pub(super) fn part(&self, has_user: bool) -> Result<Option<AgentPart>, Rejection> {
        match (self.actor, self.subject, has_user) {
            ((false, false), (false, false), _) => Ok(None),
            ((true, _), (false, false), true) => Ok(Some(AgentPart::ForUser)),
            ((true, _), (true, false), false) => Ok(Some(AgentPart::Autonomous)),
            ((true, _), (false, true), true) => Ok(Some(AgentPart::OwnAccount)),
            _ => Err(Rejection::AgentContradictory),
        }
    }
}
