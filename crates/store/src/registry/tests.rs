use super::*;

#[test]
fn a_state_has_one_name() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
        assert_eq!(state.to_string().parse(), Ok(state));
        let json = serde_json::to_value(state).unwrap();
        assert_eq!(json, state.as_str());
    }
    for name in ["", "Approved", "approved ", "approve"] {
        assert_eq!(State::parse(name), None, "{name:?}");
    }
}
