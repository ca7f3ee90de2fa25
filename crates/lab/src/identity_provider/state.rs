//! What the lab's authorization server knows while it runs.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::misbehaviour::{Misbehaviour, RefreshRule};
use super::settings::{ProviderClient, ProviderSettings};
use super::shape::Filling;
use crate::jose::{self, KeyError, SigningKey};
use crate::web::{Answer, lock};

pub(super) struct State {
    pub(super) settings: ProviderSettings,
    pub(super) base: String,
    /// The honest metadata.
    pub(super) metadata: Map<String, Value>,
    pub(super) keys: Mutex<Vec<SigningKey>>,
    pub(super) clients: Mutex<Vec<ProviderClient>>,
    pub(super) codes: Mutex<HashMap<String, Grant>>,
    pub(super) refresh: Mutex<HashMap<String, Grant>>,
    /// Claims of access tokens that may still be asked about, by token.
    pub(super) access: Mutex<HashMap<String, Value>>,
    pub(super) misbehaviours: Mutex<Vec<Misbehaviour>>,
    pub(super) fixed_time: Mutex<Option<u64>>,
    /// The ids of proofs that were used.
    pub(super) proofs: Mutex<HashSet<String>>,
}

/// What a code or a refresh token stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Grant {
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) scope: String,
    pub(super) audience: String,
    pub(super) subject: String,
    /// The sign-in that all tokens come from.
    pub(super) family: String,
    pub(super) used: bool,
    /// The chain of actors (RFC 8693, section 4.1).
    pub(super) actor: Option<Value>,
    /// The thumbprint of the key that it is good with.
    pub(super) bound_to: Option<String>,
}

/// A refusal in the form of RFC 6749, section 5.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) &'static str, pub(super) &'static str);

impl Refusal {
    pub(super) fn to_answer(&self) -> Answer {
        let status = match self.0 {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({"error": self.0, "error_description": self.1});
        Answer::json(status, &body)
    }
}

impl State {
    pub(super) fn new(settings: ProviderSettings, base: String) -> Result<Self, KeyError> {
        let mut metadata = settings.shape.metadata_at(&base);
        if !settings.documents {
            metadata.remove("client_id_metadata_document_supported");
        }
        if settings.proofs.is_some() {
            let member = "dpop_signing_alg_values_supported";
            metadata.insert(member.into(), json!(["ES256"]));
        }
        Ok(Self {
            metadata,
            clients: Mutex::new(settings.clients.clone()),
            settings,
            base,
            keys: Mutex::new(vec![SigningKey::rsa()?]),
            codes: Mutex::default(),
            refresh: Mutex::default(),
            access: Mutex::default(),
            misbehaviours: Mutex::default(),
            fixed_time: Mutex::default(),
            proofs: Mutex::default(),
        })
    }

    pub(super) fn now(&self) -> u64 {
        lock(&self.fixed_time).unwrap_or_else(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_secs())
        })
    }

    pub(super) fn issuer(&self) -> &str {
        let issuer = self.metadata.get("issuer");
        issuer.and_then(Value::as_str).unwrap_or_default()
    }

    /// The first thing that `find` finds among the misbehaviours.
    pub(super) fn misbehaves<T>(&self, find: impl FnMut(&Misbehaviour) -> Option<T>) -> Option<T> {
        lock(&self.misbehaviours).iter().find_map(find)
    }

    pub(super) fn refresh_rule(&self) -> RefreshRule {
        let rule = self.misbehaves(|one| match one {
            Misbehaviour::Refresh(rule) => Some(*rule),
            _ => None,
        });
        rule.unwrap_or(RefreshRule::Rotated)
    }

    /// The scopes of a token: what was asked for, and, of a hostile server, more.
    pub(super) fn granted(&self, asked: &str) -> String {
        let wider = self.misbehaves(|one| match one {
            Misbehaviour::WiderScope(scopes) => Some(scopes.join(" ")),
            _ => None,
        });
        match wider {
            Some(wider) => format!("{asked} {wider}").trim().to_owned(),
            None => asked.to_owned(),
        }
    }

    /// An access token for the grant.
    pub(super) fn access_token(&self, grant: &Grant, scope: &str) -> Result<String, Refusal> {
        let failed = |_| Refusal("server_error", "cannot sign");
        let id = jose::random();
        let key = lock(&self.keys).first().cloned();
        let key = key.ok_or(Refusal("server_error", "no key"))?;
        let now = self.now();
        let (header, mut claims) = self.settings.shape.fill(&Filling {
            kid: key.kid(),
            issuer: self.issuer(),
            base: &self.base,
            subject: &grant.subject,
            audience: &grant.audience,
            client: &grant.client,
            scope,
            issued: now,
            expires: now + self.settings.token_lifetime,
            id: &id,
        });
        if let (Some(actor), Some(members)) = (&grant.actor, claims.as_object_mut()) {
            members.insert("act".into(), actor.clone());
        }
        if let (Some(key), Some(members)) = (&grant.bound_to, claims.as_object_mut()) {
            members.insert("cnf".into(), json!({"jkt": key}));
        }
        let changed = self.misbehaves(|one| match one {
            Misbehaviour::Claims(changed) => Some(changed.clone()),
            _ => None,
        });
        merge(&mut claims, changed.as_ref());
        let token = if self.settings.opaque || self.settings.shape.is_opaque() {
            format!("ya29.{}{}", jose::random(), jose::random())
        } else {
            key.sign(&header, &claims).map_err(failed)?
        };
        lock(&self.access).insert(token.clone(), claims);
        Ok(token)
    }
}

/// Replaces members; `null` removes one.
pub(super) fn merge(value: &mut Value, changes: Option<&Value>) {
    let (Some(members), Some(changes)) =
        (value.as_object_mut(), changes.and_then(Value::as_object))
    else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
}
