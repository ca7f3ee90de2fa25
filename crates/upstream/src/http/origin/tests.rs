use super::is_left;

fn check(location: &str, leaves: bool) {
    let url = "https://mcp.example/mcp".parse().unwrap();
    assert_eq!(is_left(&url, location.as_bytes()), leaves, "{location}");
}

#[test]
fn a_redirect_within_the_origin_stays_there() {
    check("/mcp/", false);
    check("mcp/", false);
    check("?again", false);
    check("../a:b", false);
    check("https://mcp.example/mcp/", false);
    check("https://MCP.example:443/mcp#top", false);
    check("//mcp.example/x", false);
}

#[test]
fn a_redirect_to_another_scheme_host_or_port_leaves() {
    check("http://mcp.example/mcp", true);
    check("https://mcp.example:8443/mcp", true);
    check("https://mcp.example.evil.example/mcp", true);
    check("https://mcp.example@evil.example/mcp", true);
    check("//evil.example/mcp", true);
    check("/\\evil.example/mcp", true);
    check("data:text/plain,x", true);
    check("https://", true);
    check("\u{1}", true);
}
