use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn text_is_stored_without_nul_and_read_back(value in "[a01\u{0}\u{1a}\u{10ffff}]{0,8}") {
        let stored = text(&value).into_owned();
        prop_assert!(!stored.contains('\0'));
        prop_assert_eq!(plain(stored), value);
    }

    #[test]
    fn prefixes_stay_prefixes(
        prefix in "[a01\u{0}\u{1a}]{0,3}",
        value in "[a01\u{0}\u{1a}]{0,5}",
    ) {
        let stored = text(&value).starts_with(&*text(&prefix));
        prop_assert_eq!(stored, value.starts_with(&prefix), "{:?} {:?}", prefix, value);
    }
}

#[test]
fn what_nobody_wrote_is_left_alone() {
    assert_eq!(plain("a\u{1a}x\u{1a}".to_owned()), "a\u{1a}x\u{1a}");
}
