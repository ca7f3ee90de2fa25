use proptest::prelude::*;
use rcgen::{CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, SanType};

use super::*;

fn certificate(shape: impl FnOnce(&mut CertificateParams)) -> Certificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    shape(&mut params);
    let key = KeyPair::generate().unwrap();
    Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap()
}

fn with_uris(uris: &[&str]) -> Certificate {
    certificate(|params| {
        params.subject_alt_names = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().unwrap()))
            .collect();
    })
}

fn subject(names: CertificateNames, certificate: &Certificate) -> Option<String> {
    let rules = CertificatePrincipals {
        names,
        principal: config::PrincipalKind::Workload,
    };
    let identity = certificate.identity(&rules, 1_800_000_000)?;
    assert_eq!(identity.issuer, CERTIFICATES);
    assert_eq!(identity.kind, PrincipalKind::Workload);
    Some(identity.subject)
}

#[test]
fn a_spiffe_id_is_the_one_uri_of_the_trust_domain() {
    let check = |uris: &[&str]| {
        let names = CertificateNames::Spiffe {
            trust_domain: "example.org".to_owned(),
        };
        subject(names, &with_uris(uris)).is_some()
    };
    assert!(check(&["spiffe://example.org/ns/prod/importer"]));
    for wrong in [
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe://example.org/a/../b",
        "spiffe://example.org/a//b",
        "spiffe://example.org/a?b",
        "spiffe://example.org.attacker.example/a",
        "spiffe://Example.org/a",
        "https://example.org/a",
    ] {
        assert!(!check(&[wrong]), "{wrong}");
    }
    assert!(!check(&[]));
    assert!(!check(&[
        "spiffe://example.org/a",
        "spiffe://example.org/b"
    ]));
}

#[test]
fn a_dns_name_counts_when_it_is_the_only_one() {
    let check = |names: &[&str]| {
        let certificate = certificate(|params| {
            params.subject_alt_names = names
                .iter()
                .map(|name| SanType::DnsName((*name).try_into().unwrap()))
                .collect();
        });
        subject(CertificateNames::Dns, &certificate)
    };
    assert_eq!(
        check(&["Importer.example.org"]).as_deref(),
        Some("importer.example.org")
    );
    assert_eq!(check(&["a.example.org", "b.example.org"]), None);
    assert_eq!(check(&["*.example.org"]), None);
    assert_eq!(check(&[]), None);
}

#[test]
fn a_subject_is_written_so_that_none_can_pass_for_another() {
    let check = |names: &[(DnType, &str)]| {
        let certificate = certificate(|params| {
            for (kind, value) in names {
                params.distinguished_name.push(kind.clone(), *value);
            }
        });
        subject(CertificateNames::Subject, &certificate)
    };
    let (organisation, name) = (DnType::OrganizationName, DnType::CommonName);
    assert_eq!(
        check(&[
            (organisation.clone(), "Contoso"),
            (name.clone(), "importer")
        ])
        .as_deref(),
        Some("CN=importer,O=Contoso")
    );
    assert_eq!(
        check(&[(organisation, "Contoso,CN=importer")]).as_deref(),
        Some("O=Contoso\\,CN=importer")
    );
    assert_eq!(
        check(&[(name.clone(), " #a+b\"c\\d<e>;f ")]).as_deref(),
        Some("CN=\\ #a\\+b\\\"c\\\\d\\<e\\>\\;f\\ ")
    );
    assert_eq!(check(&[(name.clone(), "#a")]).as_deref(), Some("CN=\\#a"));
    let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
    assert_eq!(
        check(&[(email, "a")]).as_deref(),
        Some("1.2.840.113549.1.9.1=#0C0161")
    );
    assert_eq!(check(&[(name, "two\nlines")]), None);
    assert_eq!(check(&[]), None);
}

#[test]
fn an_authority_and_a_certificate_that_is_over_are_nobody() {
    let rules = CertificatePrincipals {
        names: CertificateNames::Dns,
        principal: config::PrincipalKind::Agent,
    };
    let shape = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![SanType::DnsName("a.example.org".try_into().unwrap())];
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    };
    let good = certificate(shape);
    let end = good.expires();
    assert_eq!(end, 1_893_456_000);
    let identity = good.identity(&rules, end).unwrap();
    assert_eq!(identity.agent, Some(AgentPart::Autonomous));
    assert_eq!(identity.expires, end);
    assert!(identity.binding.is_bound());
    assert_eq!(good.identity(&rules, end + 1), None);
    let authority = certificate(|params| {
        shape(params);
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    assert_eq!(authority.identity(&rules, end), None);
}

#[test]
fn what_is_no_certificate_is_unreadable() {
    let certificate = CertificateParams::default()
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap();
    let der = certificate.der().to_vec();
    let longer = [der.as_slice(), b"\0"].concat();
    for wrong in [&b""[..], &b"\x30\x00"[..], &longer, &der[1..]] {
        assert_eq!(Certificate::from_der(wrong), Err(CertificateUnreadable));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_names_are_never_written_alike(
        one in ("[a-zO =,+#\\\\\"]{1,6}", "[a-zCN =,+#\\\\\"]{1,6}"),
        other in ("[a-zO =,+#\\\\\"]{1,6}", "[a-zCN =,+#\\\\\"]{1,6}"),
    ) {
        let write = |(organisation, name): &(String, String)| {
            certificate(|params| {
                let names = &mut params.distinguished_name;
                names.push(DnType::OrganizationName, organisation.as_str());
                names.push(DnType::CommonName, name.as_str());
            })
            .subject()
            .map(str::to_owned)
            .unwrap()
        };
        let (first, second) = (write(&one), write(&other));
        prop_assert_eq!(first == second, one == other);
        let alone = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        });
        prop_assert_ne!(alone.subject(), Some(first.as_str()));
    }
}
