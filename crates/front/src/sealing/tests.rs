use super::*;

#[test]
fn opens_for_the_same_purpose_and_place_only() {
    let key = SealingKey::random().unwrap();
    let sealed = key.seal_text(Purpose::Code, "one", "content").unwrap();
    let opened = key.open_text(Purpose::Code, "one", &sealed).unwrap();
    assert_eq!(opened.expose(), b"content");
    assert!(key.open_text(Purpose::Refresh, "one", &sealed).is_none());
    assert!(key.open_text(Purpose::Code, "two", &sealed).is_none());
    let other = SealingKey::random().unwrap();
    assert!(other.open_text(Purpose::Code, "one", &sealed).is_none());
    for cut in 0..sealed.len() {
        let (head, _) = sealed.split_at(cut);
        assert!(key.open_text(Purpose::Code, "one", head).is_none());
    }
}
