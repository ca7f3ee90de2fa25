//! How clients prove who they are, and on-behalf-of.

use portcullis_lab::entra::sample::{
    ADA, CONTOSO, DAEMON, DAEMON_SECRET, GATEWAY, GATEWAY_SECRET, GATEWAY_URI, HOST, PAPERS,
};
use portcullis_lab::entra::{EntraLab, EntraSettings, FederatedCredential, Policy};
use portcullis_lab::jose::SigningKey;
use serde_json::{Value, json};

use super::super::browse::{Response, post_form};
use super::{claims, lab, refused, signed_in, token};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const NOW: u64 = 1_800_000_000;

async fn credentials(lab: &EntraLab, changed: &[(&str, &str)]) -> Response {
    let scope = format!("{GATEWAY_URI}/.default");
    let mut form = std::collections::BTreeMap::from([
        ("grant_type", "client_credentials"),
        ("client_id", DAEMON),
        ("client_secret", DAEMON_SECRET),
        ("scope", &scope),
    ]);
    form.extend(changed.iter().copied());
    form.retain(|_, value| !value.is_empty());
    let form: Vec<_> = form.into_iter().collect();
    token(lab, &form).await
}

#[tokio::test]
async fn a_secret_is_the_applications() {
    let lab = lab().await;
    let body = credentials(&lab, &[]).await.json();
    assert_eq!(claims(&body, "access_token")["azpacr"], "1");
    assert_eq!(body.get("refresh_token"), None);
    for (changed, error, code) in [
        (("client_secret", "wrong"), "invalid_client", 7000215),
        (("client_secret", ""), "invalid_client", 7000218),
        (("client_id", HOST), "invalid_client", 700025),
        (("client_id", ""), "invalid_request", 900144),
        (("client_id", CONTOSO), "unauthorized_client", 700016),
        (
            ("scope", &format!("{GATEWAY_URI}/tools.read")),
            "invalid_scope",
            1002012,
        ),
        (
            ("scope", "https://elsewhere.example/.default"),
            "invalid_resource",
            500011,
        ),
        (("grant_type", "password"), "unsupported_grant_type", 70003),
    ] {
        refused(&credentials(&lab, &[changed]).await, error, code);
    }
    let basic = [(
        "authorization",
        "Basic NzVkYmU3N2YtMTBhMy00ZTU5LTg1ZmQtOGMxMjc1NDRmMTdjOmxhYi1kYWVtb24tc2VjcmV0",
    )];
    let scope = format!("{GATEWAY_URI}/.default");
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", scope.as_str()),
    ];
    let path = format!("/{CONTOSO}/oauth2/v2.0/token");
    assert_eq!(
        post_form(lab.base_url(), &path, &basic, &form).await.status,
        200
    );
    let everyone = post_form(lab.base_url(), "/common/oauth2/v2.0/token", &basic, &form).await;
    refused(&everyone, "invalid_request", 9001023);
}

#[tokio::test]
async fn assignment_required_leaves_no_token_without_a_role() {
    let mut settings = EntraSettings::default();
    let gateway = |app: &&mut portcullis_lab::entra::App| app.id == GATEWAY;
    settings.tenants[0]
        .apps
        .iter_mut()
        .find(gateway)
        .unwrap()
        .assignment_required = true;
    let lab = EntraLab::start(settings).await.unwrap();
    assert_eq!(credentials(&lab, &[]).await.status, 200);
    let changed = [("client_id", GATEWAY), ("client_secret", GATEWAY_SECRET)];
    refused(&credentials(&lab, &changed).await, "invalid_grant", 501051);
}

/// A lab whose daemon has a certificate and trusts a cluster, and the two keys.
async fn with_keys() -> (EntraLab, SigningKey, SigningKey) {
    let (certificate, cluster) = (SigningKey::rsa().unwrap(), SigningKey::ec().unwrap());
    let mut settings = EntraSettings::default();
    let daemon = settings.tenants[0]
        .apps
        .iter_mut()
        .find(|app| app.id == DAEMON)
        .unwrap();
    daemon.certificates = vec![certificate.client_certificate()];
    daemon.federated = vec![FederatedCredential {
        issuer: "https://cluster.example".to_owned(),
        subject: "system:serviceaccount:research:gateway".to_owned(),
        audiences: vec!["api://AzureADTokenExchange".to_owned()],
        keys: vec![cluster.jwk()],
    }];
    let lab = EntraLab::start(settings).await.unwrap();
    lab.set_time(Some(NOW));
    (lab, certificate, cluster)
}

async fn with_assertion(lab: &EntraLab, assertion: &str) -> Response {
    let changed = [
        ("client_secret", ""),
        ("client_assertion", assertion),
        ("client_assertion_type", ASSERTION_TYPE),
    ];
    credentials(lab, &changed).await
}

#[tokio::test]
async fn a_certificate_assertion_is_checked_in_every_part() {
    let (lab, key, _) = with_keys().await;
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": key.thumbprint()});
    let claims = json!({
        "aud": format!("{}/{CONTOSO}/oauth2/v2.0/token", lab.base_url()),
        "iss": DAEMON, "sub": DAEMON, "jti": "one", "nbf": NOW, "iat": NOW, "exp": NOW + 300,
    });
    let sent = async |header: &Value, claims: &Value, key: &SigningKey| {
        with_assertion(&lab, &key.sign(header, claims).unwrap()).await
    };
    let good = sent(&header, &claims, &key).await;
    assert_eq!(super::claims(&good.json(), "access_token")["azpacr"], "2");
    refused(&sent(&header, &claims, &key).await, "invalid_client", 50027);
    for (name, value, code) in [
        ("aud", json!(lab.base_url()), 700023),
        ("sub", json!(GATEWAY), 50048),
        ("exp", json!(NOW - 301), 700024),
        ("exp", json!(NOW + 601), 700024),
        ("nbf", json!(NOW + 301), 700024),
        ("exp", Value::Null, 700024),
        ("jti", Value::Null, 50027),
    ] {
        let mut changed = claims.clone();
        changed["jti"] = json!("two");
        changed[name] = value;
        refused(&sent(&header, &changed, &key).await, "invalid_client", code);
    }
    for (name, value, code) in [
        ("alg", json!("RS256"), 50027),
        ("typ", json!("at+jwt"), 50027),
        ("x5t#S256", json!("other"), 700027),
    ] {
        let mut changed = header.clone();
        changed[name] = value;
        refused(&sent(&changed, &claims, &key).await, "invalid_client", code);
    }
    let other = SigningKey::rsa().unwrap();
    refused(
        &sent(&header, &claims, &other).await,
        "invalid_client",
        700027,
    );
}

#[tokio::test]
async fn a_federated_token_is_matched_exactly() {
    let (lab, key, cluster) = with_keys().await;
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": cluster.kid()});
    let claims = json!({
        "aud": "api://AzureADTokenExchange", "iss": "https://cluster.example",
        "sub": "system:serviceaccount:research:gateway", "iat": NOW, "exp": NOW + 3600,
    });
    let good = with_assertion(&lab, &cluster.sign(&header, &claims).unwrap()).await;
    assert_eq!(good.status, 200, "{}", good.body);
    for (name, value, code) in [
        ("iss", json!("https://cluster.example/"), 700211),
        (
            "sub",
            json!("system:serviceaccount:Research:gateway"),
            700213,
        ),
        ("aud", json!("api://azureadtokenexchange"), 700212),
        ("exp", json!(NOW - 301), 700024),
    ] {
        let mut changed = claims.clone();
        changed[name] = value;
        let assertion = cluster.sign(&header, &changed).unwrap();
        refused(
            &with_assertion(&lab, &assertion).await,
            "invalid_client",
            code,
        );
    }
    let forged = key.sign(&json!({"alg": "RS256"}), &claims).unwrap();
    refused(
        &with_assertion(&lab, &forged).await,
        "invalid_client",
        700027,
    );
}

async fn on_behalf_of(lab: &EntraLab, assertion: &str) -> Response {
    let form = [
        ("grant_type", GRANT),
        ("client_id", GATEWAY),
        ("client_secret", GATEWAY_SECRET),
        ("assertion", assertion),
        ("scope", "api://papers.contoso.com/papers.read"),
        ("requested_token_use", "on_behalf_of"),
    ];
    token(lab, &form).await
}

#[tokio::test]
async fn on_behalf_of_keeps_the_person_and_drops_the_roles() {
    let lab = lab().await;
    let scope = format!("{GATEWAY_URI}/tools.read");
    let first = lab.user_claims(ADA, HOST, &scope).unwrap();
    let body = on_behalf_of(&lab, &lab.mint(&first).unwrap()).await.json();
    let second = claims(&body, "access_token");
    assert_eq!(second["oid"], first["oid"]);
    assert_ne!(second["sub"], first["sub"]);
    assert_eq!(
        (&second["aud"], &second["azp"]),
        (&json!(PAPERS), &json!(GATEWAY))
    );
    assert_eq!(
        (second.get("roles"), &second["scp"]),
        (None, &json!("papers.read"))
    );

    let app_only = lab
        .app_claims(DAEMON, &format!("{GATEWAY_URI}/.default"))
        .unwrap();
    let mut expired = first.clone();
    expired["exp"] = json!(NOW - 1_000_000_000);
    let elsewhere = lab
        .user_claims(ADA, HOST, "api://papers.contoso.com/papers.read")
        .unwrap();
    for (claims, code) in [(app_only, 7000114), (expired, 500133), (elsewhere, 500131)] {
        let assertion = lab.mint(&claims).unwrap();
        refused(&on_behalf_of(&lab, &assertion).await, "invalid_grant", code);
    }
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": lab.current_key().kid()});
    let forged = SigningKey::rsa().unwrap().sign(&header, &first).unwrap();
    refused(&on_behalf_of(&lab, &forged).await, "invalid_grant", 50013);
}

#[tokio::test]
async fn a_policy_of_the_next_api_needs_the_person_again() {
    let lab = lab().await;
    let policy = "9ab03e19-ed42-4168-b6b7-7001fb3e933a";
    lab.set_policy(Policy::ConditionalAccess {
        resource: PAPERS.to_owned(),
        code: 50079,
        policy: policy.to_owned(),
    });
    let scope = format!("{GATEWAY_URI}/tools.read");
    let body = signed_in(&lab, &scope, &[]).await;
    let answer = on_behalf_of(&lab, body["access_token"].as_str().unwrap()).await;
    refused(&answer, "interaction_required", 50079);
    let challenge = answer.json()["claims"].as_str().unwrap().to_owned();
    let expected =
        format!(r#"{{"access_token":{{"polids":{{"essential":true,"values":["{policy}"]}}}}}}"#);
    assert_eq!(challenge, expected);

    let body = signed_in(&lab, &scope, &[("claims", &challenge)]).await;
    let answer = on_behalf_of(&lab, body["access_token"].as_str().unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    lab.set_policy(Policy::ConsentMissing {
        client: GATEWAY.to_owned(),
        resource: PAPERS.to_owned(),
    });
    let answer = on_behalf_of(&lab, body["access_token"].as_str().unwrap()).await;
    refused(&answer, "invalid_grant", 65001);
    assert_eq!(answer.json()["suberror"], "consent_required");
}
