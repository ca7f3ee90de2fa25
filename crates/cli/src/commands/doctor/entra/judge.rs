//! What the answers mean.

use portcullis_config::EntraVersion;
use serde::Serialize;

use super::Subject;
use super::trial::{Outcome, ROLE_MISSING, Tried};
use crate::terminal;

/// One thing that was found out.
#[derive(Serialize)]
pub(super) struct Finding {
    /// Stable, kebab-case.
    id: &'static str,
    level: Level,
    text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Fine,
    /// Good to know.
    Note,
    Wrong,
}

/// What follows from everything.
pub(super) struct Judged {
    pub(super) sign_in: &'static str,
    pub(super) findings: Vec<Finding>,
    /// The profiles' URLs that are no Application ID URIs.
    pub(super) missing_uris: Vec<String>,
    pub(super) lacks_api_uri: bool,
    pub(super) has_old_tokens: bool,
    pub(super) lacks_idtyp: bool,
    pub(super) is_open: bool,
}

/// The AADSTS numbers that say that the registration's proof is not good.
const BAD_PROOF: &[u32] = &[
    7_000_215, 7_000_222, 7_000_218, 700_027, 700_023, 700_024, 50_027, 50_048, 700_211, 700_212,
    700_213, 700_025,
];
/// No such application in the tenant.
const NO_APPLICATION: u32 = 700_016;
/// The resource is not in the tenant, or is no Application ID URI.
const NO_RESOURCE: u32 = 500_011;
/// The parameter `resource` does not match the scopes, or is not supported.
const RESOURCE_REFUSED: [u32; 2] = [9_010_010, 901_002];

impl Finding {
    pub(super) fn is_wrong(&self) -> bool {
        self.level == Level::Wrong
    }

    pub(super) fn show(&self) {
        let mark = match self.level {
            Level::Fine => terminal::green("ok"),
            Level::Note => terminal::yellow("--"),
            Level::Wrong => terminal::red("no"),
        };
        terminal::line(format!("{mark} {}", terminal::on_one_line(&self.text)));
        if let Some(fix) = &self.fix {
            terminal::line(format!("   {} {fix}", terminal::cyan("fix:")));
        }
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, id: &'static str, level: Level, text: impl Into<String>) {
        self.0.push(Finding {
            id,
            level,
            text: text.into(),
            fix: None,
        });
    }

    fn fine(&mut self, id: &'static str, text: impl Into<String>) {
        self.add(id, Level::Fine, text);
    }

    fn note(&mut self, id: &'static str, text: impl Into<String>) {
        self.add(id, Level::Note, text);
    }

    fn wrong(&mut self, id: &'static str, text: impl Into<String>, fix: impl Into<String>) {
        self.add(id, Level::Wrong, text);
        if let Some(last) = self.0.last_mut() {
            last.fix = Some(fix.into());
        }
    }
}

/// Judges all answers.
pub(super) fn judge(subject: &Subject<'_>, tried: &Tried) -> Judged {
    let mut findings = Findings::default();
    metadata(&mut findings, tried);
    let is_proven = proof(&mut findings, tried);
    let mut judged = Judged {
        sign_in: "none",
        findings: Vec::new(),
        missing_uris: Vec::new(),
        lacks_api_uri: false,
        has_old_tokens: false,
        lacks_idtyp: false,
        is_open: false,
    };
    if is_proven {
        tokens(&mut findings, subject, tried, &mut judged);
        uris(&mut findings, subject, tried, &mut judged);
        let is_direct = is_direct(subject, tried);
        ways(&mut findings, subject, tried, is_direct);
        judged.sign_in = match (is_direct, subject.issuer.front_door.is_some()) {
            (true, true) => "both",
            (true, false) => "direct",
            (false, true) => "front-door",
            (false, false) => "none",
        };
    }
    judged.findings = findings.0;
    judged
}

fn metadata(findings: &mut Findings, tried: &Tried) {
    findings.fine("metadata", format!("metadata of {}", tried.server.issuer));
    match &tried.keys {
        Ok(()) => findings.fine("keys", "the tenant's keys can be fetched"),
        Err(error) => findings.wrong(
            "keys",
            format!("the tenant's keys cannot be fetched: {error}"),
            "no token can be judged without them; see that the address is reachable from the gateway",
        ),
    }
    let methods = tried.server.code_challenge_methods_supported.as_deref();
    if methods.is_none_or(|methods| !methods.iter().any(|method| method == "S256")) {
        findings.note(
            "pkce-not-announced",
            "Entra does not announce PKCE: hosts that insist on the announcement need the front door",
        );
    }
    if tried.server.registration_endpoint.is_none() {
        findings.note(
            "no-registration",
            "Entra registers no clients by itself: without the front door, each host needs a client id that you register",
        );
    }
}

/// Whether the registration could prove who it is.
fn proof(findings: &mut Findings, tried: &Tried) -> bool {
    match &tried.own {
        Outcome::Token(_) => {}
        Outcome::Refused(numbers, words) => {
            let is = |known: &[u32]| numbers.iter().any(|number| known.contains(number));
            if is(&[NO_APPLICATION]) {
                findings.wrong(
                    "unknown-application",
                    words,
                    "`client.id` is no application of this tenant: copy the Application (client) ID of the app registration",
                );
                return false;
            }
            if is(BAD_PROOF) {
                findings.wrong(
                    "credential-refused",
                    words,
                    "the registration's secret, certificate or federated credential is not the one at Entra, or has expired",
                );
                return false;
            }
            if !is(&[ROLE_MISSING, NO_RESOURCE]) {
                findings.wrong(
                    "no-token",
                    words,
                    "look the AADSTS number up at https://login.microsoftonline.com/error",
                );
                return false;
            }
        }
        Outcome::Failed(why) => {
            findings.wrong(
                "no-answer",
                format!("the token endpoint gave no token: {why}"),
                "see that it is reachable from the gateway, and try again",
            );
            return false;
        }
    }
    findings.fine("credential", "the registration proves who it is");
    true
}

/// What the registration's own token says about tokens for this gateway.
fn tokens(findings: &mut Findings, subject: &Subject<'_>, tried: &Tried, judged: &mut Judged) {
    let claims = [&tried.own, &tried.by_api_uri]
        .into_iter()
        .chain(tried.by_url.values().map(|(without, _)| without))
        .find_map(Outcome::claims);
    let Some(claims) = claims else {
        findings.fine(
            "assignment-required",
            "applications without a role get no token (assignment required)",
        );
        findings.note(
            "token-not-seen",
            "version and audience of the tokens could not be seen, since the registration has no role of its own",
        );
        return;
    };
    let version = claims.text("ver").unwrap_or("?");
    let taken = &subject.entra.token_versions;
    let is_taken = match version {
        "1.0" => taken.contains(&EntraVersion::V1),
        "2.0" => taken.contains(&EntraVersion::V2),
        _ => false,
    };
    judged.has_old_tokens = version == "1.0";
    if is_taken {
        findings.fine(
            "token-version",
            format!("tokens have the version {version}"),
        );
    } else {
        findings.wrong(
            "token-version",
            format!("tokens have the version {version}, which the configuration does not take"),
            match version {
                "1.0" => "set `api.requestedAccessTokenVersion` to 2 in the manifest (or add \"1.0\" to `token-versions`)",
                _ => "add \"2.0\" to `token-versions`",
            },
        );
    }
    audience(findings, subject, claims.text("aud").unwrap_or_default());
    judged.lacks_idtyp = claims.text("idtyp").is_none();
    if judged.lacks_idtyp {
        findings.note(
            "no-idtyp",
            "tokens do not say whether they are of a user or an application (optional claim idtyp)",
        );
    }
    if claims.has_roles() {
        findings.note(
            "own-role",
            "the registration has a role at itself; whether applications without one get tokens was not seen",
        );
    } else {
        judged.is_open = true;
        findings.wrong(
            "assignment-not-required",
            "every application of the tenant gets a token for this gateway, without any role",
            "Enterprise applications, your app, Properties: set `Assignment required?` to Yes (the gateway refuses such tokens anyway)",
        );
    }
}

fn audience(findings: &mut Findings, subject: &Subject<'_>, audience: &str) {
    let taken = subject.config.profiles.values().all(|profile| {
        !profile.takes(subject.name)
            || subject
                .config
                .audiences(profile, subject.issuer)
                .iter()
                .any(|known| known == audience)
    });
    if taken {
        findings.fine(
            "audience",
            format!("tokens are for {audience}, which is taken"),
        );
    } else {
        findings.wrong(
            "audience",
            format!("tokens are for {audience}, which no profile takes"),
            format!(
                "add \"{audience}\" to `audiences` of [authn.issuers.{}]",
                subject.name
            ),
        );
    }
}

/// Which names the registration has.
fn uris(findings: &mut Findings, subject: &Subject<'_>, tried: &Tried, judged: &mut Judged) {
    if tried.by_api_uri.is_known() {
        findings.fine(
            "api-uri",
            format!("api://{} is an Application ID URI", subject.client),
        );
    } else {
        judged.lacks_api_uri = true;
        findings.note(
            "api-uri",
            format!("api://{} is no Application ID URI", subject.client),
        );
    }
    for (profile, url) in &subject.profiles {
        let Some((without, with)) = tried.by_url.get(url) else {
            continue;
        };
        if !without.is_known() {
            judged.missing_uris.push(url.clone());
            findings.note(
                "url-is-no-uri",
                format!("profile {profile}: {url} is no Application ID URI, so hosts that send it as `resource` are refused"),
            );
        } else if RESOURCE_REFUSED
            .iter()
            .any(|number| with.is_refused_by(*number))
        {
            findings.note(
                "resource-refused",
                format!("profile {profile}: Entra refuses the parameter `resource` for {url}"),
            );
        } else {
            findings.fine(
                "url-is-uri",
                format!(
                    "profile {profile}: {url} is an Application ID URI, and taken as `resource`"
                ),
            );
        }
        if url.ends_with('/') {
            findings.wrong(
                "slash-at-end",
                format!(
                    "profile {profile}: {url} ends with a slash, which no Application ID URI has"
                ),
                "take the slash out of the profile's `path` or `resource`",
            );
        }
    }
}

fn is_direct(subject: &Subject<'_>, tried: &Tried) -> bool {
    !subject.profiles.is_empty()
        && subject.profiles.iter().all(|(_, url)| {
            tried
                .by_url
                .get(url)
                .is_some_and(|(without, with)| without.is_known() && with.is_known())
        })
}

fn ways(findings: &mut Findings, subject: &Subject<'_>, tried: &Tried, is_direct: bool) {
    if subject.profiles.is_empty() {
        findings.wrong(
            "no-profile",
            "no profile with a known address takes tokens of this issuer",
            "set `listen.public-url`, and add a profile",
        );
        return;
    }
    match (&subject.issuer.front_door, is_direct) {
        (None, false) => findings.wrong(
            "no-way-in",
            "hosts cannot sign in at Entra directly, and there is no front door",
            format!("add [authn.issuers.{}.front-door]; or make every profile's URL an Application ID URI, as below", subject.name),
        ),
        (None, true) => findings.note(
            "direct-only",
            "direct sign-in needs hosts with a client id that you registered, that ask for full scope names and do without the announcement of PKCE; others need the front door",
        ),
        (Some(door), _) => {
            let redirect = subject.config.listen.base_url().unwrap_or_default();
            findings.note(
                "redirect-uri",
                format!("the front door needs the redirect URI {redirect}/oauth/{}/callback (platform Web) in the registration", subject.name),
            );
            let prefix = door.scope_prefix.as_deref().map(|prefix| prefix.trim_end_matches('/'));
            let is_bare = door.scopes.iter().any(|scope| !scope.contains('/'));
            let api = format!("api://{}", subject.client);
            let is_known = prefix.is_some_and(|prefix| {
                (prefix == api && tried.by_api_uri.is_known())
                    || tried.by_url.get(prefix).is_some_and(|(without, _)| without.is_known())
                    || (prefix == subject.client && tried.own.is_known())
            });
            if is_bare && !is_known {
                findings.wrong(
                    "scope-prefix",
                    "the front door's scopes would be asked of Microsoft Graph: `scope-prefix` is no Application ID URI of the registration",
                    format!("write `scope-prefix = \"{api}/\"`"),
                );
            }
        }
    }
}
