//! How the tokens of an issuer are signed.

use super::Kind;
use crate::problem::Problems;
use crate::section::Section;

/// A signature algorithm of RFC 7518 and RFC 8037. There is no symmetric one and no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the registry")]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("EdDSA", Algorithm::EdDsa),
];

impl Algorithm {
    /// The name in a token's header.
    pub fn name(self) -> &'static str {
        let entry = ALGORITHMS.iter().find(|(_, algorithm)| *algorithm == self);
        entry.map_or("", |(name, _)| name)
    }
}

/// The algorithms, and the values of `typ`.
pub(super) fn read_signature(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    kind: Kind,
) -> (Vec<Algorithm>, Vec<String>) {
    let algorithms = section.choices(problems, "algorithms", ALGORITHMS, |name| {
        let upper = name.to_ascii_uppercase();
        if upper == "NONE" {
            Some("a token without a signature can be written by anybody")
        } else if upper.starts_with("HS") {
            Some("the key of a symmetric signature would be in every place that checks it, and a public key could be taken for it")
        } else {
            None
        }
    });
    let types = section.words(problems, "token-types");
    if types.as_ref().is_some_and(Vec::is_empty) {
        let message = format!("`{}` is empty", section.key("token-types"));
        let hint = "name what `typ` may be: \"at+jwt\" (RFC 9068), for some issuers \"JWT\"";
        section.refuse(problems, "token-types", message, hint);
    }
    let default = || match kind {
        Kind::Entra => vec![Algorithm::Rs256],
        Kind::Oidc | Kind::Spiffe => vec![Algorithm::Rs256, Algorithm::Es256],
    };
    let default_types = || match kind {
        Kind::Oidc => vec!["at+jwt".to_owned()],
        Kind::Entra => vec!["JWT".to_owned()],
        // JWT-SVID, section 3: `typ` is optional, and one of these.
        Kind::Spiffe => vec!["JWT".to_owned(), "JOSE".to_owned()],
    };
    (
        algorithms.unwrap_or_else(default),
        types.unwrap_or_else(default_types),
    )
}
