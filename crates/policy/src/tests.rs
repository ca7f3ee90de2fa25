mod authorize;
mod equivalence;
mod load;
mod matrix;
mod step_up;

use crate::{
    Action, Context, Decision, Denial, Policies, Principal, PrincipalKind, Query, Source, Target,
};

/// A set of one file.
fn policies(text: &str) -> Policies {
    load(&[("test.cedar", text)])
}

fn load(files: &[(&str, &str)]) -> Policies {
    Policies::load(&sources(files)).unwrap()
}

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    let source = |(name, text): &(&str, &str)| Source {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    files.iter().map(source).collect()
}

/// `ada` of the researchers calls the tool `papers/search`.
fn query() -> Query<'static> {
    Query {
        principal: Principal {
            kind: PrincipalKind::User,
            id: "ada",
            groups: &[],
            roles: &[],
            authentication: "api-key",
            issuer: None,
            tenant: None,
        },
        action: Action::ToolsCall,
        resource: Target::Tool {
            server: "papers",
            name: "search",
        },
        context: Context {
            profile: "research",
            era: "modern",
            transport: "http",
            sign_in: Default::default(),
        },
    }
}

/// A target of every kind that an action can have.
fn targets(action: Action) -> Vec<Target<'static>> {
    let server = "papers";
    let tool = Target::Tool {
        server,
        name: "search",
    };
    let resource = Target::Resource {
        server,
        uri: "papers://1",
    };
    let prompt = Target::Prompt {
        server,
        name: "review",
    };
    match action {
        Action::Connect | Action::SetLevel => vec![Target::Profile("research")],
        Action::ToolsCall => vec![tool],
        Action::ResourcesRead | Action::ResourcesSubscribe => vec![resource],
        Action::PromptsGet => vec![prompt],
        Action::CompletionComplete => vec![prompt, resource],
    }
}

fn permit(names: &[&str]) -> Decision {
    Decision::Permit {
        policies: names.iter().map(ToString::to_string).collect(),
    }
}

fn forbidden(names: &[&str]) -> Decision {
    Decision::Deny(Denial::Forbidden {
        policies: names.iter().map(ToString::to_string).collect(),
    })
}

fn error(names: &[&str]) -> Decision {
    Decision::Deny(Denial::Error {
        policies: names.iter().map(ToString::to_string).collect(),
    })
}
