use portcullis_config::{RegistryMode, Transport};
use portcullis_lab::ServerKind;
use portcullis_policy::{Policies, Source};

use super::{Configuration, Server, permits};
use crate::commands::key::mint;

fn configuration<'a>(key: &'a str, without: &'a [&'static str]) -> Configuration<'a> {
    let odd = vec![("LAB_REPORTS", "/a \"folder\"\\with\ttrouble".to_owned())];
    Configuration {
        heading: "A test.",
        address: "127.0.0.1:1".parse().unwrap(),
        store: "../portcullis.db",
        policies: vec!["policies"],
        servers: vec![
            Server::lab("report", ServerKind::Report, odd, None).unwrap(),
            Server::at(
                "weather",
                "http://127.0.0.1:2/mcp".to_owned(),
                Some(&["weather"]),
            ),
        ],
        keys: vec![key],
        without,
    }
}

#[test]
fn the_file_says_what_was_meant() {
    let minted = mint("ada", "agent", &["researchers".to_owned()]).unwrap();
    let text = configuration(&minted.entry, &["definition-pins"]).to_toml();
    let config = portcullis_config::parse(&text).unwrap();
    assert_eq!(config.registry.mode, RegistryMode::Review);
    assert!(!config.controls.definition_pins && config.controls.audit);
    let Transport::Stdio {
        args, plain_env, ..
    } = &config.servers["report"].transport
    else {
        panic!("{text}");
    };
    assert_eq!(args, &["lab", "report"]);
    assert_eq!(plain_env["LAB_REPORTS"], "/a \"folder\"\\with\ttrouble");
    let research = &config.profiles["research"];
    assert!(research.servers[0].tools.is_none() && research.servers[1].tools.is_some());
    assert_eq!(config.authn.keys[0].groups, ["researchers"]);
}

#[test]
fn every_control_is_on_unless_it_is_named() {
    let minted = mint("ada", "agent", &[]).unwrap();
    let config = portcullis_config::parse(&configuration(&minted.entry, &[]).to_toml()).unwrap();
    assert_eq!(config.controls, portcullis_config::Controls::default());
}

#[test]
fn the_extra_policy_loads() {
    let text = permits(&["canary/echo", "canary/hidden"]);
    let source = Source {
        name: "permits.cedar".to_owned(),
        text,
    };
    assert_eq!(Policies::load(&[source]).unwrap().len(), 1);
}
