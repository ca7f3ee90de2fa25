//! Reading policy files: parse all, validate all, report all.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use cedar_policy::{Authorizer, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::entities::Vocabulary;
use crate::policies::Policies;
use crate::slices::Slices;
use crate::step_up::{self, Demands, is_step_up};

/// The longest name a policy may have, in characters. Names go into every
/// audit entry.
const MAX_NAME: usize = 128;

/// One policy file.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's name, unique among the sources.
    pub name: String,
    /// Its text, in Cedar's syntax.
    pub text: String,
}

/// Something wrong or odd in a policy file, in words for the file's author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The name of the source.
    pub source: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The column in characters, from 1, where it is known.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    /// `file:line:column: message`, with what is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A parsed policy and where it stands.
struct Parsed<'a> {
    source: &'a Source,
    offset: Option<usize>,
    name: String,
    policy: Policy,
}

pub(crate) fn load(sources: &[Source]) -> Result<Policies, Vec<Problem>> {
    let vocabulary = Vocabulary::parse().map_err(|error| vec![of_schema(&*error)])?;
    let (schema, _) =
        Schema::from_cedarschema_str(crate::schema()).map_err(|error| vec![of_schema(&error)])?;

    let mut problems = Vec::new();
    let mut parsed = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        if sources.iter().take(index).any(|s| s.name == source.name) {
            problems.push(Problem::at(source, None, "two policy files have this name"));
        }
        parse(source, &mut parsed, &mut problems);
    }

    let demands = demands(&parsed, &mut problems);
    let (set, origins) = assemble(&parsed, &mut problems);
    let validator = Validator::new(schema);
    let result = validator.validate(&set, ValidationMode::Strict);
    for error in result.validation_errors() {
        problems.extend(origins.get(error.policy_id()).map(|p| p.problem(error)));
    }
    let mut warnings: Vec<Problem> = result
        .validation_warnings()
        .filter_map(|warning| Some(origins.get(warning.policy_id())?.problem(warning)))
        .collect();
    sort(&mut warnings, sources);

    // The validator's verdict counts even if one of its errors could not be
    // placed in a file.
    if problems.is_empty() && result.validation_passed() {
        let (stepping_up, plain): (Vec<&Policy>, Vec<&Policy>) =
            set.policies().partition(|policy| is_step_up(policy));
        let sliced = |policies| {
            Slices::of(policies, |action| vocabulary.action(action))
                .map_err(|error| vec![of_schema(&*error)])
        };
        return Ok(Policies {
            number: set.num_of_policies(),
            slices: sliced(plain)?,
            step_up: sliced(stepping_up)?,
            demands,
            vocabulary,
            authorizer: Authorizer::new(),
            version: version(sources),
            warnings,
        });
    }
    sort(&mut problems, sources);
    Err(problems)
}

fn parse<'a>(source: &'a Source, parsed: &mut Vec<Parsed<'a>>, problems: &mut Vec<Problem>) {
    let set: PolicySet = match source.text.parse() {
        Ok(set) => set,
        Err(errors) => {
            let errors: &cedar_policy::ParseErrors = &errors;
            problems.extend(errors.iter().map(|error| Problem::of(source, None, error)));
            return;
        }
    };
    for template in set.templates() {
        let offset = template.as_ref().loc().map(|loc| loc.span.offset());
        problems.push(Problem {
            help: Some("write the principal and the resource out".to_owned()),
            ..Problem::at(source, offset, "policy templates are not supported")
        });
    }
    let mut policies: Vec<(Option<usize>, &Policy)> = set
        .policies()
        .map(|policy| (policy.as_ref().loc().map(|loc| loc.span.offset()), policy))
        .collect();
    policies.sort_unstable_by_key(|(offset, _)| *offset);

    for (index, (offset, policy)) in policies.into_iter().enumerate() {
        let name = match policy.annotation("id") {
            Some(name) => name.to_owned(),
            None => format!("{}#{}", source.name, index + 1),
        };
        if let Some(message) = bad_name(&name) {
            problems.push(Problem::at(source, offset, message));
        }
        parsed.push(Parsed {
            source,
            offset,
            name,
            policy: policy.clone(),
        });
    }
}

fn bad_name(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("the policy's @id is empty")
    } else if name.chars().count() > MAX_NAME {
        Some("the policy's name is longer than 128 characters")
    } else if name.chars().any(char::is_control) {
        Some("the policy's name holds control characters")
    } else {
        None
    }
}

fn demands(parsed: &[Parsed<'_>], problems: &mut Vec<Problem>) -> Demands {
    let mut demands = Demands::default();
    for entry in parsed {
        match step_up::demand(&entry.policy) {
            Ok(Some(demand)) => demands.add(entry.name.clone(), demand),
            Ok(None) => {}
            Err(message) => problems.push(Problem::at(entry.source, entry.offset, message)),
        }
    }
    demands
}

/// Puts all policies into one set under their names. A name that is taken is a
/// problem; its policy goes in under a name that says so, because its other
/// problems are wanted too.
fn assemble<'a>(
    parsed: &'a [Parsed<'a>],
    problems: &mut Vec<Problem>,
) -> (PolicySet, HashMap<PolicyId, &'a Parsed<'a>>) {
    let mut set = PolicySet::new();
    let mut origins: HashMap<PolicyId, &Parsed<'_>> = HashMap::new();
    for (index, entry) in parsed.iter().enumerate() {
        let mut id = PolicyId::new(&entry.name);
        if let Some(first) = origins.get(&id) {
            let line = first.offset.map(|at| position(&first.source.text, at).0);
            let line = line
                .map(|line| format!(", line {line}"))
                .unwrap_or_default();
            let message = format!("the policy name `{}` is taken", entry.name);
            problems.push(Problem {
                help: Some(format!("first used in {}{line}", first.source.name)),
                ..Problem::at(entry.source, entry.offset, message)
            });
            id = PolicyId::new(format!("{} (duplicate {index})", entry.name));
        }
        match set.add(entry.policy.new_id(id.clone())) {
            Ok(()) => {
                origins.insert(id, entry);
            }
            Err(error) => problems.push(Problem::at(entry.source, entry.offset, error.to_string())),
        }
    }
    (set, origins)
}

impl Parsed<'_> {
    fn problem(&self, diagnostic: &dyn Diagnostic) -> Problem {
        Problem::of(self.source, self.offset, diagnostic)
    }
}

impl Problem {
    fn at(source: &Source, offset: Option<usize>, message: impl Into<String>) -> Self {
        let position = offset.map(|offset| position(&source.text, offset));
        Self {
            source: source.name.clone(),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            message: message.into(),
            help: None,
        }
    }

    /// Takes message, place and help from Cedar's diagnostic. `otherwise` is
    /// the place when the diagnostic has none.
    fn of(source: &Source, otherwise: Option<usize>, diagnostic: &dyn Diagnostic) -> Self {
        let label = diagnostic
            .labels()
            .and_then(|mut labels| labels.next())
            .map(|label| label.offset());
        Self {
            help: diagnostic.help().map(|help| help.to_string()),
            ..Self::at(source, label.or(otherwise), diagnostic.to_string())
        }
    }
}

fn of_schema(diagnostic: &dyn Diagnostic) -> Problem {
    let source = Source {
        name: "portcullis.cedarschema".to_owned(),
        text: crate::schema().to_owned(),
    };
    Problem::of(&source, None, diagnostic)
}

/// Line and column, both from 1, of a byte offset. An offset past the end is
/// the end.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = (0..=offset.min(text.len()))
        .rev()
        .find_map(|end| text.get(..end))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let last = before.rsplit('\n').next().unwrap_or_default();
    (line, last.chars().count() + 1)
}

fn sort(problems: &mut [Problem], sources: &[Source]) {
    problems.sort_by_cached_key(|problem| {
        let source = sources.iter().position(|s| s.name == problem.source);
        (
            source,
            problem.line,
            problem.column,
            problem.message.clone(),
        )
    });
}

/// Each name and text goes in with its length before it, so that no other cut
/// between them gives the same digest.
fn version(sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    for part in sources.iter().flat_map(|s| [&s.name, &s.text]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut version = "sha256:".to_owned();
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(version, "{byte:02x}");
    }
    version
}
