use super::*;

#[test]
fn every_kind_has_one_name_and_the_order_of_names() {
    for kind in RevocationKind::ALL {
        assert_eq!(RevocationKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(RevocationKind::parse("User"), None);
    assert!(RevocationKind::ALL.is_sorted_by_key(|kind| kind.as_str()));
    assert!(RevocationKind::ALL.is_sorted());
}
