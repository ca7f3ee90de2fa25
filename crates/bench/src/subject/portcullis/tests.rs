use portcullis_config::CONTROLS;
use portcullis_config::parse;
use portcullis_policy::{Policies, Source};

use super::{POLICY, Setup, configuration};

#[test]
fn the_configuration_and_the_policy_are_what_the_gateway_takes() {
    let all_on = parse(&configuration(8642, 9000, &Setup::default())).unwrap();
    assert!(
        CONTROLS
            .iter()
            .all(|control| control.is_on(&all_on.controls))
    );
    assert_eq!(all_on.profiles.len(), 6);
    for off in CONTROLS {
        let setup = Setup {
            off: Some(off.name),
            keys: Some("http://127.0.0.1:9001/keys"),
        };
        let config = parse(&configuration(8642, 9000, &setup)).unwrap();
        assert_eq!(config.authn.issuers.len(), 1);
        for control in CONTROLS {
            let on = control.is_on(&config.controls);
            assert_eq!(on, control.name != off.name, "{}", control.name);
        }
    }
    let source = Source {
        name: "bench.cedar".to_owned(),
        text: POLICY.to_owned(),
    };
    assert!(Policies::load(&[source]).is_ok());
}
