use std::collections::BTreeSet;

use super::*;

#[test]
fn every_cause_has_an_id_of_its_own_and_a_text() {
    let others = [
        Needed::SignIn {
            server: String::new(),
        },
        Needed::Scope {
            server: String::new(),
            scopes: Vec::new(),
        },
        Needed::Challenge {
            claims: String::new(),
        },
        Needed::Unavailable,
    ];
    let codes: BTreeSet<&str> = Reason::ALL
        .iter()
        .map(|reason| Needed::refused(*reason).code())
        .chain(others.iter().map(Needed::code))
        .collect();
    assert_eq!(codes.len(), Reason::ALL.len() + others.len());
    for reason in Reason::ALL {
        let code = reason.as_str();
        let kebab = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        assert!(code.bytes().all(kebab), "{code}");
        let text = reason.text();
        assert!(!text.is_empty() && !text.ends_with('.'), "{code}: {text}");
        assert!(!text.contains('|'), "{code}: {text}");
    }
}
