//! What only a SPIFFE trust domain has.

use crate::problem::Problems;
use crate::section::Section;

/// The rules for JWT-SVIDs of a SPIFFE trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spiffe {
    /// The trust domain, without `spiffe://`.
    pub trust_domain: String,
    /// Where the domain's keys are.
    pub bundle: SpiffeBundle,
    /// The exact `iss`, where the domain's tokens have one; JWT-SVID leaves it out.
    pub issuer: Option<String>,
}

/// Where the keys of a trust domain are: a JWK Set in the form of the SPIFFE bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpiffeBundle {
    /// A file, relative to the configuration file; read again when it changes.
    File(String),
    /// A bundle endpoint.
    Url(String),
}

const NAMES: &[&str] = &["trust-domain", "bundle", "bundle-url"];

impl Spiffe {
    /// Reads the keys that only this kind has. Where it is another kind, they are refused.
    pub(super) fn read(
        problems: &mut Problems<'_>,
        section: &mut Section<'_, '_>,
        issuer: Option<String>,
        is_spiffe: bool,
    ) -> Option<Self> {
        if !is_spiffe {
            section.only_for(problems, NAMES, "issuers of the kind `spiffe`");
            return None;
        }
        let trust_domain = read_trust_domain(problems, section);
        let file = section.path(problems, "bundle");
        let url = section.url(problems, "bundle-url");
        let has_file = section.value("bundle").is_some();
        let has_url = section.value("bundle-url").is_some();
        let what = "signed tokens of other kinds: the bundle has the keys";
        section.only_for(problems, &["jwks-url"], what);
        if has_file == has_url {
            let message = match has_file {
                true => format!("`{}` has two bundles", section.path_of_table()),
                false => format!("`{}` has no bundle", section.path_of_table()),
            };
            let hint = "write `bundle = \"FILE\"` or `bundle-url = \"https://…\"`";
            section.refuse_hidden(problems, "bundle", message, hint);
        }
        let bundle = file.map(SpiffeBundle::File).or(url.map(SpiffeBundle::Url));
        Some(Self {
            trust_domain: trust_domain?,
            bundle: bundle?,
            issuer,
        })
    }
}

/// SPIFFE-ID, section 2.1: lower case, digits, `.`, `-`, `_`, at most 255 bytes.
pub(crate) fn read_trust_domain(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
) -> Option<String> {
    let hint = "write the trust domain alone: \"example.org\"";
    let Some((text, _)) = section.string(problems, "trust-domain") else {
        if section.value("trust-domain").is_none() {
            section.missing(problems, "trust-domain", hint);
        }
        return None;
    };
    let is_valid = (1..=255).contains(&text.len())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte)
        });
    if !is_valid {
        let message = format!("`{}` is no trust domain", section.key("trust-domain"));
        section.refuse(problems, "trust-domain", message, hint);
        return None;
    }
    Some(text.to_owned())
}
