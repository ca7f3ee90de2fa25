use super::super::sample::{self, CONTOSO, GATEWAY, GATEWAY_URI, HOST};
use super::*;

fn contoso() -> Tenant {
    let mut tenant = sample::tenants()
        .into_iter()
        .find(|tenant| tenant.id == CONTOSO)
        .unwrap();
    tenant.apps.push(App::graph());
    tenant
}

/// What becomes of a scope and a resource: the resource's application and its scopes, or an AADSTS code.
fn check(scope: &str, resource: Option<&str>, expected: &str) {
    let tenant = contoso();
    let client = tenant.app(HOST).unwrap();
    let seen = Wanted::read(&tenant, client, scope).and_then(|wanted| {
        wanted.check(resource, ResourceRule::Matched)?;
        Ok(format!(
            "{} {}",
            wanted.resource.name,
            wanted.scopes.join(",")
        ))
    });
    let seen = seen.unwrap_or_else(|refusal| refusal.code.to_string());
    assert_eq!(seen, expected, "{scope} {resource:?}");
}

#[test]
fn a_scope_names_its_resource() {
    let read = format!("{GATEWAY_URI}/tools.read");
    check(&read, None, "Research gateway tools.read");
    check(
        &format!("openid {read} offline_access"),
        None,
        "Research gateway tools.read",
    );
    check(
        &format!("api://{GATEWAY}/tools.call"),
        None,
        "Research gateway tools.call",
    );
    check(
        &format!("{GATEWAY}/.default"),
        None,
        "Research gateway tools.read,tools.call",
    );
    check("openid profile", None, "Microsoft Graph ");
    check("User.Read", None, "Microsoft Graph User.Read");
    check("tools.read", None, "650053");
    check(&format!("{GATEWAY_URI}/tools.write"), None, "650053");
    check("https://elsewhere.example/tools.read", None, "500011");
    check(&format!("{read} User.Read"), None, "28000");
    check("", None, "900144");
}

#[test]
fn a_resource_is_compared_exactly() {
    let read = format!("{GATEWAY_URI}/tools.read");
    check(&read, Some(GATEWAY_URI), "Research gateway tools.read");
    check(
        &read,
        Some(&format!("api://{GATEWAY}")),
        "Research gateway tools.read",
    );
    check(&read, Some(&format!("{GATEWAY_URI}/")), "9010010");
    check(&read, Some("https://gw.contoso.com/other"), "9010010");
    check(&read, Some(GATEWAY), "9010010");
    check("openid offline_access", Some(GATEWAY_URI), "9010010");
}
