//! The scene: the user's configuration with a canary in place of the servers.
//!
//! What decides stays the user's: `[authn]`, `[shield]`, `[registry]`, `[controls]`, `[limits]`,
//! `[listen]` and the policies. What is added has names that nobody can have used before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_config::{
    ApiKey, Config, Controls, HttpKind, Isolation, PrincipalKind, Profile, ProfileServer, Server,
    Transport,
};
use portcullis_gateway::Loaded;
use portcullis_policy::{Policies, Source};
use sha2::{Digest, Sha256};

use crate::exit::Failure;

/// The canary's tools that the temporary policies permit.
pub(super) const PERMITTED: [&str; 4] = ["echo", "changing", "hidden", "forged"];
/// The canary's tool that no temporary policy permits.
pub(super) const UNPERMITTED: &str = "slow";
/// The tool of the server that is reached over HTTP.
pub(super) const WEATHER: &str = "weather";

/// Who calls, with the key it calls with.
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) key: String,
}

/// Everything that a stage is built from.
pub(super) struct Scene {
    /// The user's configuration, less its servers and profiles.
    config: Config,
    /// The user's policies, or none if they refuse the canary.
    policies: Vec<Source>,
    pub(super) first: Caller,
    pub(super) second: Caller,
    /// Whom every stage's store knows as revoked.
    pub(super) revoked: Caller,
    /// Of whom a policy demands a stronger sign-in, which no key can give.
    pub(super) weak: Caller,
    /// The canary on standard input and output, and the profile it is in.
    pub(super) canary: String,
    /// The server that is reached over HTTP, and its profile.
    pub(super) web: String,
    pub(super) web_url: String,
    /// A server whose program is not the one that is configured: the canary under another digest.
    pub(super) stranger: String,
    program: PathBuf,
}

impl Scene {
    /// `suffix` makes the names unique, `keys` are the four temporary API keys.
    pub(super) fn new(
        loaded: &Loaded,
        suffix: &str,
        keys: [String; 4],
        web_url: String,
    ) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::because("this program cannot find itself", &error))?;
        let [first, second, revoked, weak] = keys;
        let caller = |name: &str, key| Caller {
            name: format!("prove-{name}-{suffix}"),
            key,
        };
        let mut config = loaded.config.clone();
        config.servers = BTreeMap::new();
        config.profiles = BTreeMap::new();
        // Nobody outside is asked: everybody here calls with a key. What the configuration says about
        // issuers and secrets names files beside it, and no secret is read for this.
        config.authn.issuers = BTreeMap::new();
        config.authn.certificates = None;
        config.secrets = Default::default();
        // What the user lets fetches reach on this machine would let the canary's address pass, and
        // nothing here speaks TLS.
        config.outbound.allow = Vec::new();
        config.outbound.ca = None;
        // The canary's own lists must fit, however little the user grants a server.
        let limits = &mut config.limits;
        limits.max_list_items = limits.max_list_items.max(64);
        limits.max_depth = limits.max_depth.max(16);
        limits.max_message = limits.max_message.max(64 * 1024);
        Ok(Self {
            config,
            policies: Vec::new(),
            first: caller("first", first),
            second: caller("second", second),
            revoked: caller("revoked", revoked),
            weak: caller("weak", weak),
            canary: format!("canary-{suffix}"),
            web: format!("web-{suffix}"),
            stranger: format!("stranger-{suffix}"),
            web_url,
            program,
        })
    }

    /// Everybody who calls with a key.
    pub(super) fn callers(&self) -> [&Caller; 4] {
        [&self.first, &self.second, &self.revoked, &self.weak]
    }

    /// The policies under which every stage runs.
    pub(super) fn set_policies(&mut self, policies: Vec<Source>) {
        self.policies = policies;
    }

    /// The controls as the user has set them.
    pub(super) fn controls(&self) -> &Controls {
        &self.config.controls
    }

    /// The user's configuration, less its servers and profiles.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The path of a profile.
    pub(super) fn path(name: &str) -> String {
        format!("/mcp/{name}")
    }

    /// A complete configuration. `folder` holds the canary's files.
    pub(super) fn load(&self, controls: Controls, folder: &Path) -> Result<Loaded, Failure> {
        self.load_with(controls, folder, &self.policies)
    }

    /// A complete configuration with other policies.
    pub(super) fn load_with(
        &self,
        controls: Controls,
        folder: &Path,
        policies: &[Source],
    ) -> Result<Loaded, Failure> {
        let mut config = self.config.clone();
        config.controls = controls;
        config.authn.keys.extend(self.callers().map(api_key));
        config
            .servers
            .insert(self.canary.clone(), server(self.stdio(folder)));
        let web = Transport::Http {
            url: self.web_url.clone(),
            headers: BTreeMap::new(),
            plain_headers: BTreeMap::new(),
            kind: HttpKind::Auto,
        };
        config.servers.insert(self.web.clone(), server(web));
        let mut stranger = server(self.stdio(folder));
        // No program has this digest.
        stranger.identity.sha256 = Some([0; 32]);
        config.servers.insert(self.stranger.clone(), stranger);
        for name in [&self.canary, &self.web, &self.stranger] {
            config.profiles.insert(name.clone(), profile(name));
        }
        let policies = Policies::load(policies).map_err(|problems| {
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Failure::new(format!(
                "the policies cannot be used with the canary's: {}",
                texts.join("; ")
            ))
        })?;
        Ok(Loaded {
            config,
            policies,
            sources: Vec::new(),
            documents: BTreeMap::new(),
            base: folder.to_owned(),
            warnings: Vec::new(),
        })
    }

    fn stdio(&self, folder: &Path) -> Transport {
        let file = |name: &str| folder.join(name).display().to_string();
        Transport::Stdio {
            command: self.program.display().to_string(),
            args: vec!["lab".to_owned(), "canary".to_owned()],
            env: BTreeMap::new(),
            plain_env: BTreeMap::from([
                ("LAB_RECORD".to_owned(), file(RECORD)),
                ("LAB_STATE".to_owned(), file(STATE)),
            ]),
            cwd: None,
        }
    }
}

/// The file to which the canary appends what reaches it.
pub(super) const RECORD: &str = "record.jsonl";
/// The file whose presence changes the definition of the tool `changing`.
pub(super) const STATE: &str = "state";

fn api_key(caller: &Caller) -> ApiKey {
    ApiKey {
        name: caller.name.clone(),
        kind: PrincipalKind::Workload,
        hash: Sha256::digest(caller.key.as_bytes()).into(),
        groups: Vec::new(),
        roles: Vec::new(),
        line: 0,
    }
}

fn server(transport: Transport) -> Server {
    Server {
        isolation: Isolation::Shared,
        request_timeout: Some(Duration::from_secs(20)),
        ..Server::new(transport)
    }
}

fn profile(name: &str) -> Profile {
    let server = ProfileServer {
        name: name.to_owned(),
        tools: None,
        prompts: None,
        resources: None,
    };
    Profile {
        prefix: Some(false),
        ..Profile::new(Scene::path(name), vec![server])
    }
}

/// Switches one control off. `false` when no control has this name.
pub(super) fn switch_off(controls: &mut Controls, name: &str) -> bool {
    let switch = match name {
        "host-check" => &mut controls.host_check,
        "origin-check" => &mut controls.origin_check,
        "header-agreement" => &mut controls.header_agreement,
        "authentication" => &mut controls.authentication,
        "revocation" => &mut controls.revocation,
        "session-binding" => &mut controls.session_binding,
        "definition-pins" => &mut controls.definition_pins,
        "server-identity" => &mut controls.server_identity,
        "authorization" => &mut controls.authorization,
        "step-up" => &mut controls.step_up,
        "sanitiser" => &mut controls.sanitiser,
        "egress-guard" => &mut controls.egress_guard,
        "receipts" => &mut controls.receipts,
        "audit" => &mut controls.audit,
        _ => return false,
    };
    *switch = false;
    true
}

#[cfg(test)]
mod tests {
    use portcullis_config::{CONTROLS, Controls};

    use super::switch_off;

    #[test]
    fn every_control_has_a_switch_of_its_own() {
        for control in CONTROLS {
            let mut controls = Controls::default();
            assert!(switch_off(&mut controls, control.name), "{}", control.name);
            let off: Vec<&str> = CONTROLS
                .iter()
                .filter(|other| !other.is_on(&controls))
                .map(|other| other.name)
                .collect();
            assert_eq!(off, [control.name]);
        }
        assert!(!switch_off(&mut Controls::default(), "nothing"));
    }
}
