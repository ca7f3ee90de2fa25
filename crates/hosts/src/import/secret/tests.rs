use super::{is_harmless, is_secret_name, looks_random};

#[test]
fn only_plain_values_are_harmless() {
    for (key, value) in [
        ("DEBUG", "true"),
        ("LOG_LEVEL", "INFO"),
        ("PORT", "8080"),
        ("MAX_TOKENS", "4096"),
        ("RATIO", "-0.5"),
        ("NODE_ENV", "production"),
        ("DATA_DIR", "/home/ada/My Data/papers_2024"),
        ("DATA_DIR", "C:\\Users\\ada\\papers"),
        ("LANG", "en_US.UTF-8"),
    ] {
        assert!(is_harmless(key, value), "{key}={value}");
    }
    for (key, value) in [
        ("API_KEY", "true"),
        ("PIN", "1234"),
        ("DB_PASS", "/home/ada"),
        ("ACCOUNT", "1234567890123"),
        ("NAME", "ada"),
        ("URL", "https://example.com"),
        ("HOOK", "/services/T000/B000/aB3xY7kQ2mN5pR8tV1wZ4"),
        ("DIR", "/data?sig=x"),
        ("DIR", "/data/550e8400-e29b-41d4-a716-446655440000"),
        ("VALUE", "1.2.3"),
        ("VALUE", "-"),
    ] {
        assert!(!is_harmless(key, value), "{key}={value}");
    }
}

#[test]
fn names_promise_secrets() {
    for name in [
        "TOKEN",
        "GITHUB_TOKEN",
        "authToken",
        "--api-key",
        "X-Api-Key",
        "APIKEY",
        "Authorization",
        "DB_PASSWORD",
        "db.pass",
        "SECRET_NAME",
        "Cookie",
        "SLACK_WEBHOOK_URL",
        "--pat",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "DEBUG",
        "MAX_TOKENS",
        "PATH",
        "KEYBOARD",
        "COMPASS",
        "author",
        "--port",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn tokens_look_random_and_words_do_not() {
    for text in [
        "ghp_0123456789abcdef",
        "a=sk-live-12345678",
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "aB3xY7kQ2mN5pR8tV1wZ4",
        "/x/9f86d081884c7d659a2feaa0c55ad015/y",
        "id:550e8400-e29b-41d4-a716-446655440000",
    ] {
        assert!(looks_random(text), "{text}");
    }
    for text in [
        "@modelcontextprotocol/server-filesystem",
        "hexdocs-mcp@0.5.0",
        "ghcr.io/github/github-mcp-server",
        "/Users/ada/Projects2024ClientAlpha",
        "--local-timezone=Europe/Berlin",
        "https://api.githubcopilot.com/mcp/",
        "internationalization2024",
    ] {
        assert!(!looks_random(text), "{text}");
    }
}
