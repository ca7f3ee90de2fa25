//! Certificates: those that `serve` shows and asks for, and those that `check` looks at.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::binary::{self, Running, eventually, portcullis};
use crate::place::Place;

/// An authority that gives certificates to the gateway and to its clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(place: &Place) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        place.write("tls/ca.pem", &issuer.pem());
        Self(issuer)
    }

    /// Writes `tls/NAME.pem` and `tls/NAME.key`.
    fn give(&self, place: &Place, name: &str, days: i64) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = OffsetDateTime::now_utc() - Duration::days(90);
        params.not_after = OffsetDateTime::now_utc() + Duration::days(days) + Duration::hours(1);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        place.write(&format!("tls/{name}.pem"), &certificate.pem());
        place.write(&format!("tls/{name}.key"), &key.serialize_pem());
    }
}

const TLS: &str = "[listen]\naddress = \"127.0.0.1:0\"\n[listen.tls]\n\
    certificate = \"tls/gateway.pem\"\nkey = \"file:tls/gateway.key\"\n";

fn serve(place: &Place) -> (Running, String) {
    let running = Running::start(portcullis(place.path(), &["serve"]));
    let address = running.hears("https address", |line| {
        line.split_once("listens on https://")
            .map(|(_, address)| address.trim().to_owned())
    });
    (running, address)
}

/// What curl makes of it: the status, or what went wrong.
fn get(place: &Place, address: &str, more: &[&str]) -> String {
    let url = format!("https://{address}/healthz");
    let mut command = binary::scrubbed("curl", place.path());
    command
        .args(["-sS", "--max-time", "20", "--cacert", "tls/ca.pem"])
        .args(["-o", "/dev/null", "-w", "%{http_code} %{ssl_verify_result}"])
        .args(more)
        .arg(url);
    let output = binary::finish(command);
    match output.code {
        0 => output.stdout,
        _ => output.stderr,
    }
}

fn serial(place: &Place, address: &str) -> String {
    let mut command = binary::scrubbed("curl", place.path());
    command
        .args([
            "-sS",
            "-v",
            "--max-time",
            "20",
            "--cacert",
            "tls/ca.pem",
            "-o",
            "/dev/null",
        ])
        .arg(format!("https://{address}/healthz"));
    let output = binary::finish(command);
    let expires = output
        .stderr
        .lines()
        .find(|line| line.contains("expire date"));
    expires.unwrap_or_default().to_owned()
}

#[test]
fn serve_speaks_tls_and_takes_a_renewed_certificate_over_on_sighup() {
    let place = Place::new(TLS);
    let authority = Authority::new(&place);
    authority.give(&place, "gateway", 40);
    let (running, address) = serve(&place);
    assert_eq!(get(&place, &address, &[]), "200 0");
    let before = serial(&place, &address);
    assert!(before.contains("expire date"), "{before}");
    authority.give(&place, "gateway", 400);
    let pid = rustix::process::Pid::from_child(&running.child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    eventually("the new certificate is shown", || {
        (serial(&place, &address) != before).then_some(())
    });
    running.hears("that it was renewed", |line| {
        line.contains("the certificate of the gateway was renewed")
            .then_some(())
    });
}

#[test]
fn clients_show_certificates_where_they_must() {
    let place = Place::new(&format!(
        "{TLS}client-ca = \"tls/ca.pem\"\nclient-certificates = \"required\"\n"
    ));
    let authority = Authority::new(&place);
    authority.give(&place, "gateway", 40);
    authority.give(&place, "client", 40);
    let (_running, address) = serve(&place);
    let with = ["--cert", "tls/client.pem", "--key", "tls/client.key"];
    assert_eq!(get(&place, &address, &with), "200 0");
    let without = get(&place, &address, &[]);
    assert!(without.contains("curl:"), "{without}");
    let stranger = Place::empty();
    Authority::new(&stranger).give(&stranger, "client", 40);
    let [certificate, key] =
        ["tls/client.pem", "tls/client.key"].map(|name| stranger.join(name).display().to_string());
    let stranger = get(&place, &address, &["--cert", &certificate, "--key", &key]);
    assert!(stranger.contains("curl:"), "{stranger}");
}

#[test]
fn a_certificate_that_cannot_be_used_refuses_the_start() {
    let place = Place::new(TLS);
    let authority = Authority::new(&place);
    for (days, words) in [
        (None, "the file of"),
        (Some(-1), "the certificate is not valid at this time"),
    ] {
        if let Some(days) = days {
            authority.give(&place, "gateway", days);
        }
        let output = place.run(&["serve"]);
        assert_eq!(output.code, 3, "{}", output.stderr);
        assert!(output.stderr.contains("`[listen.tls]` cannot be used"));
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}

#[test]
fn check_tells_how_long_certificates_last() {
    for (days, code, words) in [
        (400, 0, "until "),
        (12, 0, "ends in 12 days"),
        (-2, 1, "it is not valid now"),
    ] {
        let place = Place::new(TLS);
        Authority::new(&place).give(&place, "gateway", days);
        let output = place.run(&["check"]);
        assert_eq!(output.code, code, "{}", output.stdout);
        let line = output
            .stdout
            .lines()
            .find(|line| line.contains("tls/gateway.pem"))
            .unwrap();
        assert!(line.contains(words), "{line}");
        let json = place.run(&["check", "--json"]).json();
        assert_eq!(json["certificates"][0]["key"], "listen.tls.certificate");
        assert_eq!(json["certificates"][0]["days_left"], days, "{json}");
    }
    let place = Place::new(TLS);
    let output = place.run(&["check"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stdout.contains("it cannot be read"),
        "{}",
        output.stdout
    );
    place.write("tls/gateway.pem", "no certificate");
    let output = place.run(&["check"]);
    assert!(
        output.stdout.contains("it holds no certificate"),
        "{}",
        output.stdout
    );
}

/// Where there is a `/proc`: no core of a gateway is written.
#[test]
fn no_core_of_a_gateway_is_written() {
    let place = Place::new("[listen]\naddress = \"127.0.0.1:0\"\n");
    let (running, _) = place.serve();
    let limits = Path::new("/proc")
        .join(running.child.id().to_string())
        .join("limits");
    if let Ok(limits) = std::fs::read_to_string(limits) {
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        let words: Vec<&str> = core.split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{core}");
    }
}
