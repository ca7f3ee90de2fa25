//! From files to a configuration that can be served: `portcullis.toml` and its policies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use portcullis_config::{self as config, Config, Transport};
use portcullis_openapi::{Document, Limits};
use portcullis_policy::{Policies, Source};

/// A configuration with its policies, complete and valid.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The compiled policies.
    pub policies: Policies,
    /// Every file and folder that was read.
    pub sources: Vec<PathBuf>,
    /// The OpenAPI documents of the servers that are described by one, by the server's name.
    pub documents: BTreeMap<String, Arc<Document>>,
    /// The folder that relative paths are relative to.
    pub base: PathBuf,
    /// What is allowed but should be known.
    pub warnings: Vec<String>,
}

/// Why there is no configuration. Holds every problem at once, each with file and line.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The files were read and hold mistakes.
    #[error("{} problem{} in the configuration", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Problems(Vec<String>),
}

impl LoadError {
    /// Every problem as text for a person, compiler style.
    pub fn problems(&self) -> Vec<String> {
        match self {
            Self::Unreadable { .. } => vec![format!("error: {self}")],
            Self::Problems(problems) => problems.clone(),
        }
    }
}

/// Reads a configuration file and the policies it names.
///
/// # Errors
/// Every problem of the configuration and of all policy files together.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    let text = read(path)?;
    let base = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned();
    let shown = path.display().to_string();
    let parsed = config::parse(&text);
    let mut problems: Vec<String> = match &parsed {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|problem| format!("error: {}", problem.render(&shown, &text)))
            .collect(),
    };
    // Policies are read even when the configuration is wrong, so that all problems come at once.
    let files = match &parsed {
        Ok(config) => config.policies.files.clone(),
        Err(_) => Config::default().policies.files,
    };
    let mut sources = vec![path.to_owned()];
    let policy_sources = policy_files(&base, &files, parsed.is_ok(), &mut sources, &mut problems)?;
    let policies = match Policies::load(&policy_sources) {
        Ok(policies) => Some(policies),
        Err(found) => {
            problems.extend(found.iter().map(render_policy_problem));
            None
        }
    };
    let mut documents = Documents::default();
    if let Ok(config) = &parsed {
        documents.read(config, &base, &shown);
        sources.append(&mut documents.sources);
        problems.append(&mut documents.problems);
    }
    match (parsed, policies) {
        (Ok(config), Some(policies)) if problems.is_empty() => {
            let mut warnings = config.warnings();
            warnings.append(&mut documents.warnings);
            warnings.extend(policies.warnings().iter().map(ToString::to_string));
            if policies.is_empty() {
                warnings.push("no policy is loaded: every message will be refused (write one into the policies folder)".to_owned());
            }
            Ok(Loaded {
                config,
                policies,
                sources,
                documents: documents.by_server,
                base,
                warnings,
            })
        }
        _ => Err(LoadError::Problems(problems)),
    }
}

/// A fingerprint of the files and folders, to notice that something changed.
pub fn fingerprint(sources: &[PathBuf]) -> Vec<Option<(SystemTime, u64)>> {
    sources
        .iter()
        .map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
        .collect()
}

fn policy_files(
    base: &Path,
    files: &[String],
    report: bool,
    read_from: &mut Vec<PathBuf>,
    problems: &mut Vec<String>,
) -> Result<Vec<Source>, LoadError> {
    let mut found = Vec::new();
    for file in files {
        let path = base.join(file);
        if path.is_dir() {
            read_from.push(path.clone());
            let listed = std::fs::read_dir(&path).map_err(|source| LoadError::Unreadable {
                path: path.clone(),
                source,
            })?;
            let mut inside: Vec<PathBuf> = listed
                .filter_map(|item| item.ok().map(|item| item.path()))
                .filter(|path| {
                    path.extension()
                        .is_some_and(|extension| extension == "cedar")
                })
                .collect();
            inside.sort();
            found.extend(inside);
        } else if path.is_file() {
            found.push(path);
        } else if report && *files != Config::default().policies.files {
            problems.push(format!(
                "error: {}: no such policy file or folder",
                path.display()
            ));
        }
    }
    let mut sources = Vec::with_capacity(found.len());
    for path in found {
        let text = read(&path)?;
        let name = path
            .strip_prefix(base)
            .unwrap_or(&path)
            .display()
            .to_string();
        read_from.push(path);
        sources.push(Source { name, text });
    }
    Ok(sources)
}

/// OpenAPI documents as they are read.
#[derive(Default)]
struct Documents {
    by_server: BTreeMap<String, Arc<Document>>,
    sources: Vec<PathBuf>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Documents {
    fn read(&mut self, config: &Config, base: &Path, shown: &str) {
        for (name, server) in &config.servers {
            let Transport::OpenApi { document, .. } = &server.transport else {
                continue;
            };
            let path = base.join(document);
            self.sources.push(path.clone());
            let text = match std::fs::read(&path) {
                Ok(text) => text,
                Err(error) => {
                    let line = server.line;
                    self.problems.push(format!(
                        "error: {shown}:{line}: the openapi document of server `{name}`, {}, cannot be read: {error}",
                        path.display()
                    ));
                    continue;
                }
            };
            match Document::parse(&text, &Limits::default()) {
                Ok(document) => {
                    let omitted = document.omitted();
                    self.warnings.extend(omitted.iter().map(|omitted| {
                        format!("server `{name}`: {}: left out {omitted}", path.display())
                    }));
                    self.by_server.insert(name.clone(), Arc::new(document));
                }
                Err(error) => {
                    let problems = error.problems.iter();
                    self.problems.extend(
                        problems.map(|problem| format!("error: {}: {problem}", path.display())),
                    );
                }
            }
        }
    }
}

fn render_policy_problem(problem: &portcullis_policy::Problem) -> String {
    let mut text = format!("error: {}", problem.source);
    if let Some(line) = problem.line {
        text.push_str(&format!(":{line}"));
        if let Some(column) = problem.column {
            text.push_str(&format!(":{column}"));
        }
    }
    text.push_str(&format!(": {}", problem.message));
    if let Some(help) = &problem.help {
        text.push_str(&format!("\n  help: {help}"));
    }
    text
}

fn read(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
