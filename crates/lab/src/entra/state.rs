//! What the lab's Entra knows while it runs.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::directory::{App, Tenant, User};
use super::refusal::Refusal;
use super::settings::{EntraSettings, Policy};
use crate::jose::{self, KeyError, SigningKey};
use crate::web::lock;

/// The tenant of personal accounts, whose keys are in the document of `common` too.
pub const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

pub(super) struct State {
    pub(super) settings: EntraSettings,
    /// What issuers begin with.
    pub(super) authority: String,
    /// What endpoints begin with.
    pub(super) endpoints: String,
    /// The origin of the lab's Graph.
    pub(super) graph: String,
    pub(super) keys: Mutex<Keys>,
    pub(super) grants: Mutex<Grants>,
    pub(super) policies: Mutex<Vec<Policy>>,
    /// The time, when it does not go by itself.
    pub(super) fixed_time: Mutex<Option<u64>>,
}

impl State {
    pub(super) fn new(
        mut settings: EntraSettings,
        origin: &str,
        graph: &str,
    ) -> Result<Self, KeyError> {
        for tenant in &mut settings.tenants {
            if tenant.app(super::GRAPH_APP).is_none() {
                tenant.apps.push(App::graph());
            }
        }
        Ok(Self {
            authority: settings.authority.clone().unwrap_or(origin.to_owned()),
            endpoints: settings.endpoints.clone().unwrap_or(origin.to_owned()),
            settings,
            graph: graph.to_owned(),
            keys: Mutex::new(Keys::new()?),
            grants: Mutex::default(),
            policies: Mutex::default(),
            fixed_time: Mutex::default(),
        })
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        lock(&self.fixed_time).unwrap_or_else(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_secs())
        })
    }

    /// The tenant of a path's first segment; `None` for `common`, `organizations` and what does not exist.
    pub(super) fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.settings
            .tenants
            .iter()
            .find(|tenant| tenant.id == name || tenant.domains.iter().any(|domain| domain == name))
    }

    /// The person of that name, in whichever tenant.
    pub(super) fn user(&self, name: &str) -> Option<(&Tenant, &User)> {
        self.settings
            .tenants
            .iter()
            .find_map(|tenant| Some((tenant, tenant.user(name)?)))
    }

    pub(super) fn issuer_v2(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.authority)
    }

    pub(super) fn issuer_v1(&self, tenant: &str) -> String {
        format!("{}/{tenant}/", self.settings.sts)
    }

    pub(super) fn token_endpoint(&self, tenant: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/token", self.endpoints)
    }

    /// The refusal of an endpoint that is down.
    pub(super) fn outage(&self, endpoint: &str) -> Option<Refusal> {
        lock(&self.policies).iter().find_map(|policy| match policy {
            Policy::Outage {
                endpoint: down,
                status,
                retry_after,
            } if down == endpoint => Some(Refusal::outage(*status, *retry_after)),
            _ => None,
        })
    }

    /// Signs claims with the current key under Entra's header: `x5t` stands in version 1.0 tokens only.
    pub(super) fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let keys = lock(&self.keys);
        let mut header = json!({"typ": "JWT", "alg": "RS256", "kid": keys.current.kid()});
        let first_version = claims.get("ver").and_then(Value::as_str) == Some("1.0");
        if let (true, Some(members)) = (first_version, header.as_object_mut()) {
            members.insert("x5t".into(), keys.current.kid().into());
        }
        keys.current.sign(&header, claims)
    }

    /// Whether one of the published keys signed the token.
    pub(super) fn is_own(&self, token: &str) -> bool {
        let keys = lock(&self.keys);
        let Some(parts) = jose::Parts::read(token) else {
            return false;
        };
        parts.header("alg") == "RS256"
            && keys.published().any(|key| {
                key.kid() == parts.header("kid") && jose::is_signed_by(token, &key.jwk())
            })
    }
}

/// The key of the personal accounts' tenant: one for all directories, as in the world outside. Made when it is asked
/// for, since a key takes a while.
pub(super) fn personal_key() -> Result<SigningKey, KeyError> {
    static PERSONAL: Mutex<Option<SigningKey>> = Mutex::new(None);
    let mut personal = lock(&PERSONAL);
    if let Some(key) = &*personal {
        return Ok(key.clone());
    }
    Ok(personal.insert(SigningKey::rsa()?).clone())
}

/// The signing keys of tenants.
pub(super) struct Keys {
    pub(super) current: SigningKey,
    /// Still published, no longer used.
    pub(super) previous: Vec<SigningKey>,
}

impl Keys {
    fn new() -> Result<Self, KeyError> {
        Ok(Self {
            current: SigningKey::rsa()?,
            previous: Vec::new(),
        })
    }

    pub(super) fn published(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// Codes, refresh tokens, and what the holders of access tokens did to get them.
#[derive(Default)]
pub(super) struct Grants {
    pub(super) codes: HashMap<String, Code>,
    pub(super) refresh: HashMap<String, Refresh>,
    /// By the access token's `uti`.
    pub(super) sessions: HashMap<String, Session>,
    /// `jti` of client assertions that were used.
    pub(super) assertions: HashSet<String>,
}

/// One sign-in of one person for one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) tenant: String,
    /// The person's object id.
    pub(super) user: String,
    /// Authentication contexts that were asked for and satisfied.
    pub(super) contexts: Vec<String>,
    /// Conditional Access policies that were satisfied.
    pub(super) policies: Vec<String>,
    /// Whether the client said that it can handle a claims challenge.
    pub(super) cp1: bool,
    pub(super) nonce: Option<String>,
    pub(super) signed_in: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) session: Session,
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    /// The method and the challenge (RFC 7636).
    pub(super) challenge: Option<(String, String)>,
    pub(super) expires: u64,
    pub(super) redeemed: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Refresh {
    pub(super) session: Session,
    pub(super) client: String,
    pub(super) scope: String,
    pub(super) used: bool,
    pub(super) revoked: bool,
}
