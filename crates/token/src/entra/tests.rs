use serde_json::{Value, json};

use super::*;
use crate::assertion::SigningKey;
use crate::fixture::{NOW, bearer, jwk, key, key_set, line, sign};
use crate::{Algorithm, Expected, peek, validate};

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";
const API: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const CLIENT: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const OBJECT: &str = "cccccccc-0000-4000-8000-000000000003";
const URI: &str = "https://gw.contoso.com/research";

/// One token and what is expected of it.
struct Case {
    header: Value,
    claims: Value,
    issuer: Issuer,
    /// The `issuer` members of the signing keys `k1` and `k2`; only `k1` signs.
    key_issuer: Option<&'static str>,
    now: u64,
}

impl Case {
    fn rules(&mut self) -> &mut EntraRules {
        match &mut self.issuer.kind {
            crate::IssuerKind::Entra(rules) => rules,
            _ => panic!("not Entra"),
        }
    }

    fn set(&mut self, claims: Value) {
        for (name, value) in claims.as_object().unwrap() {
            if value.is_null() {
                self.claims.as_object_mut().unwrap().remove(name);
            } else {
                self.claims[name.as_str()] = value.clone();
            }
        }
    }

    /// Makes a v1.0 token of it.
    fn v1(&mut self) {
        self.rules().versions = BTreeSet::from([Version::V1, Version::V2]);
        self.set(json!({
            "ver": "1.0", "iss": format!("https://sts.windows.net/{TENANT}/"), "azp": null,
            "azpacr": null, "appid": CLIENT, "appidacr": "1", "acr": "1", "amr": ["pwd", "mfa"],
        }));
    }

    /// Makes an application's token of it.
    fn app(&mut self) {
        self.set(json!({"scp": null, "roles": ["mcp.reader"], "idtyp": "app"}));
    }

    fn of(&mut self, tenant: &str) {
        self.set(json!({
            "tid": tenant, "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        }));
    }
}

struct Bench {
    signer: SigningKey,
    other: SigningKey,
    rows: Vec<String>,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            signer: key(Algorithm::Rs256, "k1"),
            other: key(Algorithm::Rs256, "k2"),
            rows: Vec::new(),
        }
    }

    fn row(&mut self, name: &str, change: impl FnOnce(&mut Case)) {
        let mut case = Case {
            header: json!({"typ": "JWT", "alg": "RS256", "kid": "k1"}),
            claims: json!({
                "ver": "2.0", "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
                "tid": TENANT, "aud": API, "azp": CLIENT, "azpacr": "0", "oid": OBJECT,
                "sub": "pairwise", "scp": "tools.read tools.call", "exp": NOW + 3600,
                "nbf": NOW - 5, "iat": NOW - 5, "uti": "token-1", "rh": "0.A", "idtyp": "user",
            }),
            issuer: Issuer::entra("entra", EntraRules::new([TENANT.to_owned()])),
            key_issuer: Some("https://login.microsoftonline.com/{tenantid}/v2.0"),
            now: NOW,
        };
        change(&mut case);
        let keys: Vec<Value> = [&self.signer, &self.other]
            .into_iter()
            .map(|key| {
                let mut jwk = jwk(key);
                if let Some(issuer) = case.key_issuer {
                    jwk["issuer"] = json!(issuer);
                }
                jwk
            })
            .collect();
        let mut audiences = audiences(API, TENANT);
        audiences.push(URI.to_owned());
        let expected = Expected {
            now: case.now,
            ..bearer(&audiences)
        };
        let token = sign(&self.signer, &case.header, &case.claims);
        let result = peek(&token)
            .and_then(|token| validate(&token, &case.issuer, &key_set(&keys), &expected));
        let line = line(&result)
            .replace(TENANT, "(tenant)")
            .replace(OBJECT, "(object)")
            .replace(CLIENT, "(client)");
        self.rows.push(format!("{name:<44} {line}"));
    }
}

#[test]
fn the_table_of_entra_tokens() {
    let mut bench = Bench::new();
    versions_and_audiences(&mut bench);
    tenants_and_keys(&mut bench);
    permissions(&mut bench);
    callers(&mut bench);
    agents(&mut bench);
    step_up(&mut bench);
    times_and_types(&mut bench);
    assert!(bench.rows.len() >= 40, "{}", bench.rows.len());
    insta::assert_snapshot!("tokens", bench.rows.join("\n"));
}

fn versions_and_audiences(bench: &mut Bench) {
    bench.row("v2.0, a user", |_| {});
    bench.row("v1.0, a user", Case::v1);
    bench.row("v1.0 where only v2.0 is accepted", |case| {
        case.v1();
        case.rules().versions = BTreeSet::from([Version::V2]);
    });
    bench.row("no version", |case| case.set(json!({"ver": null})));
    bench.row("version 3.0", |case| case.set(json!({"ver": "3.0"})));
    bench.row("v1.0 issuer in a v2.0 token", |case| {
        case.set(json!({"iss": format!("https://sts.windows.net/{TENANT}/")}));
    });
    bench.row("audience api://id", |case| {
        case.v1();
        case.set(json!({"aud": format!("api://{API}")}));
    });
    bench.row("audience api://tenant/id", |case| {
        case.v1();
        case.set(json!({"aud": format!("api://{TENANT}/{API}")}));
    });
    bench.row("audience https:// URI", |case| {
        case.v1();
        case.set(json!({"aud": URI}));
    });
    bench.row("audience https:// URI with a slash", |case| {
        case.set(json!({"aud": format!("{URI}/")}));
    });
    bench.row("audience Microsoft Graph", |case| {
        case.set(json!({"aud": "00000003-0000-0000-c000-000000000000"}));
    });
    bench.row("audience missing", |case| case.set(json!({"aud": null})));
}

fn tenants_and_keys(bench: &mut Bench) {
    bench.row("another tenant, same key", |case| case.of(OTHER));
    bench.row("two tenants are allowed", |case| {
        case.rules().tenants.insert(OTHER.to_owned());
        case.of(OTHER);
    });
    bench.row("tid of another tenant than iss", |case| {
        case.set(json!({"tid": OTHER}))
    });
    bench.row("iss of another tenant than tid", |case| {
        case.set(json!({"iss": format!("https://login.microsoftonline.com/{OTHER}/v2.0")}));
    });
    bench.row("tid no GUID", |case| case.of("common"));
    bench.row("tid missing", |case| case.set(json!({"tid": null})));
    bench.row("tid with a path", |case| {
        case.of(&format!("{TENANT}/v2.0/.."))
    });
    bench.row("iss of another host", |case| {
        case.set(json!({"iss": format!("https://login.attacker.example/{TENANT}/v2.0")}));
    });
    bench.row("iss the template itself", |case| {
        case.set(json!({"iss": "https://login.microsoftonline.com/{tenantid}/v2.0"}));
    });
    bench.row("fixed key issuer", |case| {
        case.key_issuer =
            Some("https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0");
    });
    bench.row("key issuer of another tenant", |case| {
        case.key_issuer =
            Some("https://login.microsoftonline.com/22222222-2222-4222-8222-222222222222/v2.0");
    });
    bench.row("key of personal accounts", |case| {
        case.key_issuer =
            Some("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");
    });
    bench.row("no key issuer, one tenant", |case| case.key_issuer = None);
    bench.row("no key issuer, two tenants", |case| {
        case.key_issuer = None;
        case.rules().tenants.insert(OTHER.to_owned());
    });
    bench.row("key of before the rotation", |case| {
        case.header["kid"] = json!("k0")
    });
    bench.row("kid of another key", |case| {
        case.header["kid"] = json!("k2")
    });
    bench.row("Azure Government", |case| {
        case.rules().cloud = Cloud::us_government();
        case.key_issuer = Some("https://login.microsoftonline.us/{tenantid}/v2.0");
        case.set(json!({"iss": format!("https://login.microsoftonline.us/{TENANT}/v2.0")}));
    });
    bench.row("China", |case| {
        case.rules().cloud = Cloud::china();
        case.key_issuer = Some("https://login.partner.microsoftonline.cn/{tenantid}/v2.0");
        case.set(json!({"iss": format!("https://login.partner.microsoftonline.cn/{TENANT}/v2.0")}));
    });
    bench.row("China where the global cloud is meant", |case| {
        case.set(json!({"iss": format!("https://login.partner.microsoftonline.cn/{TENANT}/v2.0")}));
    });
}

fn permissions(bench: &mut Bench) {
    bench.row("scp and roles", |case| {
        case.set(json!({"roles": ["mcp.operator"]}))
    });
    bench.row("roles only", |case| {
        case.app();
        case.set(json!({"idtyp": null}));
    });
    bench.row("roles only, idtyp app", Case::app);
    bench.row("neither scp nor roles", |case| {
        case.set(json!({"scp": null, "idtyp": null}));
    });
    bench.row("an application without roles", |case| {
        case.app();
        case.set(json!({"roles": null}));
    });
    bench.row("an application with an empty list of roles", |case| {
        case.app();
        case.set(json!({"roles": []}));
    });
    bench.row("a user without scp", |case| {
        case.set(json!({"scp": null, "roles": ["mcp.admin"]}));
    });
    bench.row("an application with scp", |case| {
        case.set(json!({"idtyp": "app"}))
    });
    bench.row("idtyp device", |case| case.set(json!({"idtyp": "device"})));
    bench.row("12 groups", |case| {
        case.set(json!({"groups": (0..12).map(|n| format!("g{n:02}")).collect::<Vec<_>>()}));
    });
    bench.row("201 groups", |case| {
        case.set(json!({
            "_claim_names": {"groups": "src1"},
            "_claim_sources": {"src1": {"endpoint": "https://attacker.example/groups"}},
        }));
    });
    bench.row("hasgroups", |case| case.set(json!({"hasgroups": true})));
    bench.row("groups no list", |case| {
        case.set(json!({"groups": {"a": 1}}))
    });
}

fn callers(bench: &mut Bench) {
    bench.row("no oid", |case| case.set(json!({"oid": null})));
    bench.row("oid no GUID", |case| case.set(json!({"oid": "admin"})));
    bench.row("a guest by idp", |case| {
        case.set(json!({"idp": format!("https://sts.windows.net/{OTHER}/")}));
    });
    bench.row("a guest by acct", |case| case.set(json!({"acct": 1})));
    bench.row("a guest by xms_idrel", |case| {
        case.set(json!({"xms_idrel": "1 5"}))
    });
    bench.row("a guest where guests are allowed", |case| {
        case.rules().guests = true;
        case.set(json!({"idp": "live.com"}));
    });
    bench.row("a member by idp and acct", |case| {
        case.set(json!({"idp": format!("https://sts.windows.net/{TENANT}/"), "acct": 0}));
    });
    bench.row("client in the list", |case| {
        case.issuer.clients = Some(BTreeSet::from([CLIENT.to_owned()]));
    });
    bench.row("client not in the list", |case| {
        case.issuer.clients = Some(BTreeSet::from([API.to_owned()]));
    });
    bench.row("no azp, as in an id token", |case| {
        case.set(json!({"azp": null, "scp": null, "idtyp": null, "roles": ["mcp.admin"]}));
    });
    bench.row("appid in a v2.0 token", |case| {
        case.set(json!({"azp": null, "appid": CLIENT}))
    });
    let certificate = |case: &mut Case, strength: &str| {
        case.app();
        case.rules().client_authentication = ClientAuthentication::Certificate;
        case.set(json!({"azpacr": strength}));
    };
    bench.row("a client with a certificate", |case| certificate(case, "2"));
    bench.row("a client with a secret", |case| certificate(case, "1"));
    bench.row("a client that proves itself otherwise", |case| {
        certificate(case, "3")
    });
}

fn agents(bench: &mut Bench) {
    let facets = |case: &mut Case, actor: &str, subject: &str| {
        case.set(json!({"xms_act_fct": actor, "xms_sub_fct": subject, "xms_par_app_azp": API}));
    };
    bench.row("an agent for a human", |case| facets(case, "9 11 3", "2"));
    bench.row("an agent for itself", |case| {
        case.app();
        facets(case, "11", "11 3");
    });
    bench.row("an agent through its own account", |case| {
        facets(case, "11", "13")
    });
    bench.row("an agent for itself, with idtyp user", |case| {
        facets(case, "11", "11")
    });
    bench.row("an agent's account without an agent", |case| {
        facets(case, "3", "13")
    });
    bench.row("an agent for a human, without a user", |case| {
        case.app();
        facets(case, "11", "2");
    });
    bench.row("a subject that is agent and account", |case| {
        facets(case, "11", "11 13")
    });
    bench.row("an agent where none is accepted", |case| {
        case.rules().agents = false;
        facets(case, "11", "2");
    });
    bench.row("xms_par_app_azp alone", |case| {
        case.set(json!({"xms_par_app_azp": API}))
    });
    bench.row("a client that is configured as agent", |case| {
        case.issuer.agents.insert(CLIENT.to_owned());
    });
}

fn step_up(bench: &mut Bench) {
    bench.row("a context, and cp1", |case| {
        case.set(json!({"acrs": ["c1", "c3"], "xms_cc": ["CP1"]}));
    });
    bench.row("a context of an application", |case| {
        case.app();
        case.set(json!({"acrs": ["c1"]}));
    });
    bench.row("forged amr in a v2.0 token", |case| {
        case.set(json!({"amr": ["mfa"], "acr": "1"}));
    });
}

fn times_and_types(bench: &mut Bench) {
    bench.row("expired", |case| case.now = NOW + 3660);
    bench.row("not yet valid", |case| case.now = NOW - 66);
    bench.row("no nbf", |case| case.set(json!({"nbf": null})));
    bench.row("issued in the future", |case| {
        case.set(json!({"iat": NOW + 100}))
    });
    bench.row("typ at+jwt", |case| case.header["typ"] = json!("at+jwt"));
    bench.row("typ missing", |case| {
        case.header.as_object_mut().unwrap().remove("typ");
    });
    bench.row("alg PS256", |case| case.header["alg"] = json!("PS256"));
    bench.row("alg none", |case| case.header["alg"] = json!("none"));
}

#[test]
fn guids_are_told_from_other_texts() {
    assert!(is_guid(TENANT) && is_guid("ABCDEF01-0000-4000-8000-00000000000f"));
    for wrong in [
        "",
        "common",
        "11111111111141118111111111111111",
        "{11111111-1111-4111-8111-111111111111}",
        "11111111-1111-4111-8111-11111111111",
        "11111111-1111-4111-8111-111111111111-",
        "g1111111-1111-4111-8111-111111111111",
    ] {
        assert!(!is_guid(wrong), "{wrong}");
    }
}

#[test]
fn addresses_follow_from_the_cloud() {
    let china = Cloud::named("china").unwrap();
    let urls = [
        china.metadata_url(Version::V2, "common"),
        china.metadata_url(Version::V1, TENANT),
        china.authorization_url(TENANT),
        china.token_url(TENANT),
        china.groups_url(OBJECT),
        Cloud::global().groups_url(OBJECT),
        Cloud::us_government().issuer(Version::V1, TENANT),
    ];
    insta::assert_snapshot!(urls.join("\n"), @r#"
    https://login.partner.microsoftonline.cn/common/v2.0/.well-known/openid-configuration
    https://login.partner.microsoftonline.cn/11111111-1111-4111-8111-111111111111/.well-known/openid-configuration
    https://login.partner.microsoftonline.cn/11111111-1111-4111-8111-111111111111/oauth2/v2.0/authorize
    https://login.partner.microsoftonline.cn/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token
    https://microsoftgraph.chinacloudapi.cn/v1.0/users/cccccccc-0000-4000-8000-000000000003/getMemberObjects
    https://graph.microsoft.com/v1.0/users/cccccccc-0000-4000-8000-000000000003/getMemberObjects
    https://sts.windows.net/11111111-1111-4111-8111-111111111111/
    "#);
    assert_eq!(Cloud::named("germany"), None);
}
