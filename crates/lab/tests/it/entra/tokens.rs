use portcullis_lab::entra::sample::{
    ADA, AGENT, AGENT_USER, ALAN, CONTOSO, DAEMON, FABRIKAM, GATEWAY, GATEWAY_SECRET, GATEWAY_URI,
    GRACE, HOST, LEGACY_API,
};
use portcullis_lab::entra::{EntraLab, EntraSettings, KeyIssuer, PERSONAL_TENANT, Policy};
use serde_json::{Value, json};

use super::super::browse::{get, post};
use super::{claims, lab, part, token};

fn names(claims: &Value) -> Vec<&str> {
    let members = claims.as_object().unwrap();
    let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
    // In which order they stand depends on how the JSON library was built.
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_version_2_token_has_its_claims_and_no_others() {
    let lab = lab().await;
    let claims = lab
        .user_claims(ADA, HOST, &format!("{GATEWAY_URI}/tools.read"))
        .unwrap();
    assert_eq!(
        names(&claims),
        [
            "acct",
            "aio",
            "aud",
            "azp",
            "azpacr",
            "exp",
            "groups",
            "iat",
            "idtyp",
            "iss",
            "name",
            "nbf",
            "oid",
            "preferred_username",
            "rh",
            "roles",
            "scp",
            "sid",
            "sub",
            "tid",
            "uti",
            "ver",
        ]
    );
    assert_eq!(claims["iss"], lab.issuer_v2(CONTOSO));
    assert_eq!(claims["aud"], GATEWAY);
    assert_eq!(
        (&claims["azp"], &claims["azpacr"]),
        (&json!(HOST), &json!("0"))
    );
    assert_eq!(claims["roles"], json!(["mcp.reader"]));
    assert_eq!(claims["groups"].as_array().unwrap().len(), 3);
    let header = part(&lab.mint(&claims).unwrap(), 0);
    assert_eq!(names(&header), ["alg", "kid", "typ"]);
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("JWT"), &json!("RS256"))
    );
}

#[tokio::test]
async fn a_version_1_token_has_its_claims_and_no_others() {
    let lab = lab().await;
    let scope = "api://legacy.contoso.com/user_impersonation";
    let claims = lab.user_claims(ADA, HOST, scope).unwrap();
    assert_eq!(
        names(&claims),
        [
            "acr",
            "aio",
            "amr",
            "appid",
            "appidacr",
            "aud",
            "exp",
            "family_name",
            "given_name",
            "groups",
            "iat",
            "ipaddr",
            "iss",
            "name",
            "nbf",
            "oid",
            "rh",
            "scp",
            "sid",
            "sub",
            "tid",
            "unique_name",
            "upn",
            "uti",
            "ver",
        ]
    );
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{CONTOSO}/"));
    let header = part(&lab.mint(&claims).unwrap(), 0);
    assert_eq!(header["x5t"], header["kid"]);
    // The audience is what the client named.
    for named in [
        LEGACY_API,
        "api://legacy.contoso.com",
        &format!("api://{CONTOSO}/{LEGACY_API}"),
    ] {
        let claims = lab.user_claims(ADA, HOST, &format!("{named}/user_impersonation"));
        assert_eq!(claims.unwrap()["aud"], named);
    }
}

#[tokio::test]
async fn above_two_hundred_groups_there_is_an_address_nobody_should_follow() {
    let lab = lab().await;
    let claims = lab
        .user_claims(GRACE, HOST, &format!("{GATEWAY_URI}/tools.read"))
        .unwrap();
    assert_eq!(claims.get("groups"), None);
    assert_eq!(claims["_claim_names"], json!({"groups": "src1"}));
    let endpoint = claims["_claim_sources"]["src1"]["endpoint"]
        .as_str()
        .unwrap();
    assert!(
        endpoint.starts_with("https://graph.windows.net/"),
        "{endpoint}"
    );
}

#[tokio::test]
async fn guests_and_agents_say_what_they_are() {
    let lab = lab().await;
    let scope = format!("{GATEWAY_URI}/tools.read");
    let guest = lab.user_claims(ALAN, HOST, &scope).unwrap();
    assert_eq!(guest["idp"], lab.issuer_v1(FABRIKAM));
    assert_eq!(
        (&guest["acct"], &guest["tid"]),
        (&json!(1), &json!(CONTOSO))
    );
    let says = |claims: &Value, name: &str, number: &str| {
        claims[name]
            .as_str()
            .is_some_and(|text| text.split(' ').any(|one| one == number))
    };
    for (claims, kind, actor, agent, user) in [
        (
            lab.user_claims(ADA, AGENT, &scope).unwrap(),
            "user",
            true,
            false,
            false,
        ),
        (
            lab.user_claims(AGENT_USER, AGENT, &scope).unwrap(),
            "user",
            true,
            false,
            true,
        ),
        (
            lab.app_claims(AGENT, &format!("{GATEWAY_URI}/.default"))
                .unwrap(),
            "app",
            true,
            true,
            false,
        ),
        (
            lab.user_claims(ADA, HOST, &scope).unwrap(),
            "user",
            false,
            false,
            false,
        ),
    ] {
        assert_eq!(claims["idtyp"], kind);
        assert_eq!(says(&claims, "xms_act_fct", "11"), actor, "{claims}");
        assert_eq!(says(&claims, "xms_sub_fct", "11"), agent, "{claims}");
        assert_eq!(says(&claims, "xms_sub_fct", "13"), user, "{claims}");
        assert_eq!(claims.get("scp").is_some(), kind == "user");
    }
}

#[tokio::test]
async fn an_app_may_have_no_role_at_all() {
    let lab = lab().await;
    let scope = format!("{GATEWAY_URI}/.default");
    let daemon = lab.app_claims(DAEMON, &scope).unwrap();
    assert_eq!(daemon["roles"], json!(["mcp.operator"]));
    assert_eq!(daemon["sub"], daemon["oid"]);
    assert_eq!(daemon.get("scp"), None);
    let none = lab
        .app_claims(GATEWAY, "api://papers.contoso.com/.default")
        .unwrap();
    assert_eq!((none.get("scp"), none.get("roles")), (None, None));
}

#[tokio::test]
async fn keys_say_whose_they_are() {
    let lab = lab().await;
    let keys = async |lab: &EntraLab, path: &str| {
        let set = get(lab.base_url(), path).await.json();
        set["keys"].as_array().unwrap().clone()
    };
    let template = format!("{}/{{tenantid}}/v2.0", lab.base_url());
    let own = keys(&lab, &format!("/{CONTOSO}/discovery/v2.0/keys")).await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["issuer"], lab.issuer_v2(CONTOSO));
    assert_eq!(own[0]["kid"], lab.current_key().kid());
    let common = keys(&lab, "/common/discovery/v2.0/keys").await;
    let issuers: Vec<_> = common
        .iter()
        .map(|key| key["issuer"].as_str().unwrap())
        .collect();
    assert_eq!(
        issuers,
        [template.as_str(), &lab.issuer_v2(PERSONAL_TENANT)]
    );
    assert_eq!(common[1]["kid"], lab.personal_key().unwrap().kid());
    let first = keys(&lab, &format!("/{CONTOSO}/discovery/keys")).await;
    assert_eq!(first[0].get("issuer"), None);

    let document = get(
        lab.base_url(),
        "/common/v2.0/.well-known/openid-configuration",
    )
    .await
    .json();
    assert_eq!(document["issuer"], template);
    let document = get(
        lab.base_url(),
        &format!("/{CONTOSO}/.well-known/openid-configuration"),
    )
    .await;
    assert_eq!(document.json()["issuer"], lab.issuer_v1(CONTOSO));

    lab.rotate_keys().unwrap();
    assert_eq!(
        keys(&lab, &format!("/{CONTOSO}/discovery/v2.0/keys"))
            .await
            .len(),
        2
    );
    lab.retire_keys();
    let left = keys(&lab, &format!("/{CONTOSO}/discovery/v2.0/keys")).await;
    assert_eq!(left.len(), 1);
    assert_ne!(left[0]["kid"], own[0]["kid"]);
    assert_eq!(
        get(lab.base_url(), "/nobody/discovery/v2.0/keys")
            .await
            .status,
        404
    );
    assert_eq!(lab.requests(&format!("/{CONTOSO}/discovery/v2.0/keys")), 3);
}

#[tokio::test]
async fn issuers_can_be_the_real_ones() {
    let settings = EntraSettings {
        authority: Some("https://login.microsoftonline.com".to_owned()),
        key_issuer: KeyIssuer::Templated,
        ..EntraSettings::default()
    };
    let lab = EntraLab::start(settings).await.unwrap();
    assert_eq!(
        lab.issuer_v2("x"),
        "https://login.microsoftonline.com/x/v2.0"
    );
    let path = format!("/{CONTOSO}/v2.0/.well-known/openid-configuration");
    let document = get(lab.base_url(), &path).await.json();
    assert_eq!(document["issuer"], lab.issuer_v2(CONTOSO));
    let keys = document["jwks_uri"].as_str().unwrap();
    let set = get(keys, "").await.json();
    assert_eq!(
        set["keys"][0]["issuer"],
        "https://login.microsoftonline.com/{tenantid}/v2.0"
    );
}

#[tokio::test]
async fn graph_answers_who_may_ask() {
    let lab = lab().await;
    let grace = lab
        .user_claims(GRACE, HOST, &format!("{GATEWAY_URI}/tools.read"))
        .unwrap();
    let path = format!(
        "/v1.0/users/{}/getMemberObjects",
        grace["oid"].as_str().unwrap()
    );
    let ask = async |token: &str, body: Value| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        post(lab.graph_url(), &path, &headers, body.to_string()).await
    };
    let credentials = [
        ("grant_type", "client_credentials"),
        ("client_id", GATEWAY),
        ("client_secret", GATEWAY_SECRET),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let body = token(&lab, &credentials).await.json();
    assert_eq!(
        claims(&body, "access_token")["roles"],
        json!(["GroupMember.Read.All"])
    );
    let good = body["access_token"].as_str().unwrap().to_owned();
    let members = json!({"securityEnabledOnly": true});
    let answer = ask(&good, members.clone()).await.json();
    assert_eq!(answer["value"].as_array().unwrap().len(), 201);

    assert_eq!(
        ask(&good, json!({})).await.json()["error"]["code"],
        "Request_BadRequest"
    );
    let mut other = part(&good, 1);
    other["roles"] = json!(["Mail.Send"]);
    let weak = lab.mint(&other).unwrap();
    assert_eq!(
        ask(&weak, members.clone()).await.json()["error"]["code"],
        "Authorization_RequestDenied"
    );
    other["aud"] = json!(GATEWAY);
    let misdirected = lab.mint(&other).unwrap();
    for bad in [misdirected.as_str(), "", "a.b.c"] {
        let answer = ask(bad, members.clone()).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"]["code"], "InvalidAuthenticationToken");
    }
    lab.set_policy(Policy::Outage {
        endpoint: "graph".to_owned(),
        status: 429,
        retry_after: Some(2),
    });
    let answer = ask(&good, members.clone()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "2"));
    lab.clear_policies();
    assert_eq!(ask(&good, members).await.status, 200);
    assert_eq!(lab.requests(&path), 8);
}
