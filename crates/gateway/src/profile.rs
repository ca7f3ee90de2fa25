//! Profiles: which endpoint a message is for.
//!
//! `Authenticated → Routed`.

use std::collections::HashMap;
use std::sync::Arc;

use portcullis_config::{self as config, Pattern};
use portcullis_identity::Endpoint;
use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::names;
use portcullis_mcp::version::ProtocolVersion;

use crate::arrival::{Facts, Selector};
use crate::authn::{Authenticated, Principal};
use crate::credentials::Exchangeable;
use crate::refusal::{Reason, Refusal};
use crate::registry::Kind;

/// A virtual MCP endpoint.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) members: Vec<Member>,
    /// Whether names carry the server's name.
    pub(crate) prefixed: bool,
    pub(crate) instructions: Option<String>,
    pub(crate) minimum_version: Option<ProtocolVersion>,
    /// What its servers may ask of a host, and the extensions that it carries.
    pub(crate) features: ClientCapabilities,
    /// Whose tokens it takes, and for whom they must be.
    pub(crate) endpoint: Endpoint,
    /// The scopes that a token must have.
    pub(crate) scopes: Vec<String>,
    /// The address by which clients know it.
    pub(crate) resource: Option<String>,
}

/// A server's share in a profile.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) server: Arc<str>,
    tools: Option<Vec<Pattern>>,
    prompts: Option<Vec<Pattern>>,
    resources: Option<Vec<Pattern>>,
}

impl Member {
    /// Whether the profile selects this definition of the server.
    pub(crate) fn selects(&self, kind: Kind, name: &str) -> bool {
        let patterns = match kind {
            Kind::Tool => &self.tools,
            Kind::Prompt => &self.prompts,
            Kind::Resource | Kind::Template => &self.resources,
            Kind::Instructions => return true,
        };
        patterns
            .as_ref()
            .is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(name)))
    }
}

impl Profile {
    /// The name under which a host sees a tool or a prompt.
    pub(crate) fn expose(&self, server: &str, name: &str) -> String {
        if self.prefixed {
            names::expose(server, name)
        } else {
            name.to_owned()
        }
    }

    /// The members that may own an exposed name, with the name as the server knows it.
    pub(crate) fn owners<'a>(
        &'a self,
        exposed: &'a str,
    ) -> impl Iterator<Item = (&'a Member, &'a str)> {
        let split = if self.prefixed {
            names::split(exposed)
        } else {
            None
        };
        self.members
            .iter()
            .filter_map(move |member| match (self.prefixed, split) {
                (false, _) => Some((member, exposed)),
                (true, Some((server, name))) if *member.server == *server => Some((member, name)),
                (true, _) => None,
            })
    }
}

/// All profiles of one configuration.
#[derive(Debug)]
pub(crate) struct Profiles {
    by_name: HashMap<String, Arc<Profile>>,
    by_path: HashMap<String, Arc<Profile>>,
}

/// Proof that the caller reached an endpoint that exists.
#[derive(Debug, Clone)]
pub(crate) struct Routed {
    principal: Arc<Principal>,
    profile: Arc<Profile>,
    facts: Facts,
    token: Exchangeable,
}

impl Routed {
    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    pub(crate) fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The caller's token, for exchanges alone.
    pub(crate) fn token(&self) -> &Exchangeable {
        &self.token
    }
}

impl Profiles {
    /// The name of the profile that a message is for; nothing else about it is known yet.
    pub(crate) fn name(&self, selector: &Selector) -> Option<String> {
        self.find(selector).map(|profile| profile.name.clone())
    }

    pub(crate) fn new(config: &config::Config) -> Self {
        let mut by_name = HashMap::new();
        let mut by_path = HashMap::new();
        for (name, profile) in &config.profiles {
            let profile = Arc::new(build(name, profile, config));
            by_path.insert(profile.path.clone(), Arc::clone(&profile));
            by_name.insert(name.clone(), profile);
        }
        Self { by_name, by_path }
    }

    /// Finds the endpoint of a caller that has one already, under this configuration.
    pub(crate) fn again(&self, routed: &Routed) -> Option<Routed> {
        let profile = self.find(&routed.facts.profile)?;
        (profile.name == routed.profile.name).then(|| Routed {
            principal: Arc::clone(&routed.principal),
            profile: Arc::clone(profile),
            facts: routed.facts.clone(),
            token: routed.token.clone(),
        })
    }

    /// The endpoint that a message is for, before anything else about it is known.
    pub(crate) fn find(&self, selector: &Selector) -> Option<&Arc<Profile>> {
        match selector {
            Selector::Name(name) => self.by_name.get(name),
            Selector::Path(path) => self.by_path.get(path.strip_suffix('/').unwrap_or(path)),
        }
    }

    /// Finds the endpoint an authenticated caller asked for.
    pub(crate) fn route(&self, caller: Authenticated) -> Result<Routed, Refusal> {
        let (principal, facts, token) = caller.into_parts();
        match self.find(&facts.profile) {
            Some(profile) => Ok(Routed {
                principal,
                profile: Arc::clone(profile),
                facts,
                token,
            }),
            None => Err(Refusal::new(Reason::ProfileUnknown)),
        }
    }
}

fn build(name: &str, profile: &config::Profile, config: &config::Config) -> Profile {
    let members: Vec<Member> = profile
        .servers
        .iter()
        .map(|member| Member {
            server: Arc::from(member.name.as_str()),
            tools: member.tools.clone(),
            prompts: member.prompts.clone(),
            resources: member.resources.clone(),
        })
        .collect();
    Profile {
        name: name.to_owned(),
        path: profile
            .path
            .strip_suffix('/')
            .unwrap_or(&profile.path)
            .to_owned(),
        prefixed: profile.prefix.unwrap_or(members.len() > 1),
        members,
        instructions: profile.instructions.clone(),
        minimum_version: profile
            .minimum_version
            .as_deref()
            .and_then(ProtocolVersion::parse),
        features: features(&profile.features),
        endpoint: Endpoint::of(config, profile),
        scopes: profile.scopes.clone(),
        resource: config.resource(profile),
    }
}

fn features(chosen: &config::Features) -> ClientCapabilities {
    type C = ClientCapabilities;
    // Context of other servers is never given to a server, so that it is not offered either.
    let sampling = C::SAMPLING.union(C::SAMPLING_TOOLS);
    let roots = C::ROOTS.union(C::ROOTS_LIST_CHANGED);
    let elicitation = C::ELICITATION_FORM.union(C::ELICITATION_URL);
    [
        (chosen.sampling, sampling),
        (chosen.roots, roots),
        (chosen.elicitation, elicitation),
        (chosen.tasks, C::TASKS),
        (chosen.ui, C::UI),
    ]
    .into_iter()
    .filter(|(carried, _)| *carried)
    .fold(C::NONE, |all, (_, feature)| all.union(feature))
}

#[cfg(test)]
mod tests;
