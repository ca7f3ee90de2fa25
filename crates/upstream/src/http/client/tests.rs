use http::Uri;

use super::without_user;

#[test]
fn user_information_is_taken_out_of_an_address() {
    fn check(address: &'static str, expected: &str) {
        assert_eq!(
            without_user(Uri::from_static(address)).to_string(),
            expected
        );
    }
    check("https://a.example/mcp?k=v", "https://a.example/mcp?k=v");
    check("https://user@a.example/mcp", "https://a.example/mcp");
    check(
        "https://user:pass@a.example:8443/mcp?k=v@w",
        "https://a.example:8443/mcp?k=v@w",
    );
    check("http://user:pass@[::1]:1/", "http://[::1]:1/");
}
