use portcullis_config::parse;

use super::*;

const ONE: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const OTHER: &str = "5b6ed9a4-1b7c-4c3c-9a57-5a3a3f5f4b11";
const ADA: &str = "690222be-ff1a-4d56-abd1-7e4f7d38e474";

fn authn(tenants: &str) -> Authn {
    let text = format!(
        "[listen]\npublic-url = \"https://gw.example.com\"\n\
         [authn]\nloopback = \"local\"\n\
         [authn.issuers.company]\nkind = \"entra\"\n{tenants}\naudiences = [\"{ONE}\"]\n\
         [authn.issuers.idp]\nkind = \"oidc\"\nissuer = \"https://idp.example.com\"\n"
    );
    parse(&text).unwrap().authn
}

#[test]
fn a_user_is_found_where_the_gateway_looks() {
    let one = authn(&format!("tenant = \"{ONE}\""));
    let two = authn(&format!("tenants = [\"{ONE}\", \"{OTHER}\"]"));
    let check = |authn: &Authn,
                 user: Option<&str>,
                 tenant: Option<&str>,
                 expected: Option<(&str, &str)>| {
        let whom = Whom::of(authn, user, tenant).ok();
        let whom = whom
            .as_ref()
            .map(|whom| (whom.user.as_str(), whom.tenant.as_str()));
        assert_eq!(whom, expected, "{user:?} {tenant:?}");
    };
    let full = format!("company:{ONE}/{ADA}");
    let short = format!("company:{ADA}");
    let ada = Some((full.as_str(), ONE));
    check(&one, None, None, Some(("local", "")));
    check(&one, Some("ada"), None, Some(("ada", "")));
    check(&one, Some("ada"), Some(""), Some(("ada", "")));
    check(&one, Some("ada"), Some(ONE), None);
    check(&one, Some("idp:00u1"), None, Some(("idp:00u1", "")));
    check(&one, Some("idp:00u1"), Some(ONE), None);
    check(&one, Some("nobody:00u1"), None, Some(("nobody:00u1", "")));
    check(&one, Some(&full), None, ada);
    check(&one, Some(&full), Some(ONE), ada);
    check(
        &one,
        Some(&full.to_uppercase().replace("COMPANY", "company")),
        None,
        ada,
    );
    check(&one, Some(&full), Some(OTHER), None);
    check(&one, Some(&short), None, ada);
    check(&two, Some(&full), None, ada);
    check(&two, Some(&short), None, None);
    check(&two, Some(&short), Some(ONE), ada);
}
