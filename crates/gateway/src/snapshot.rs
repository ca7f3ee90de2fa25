//! Everything a configuration decides, compiled once and never changed.
//!
//! A reload builds a new snapshot and swaps it; a message that is under way keeps the one it
//! started with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_config::{
    self as config, ArgumentAction, AuthMethod, DefinitionAction, ResultAction,
};
use portcullis_mcp::json::Limits;
use portcullis_openapi::Document;
use portcullis_shield::{self as shield, Shield, Verdict};

use crate::authn::{Authenticator, Challenges};
use crate::authz::Authz;
use crate::facilities::Facilities;
use crate::load::Loaded;
use crate::profile::Profiles;

/// Stands for one snapshot where something made under it is kept: equal to itself and its copies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edition(Arc<()>);

impl PartialEq for Edition {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Edition {}

/// One configuration, ready to serve.
pub(crate) struct Snapshot {
    edition: Edition,
    config: config::Config,
    authenticator: Authenticator,
    challenges: Challenges,
    facilities: Facilities,
    profiles: Profiles,
    authz: Authz,
    shield: Shield,
    documents: BTreeMap<String, Arc<Document>>,
    base: PathBuf,
}

impl Snapshot {
    /// `facilities` are made for the same configuration.
    pub(crate) fn new(loaded: Loaded, facilities: Facilities) -> Self {
        let Loaded {
            config,
            policies,
            documents,
            base,
            ..
        } = loaded;
        let controls = &config.controls;
        Self {
            edition: Edition::default(),
            authenticator: Authenticator::new(
                &config.authn,
                controls.authentication,
                facilities.issuers.clone(),
                exchanged(&config),
            ),
            challenges: Challenges::new(&config),
            profiles: Profiles::new(&config),
            authz: Authz::new(policies, controls),
            shield: shield(&config),
            facilities,
            config,
            documents,
            base,
        }
    }

    /// A name for this snapshot that no other one has or will have.
    pub(crate) fn edition(&self) -> &Edition {
        &self.edition
    }

    pub(crate) fn config(&self) -> &config::Config {
        &self.config
    }

    /// The folder that relative paths of the configuration are relative to.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// The OpenAPI document of a server that is described by one.
    pub(crate) fn document(&self, server: &str) -> Option<&Arc<Document>> {
        self.documents.get(server)
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// What the configuration needs of the world outside.
    pub(crate) fn facilities(&self) -> &Facilities {
        &self.facilities
    }

    pub(crate) fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    pub(crate) fn profiles(&self) -> &Profiles {
        &self.profiles
    }

    pub(crate) fn authz(&self) -> &Authz {
        &self.authz
    }

    pub(crate) fn shield(&self) -> &Shield {
        &self.shield
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_bytes: self.config.limits.max_message,
            max_depth: self.config.limits.max_depth,
        }
    }
}

/// The issuers whose tokens are exchanged for those of servers.
fn exchanged(config: &config::Config) -> Vec<String> {
    let servers = config.servers.values();
    let through = servers.filter_map(|server| match &server.auth.method {
        AuthMethod::Token(source) => source.grant.through(),
        AuthMethod::None | AuthMethod::Static => None,
    });
    through.map(str::to_owned).collect()
}

/// The control `sanitiser` switched off leaves findings nowhere and changes nothing.
fn shield(config: &config::Config) -> Shield {
    if !config.controls.sanitiser {
        return Shield::off();
    }
    Shield::new(shield::Settings {
        definitions: match config.shield.definitions {
            DefinitionAction::Allow => Verdict::Allow,
            DefinitionAction::Hold => Verdict::Hold,
            DefinitionAction::Mark => Verdict::Mark,
        },
        arguments: match config.shield.arguments {
            ArgumentAction::Allow => Verdict::Allow,
            ArgumentAction::Block => Verdict::Block,
            ArgumentAction::Mark => Verdict::Mark,
            ArgumentAction::Redact => Verdict::Redact,
        },
        results: match config.shield.results {
            ResultAction::Allow => Verdict::Allow,
            ResultAction::Block => Verdict::Block,
            ResultAction::Mark => Verdict::Mark,
            ResultAction::Redact => Verdict::Redact,
        },
    })
}
