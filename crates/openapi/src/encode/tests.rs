use proptest::prelude::*;

use super::*;

#[test]
fn escapes_that_are_none_are_refused() {
    for text in ["%", "%4", "%zz", "%ff", "%+1"] {
        assert_eq!(percent_decode(text), None, "{text}");
    }
    assert_eq!(percent_decode("a%2fB%2F").as_deref(), Some("a/B/"));
}

proptest! {
    #[test]
    fn what_is_encoded_is_harmless_and_comes_back(text in any::<String>()) {
        let encoded = percent_encode(&text);
        prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
        prop_assert_eq!(percent_decode(&encoded), Some(text));
    }
}
