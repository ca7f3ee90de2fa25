use super::{aligned, number};

#[test]
fn numbers_have_as_many_digits_as_they_need() {
    let check = |value, text| assert_eq!(number(Some(value)), text);
    check(0.26, "0.3");
    check(-3.0, "-3.0");
    check(123.4, "123");
    check(-1234.5, "-1,234");
    check(1_234_567.0, "1,234,567");
    assert_eq!(number(None), "-");
}

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let lines = [
        vec!["a".to_owned(), "100".to_owned()],
        vec!["bcd".to_owned(), "7".to_owned()],
    ];
    assert_eq!(aligned(&lines), "  a    100\n  bcd    7\n");
}
