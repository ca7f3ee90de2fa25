//! The broker that a configuration needs: the tokens with which servers are called.

use std::collections::HashMap;
use std::sync::Arc;

use portcullis_broker::{Broker, Context, Http, OwnClient};
use portcullis_config::{AuthMethod, Config, Server};
use portcullis_egress::Client;
use url::{Host, Url};

use super::front::with_authority;
use super::{Facilities, chain};
use crate::gateway::Stores;
use crate::load::Loaded;
use crate::server_identity::peer_tls;

/// What people read when they consent at a server.
const NAME: &str = "Portcullis";

/// Whether any server gets a token.
pub(super) fn is_needed(config: &Config) -> bool {
    let gets_token = |server: &Server| matches!(server.auth.method, AuthMethod::Token(_));
    config.servers.values().any(gets_token)
}

/// The broker; `None` where no server gets a token. What `previous` knows of servers that did not
/// change stays.
///
/// # Errors
/// Every problem, in words for the operator.
pub(super) fn broker(
    facilities: &Facilities,
    loaded: &Loaded,
    stores: &Stores,
    previous: Option<&Broker>,
) -> Result<Option<Arc<Broker>>, Vec<String>> {
    let config = &loaded.config;
    let Some(vault) = facilities.vault.as_ref().filter(|_| is_needed(config)) else {
        return Ok(None);
    };
    let happenings = facilities.happenings.clone();
    let context = Context {
        http: ways_out(facilities, loaded)?,
        secrets: Arc::new(facilities.references.clone()),
        vault: Arc::clone(vault),
        one_time: Arc::clone(&stores.store) as _,
        revocations: Arc::clone(&stores.store) as _,
        clock: Arc::clone(&facilities.clock),
        base: loaded.base.clone(),
        client: own_client(config),
        on_event: Arc::new(move |event| happenings.of_broker(event)),
    };
    match Broker::new(config, context, previous) {
        Ok(broker) => Ok(Some(Arc::new(broker))),
        Err(error) => Err(vec![chain(&error)]),
    }
}

/// Where nobody knows the address of the gateway, nobody can come back to it.
fn own_client(config: &Config) -> Option<OwnClient> {
    let base = config.listen.base_url()?;
    let place = |name: &str| {
        let url = format!("{}/connect/{name}", base.trim_end_matches('/'));
        Url::parse(&url).ok()
    };
    Some(OwnClient {
        name: NAME.to_owned(),
        callback: place("callback")?,
        document: place("client.json").filter(is_for_others),
        may_register: true,
    })
}

/// Whether an authorization server elsewhere may fetch that: a client id is an https address.
fn is_for_others(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => true,
    };
    url.scheme() == "https" && !is_here
}

fn ways_out(facilities: &Facilities, loaded: &Loaded) -> Result<Http, Vec<String>> {
    let (config, general) = (&loaded.config, &facilities.client);
    let mut problems = Vec::new();
    let mut keep =
        |ways: &mut HashMap<String, Client>, name: &str, way: Result<Client, String>| match way {
            Ok(way) => {
                ways.insert(name.to_owned(), way);
            }
            Err(problem) => problems.push(problem),
        };
    let mut servers = HashMap::new();
    for (name, server) in &config.servers {
        let enforced = config.controls.server_identity;
        let place = |error: &dyn std::error::Error| format!("`servers.{name}`: {}", chain(error));
        match peer_tls(&server.identity, &facilities.fixed, enforced) {
            Ok(None) => {}
            Ok(Some(tls)) => {
                let way = general.for_peer(&tls).map_err(|error| place(&error));
                keep(&mut servers, name, way);
            }
            Err(error) => keep(&mut servers, name, Err(place(&error))),
        }
    }
    let mut issuers = HashMap::new();
    for (name, issuer) in &config.authn.issuers {
        if let Some(file) = &issuer.ca {
            let way = with_authority(general, &loaded.base.join(file));
            let way = way.map_err(|error| format!("`authn.issuers.{name}`: {error}"));
            keep(&mut issuers, name, way);
        }
    }
    match problems.is_empty() {
        true => Ok(Http {
            general: general.clone(),
            servers,
            issuers,
        }),
        false => Err(problems),
    }
}
