//! What a decision costs: `cargo bench -p portcullis-policy`.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on should stop"
)]

use divan::{Bencher, black_box};
use portcullis_policy::{
    Action, Context, Policies, Principal, PrincipalKind, Query, Source, Target,
};

fn main() {
    divan::main();
}

/// A call that the last of so many policies permits.
#[divan::bench(args = [1, 10, 100])]
fn permitted(bencher: Bencher<'_, '_>, number: usize) {
    let policies = policies(number);
    bencher.bench(|| policies.authorize(black_box(&query("search"))));
}

/// A call that none of so many policies permits.
#[divan::bench(args = [1, 10, 100])]
fn denied(bencher: Bencher<'_, '_>, number: usize) {
    let policies = policies(number);
    bencher.bench(|| policies.authorize(black_box(&query("send"))));
}

/// Reading and validating so many policies.
#[divan::bench(args = [1, 10, 100])]
fn load(bencher: Bencher<'_, '_>, number: usize) {
    bencher.bench(|| policies(black_box(number)));
}

fn policies(number: usize) -> Policies {
    let others = (1..number).map(|other| {
        format!(
            r#"permit (principal in Group::"group-{other}", action == Action::"tools/call", resource == Tool::"papers/tool-{other}") when {{ context.profile == "research" }};"#
        )
    });
    let last = r#"permit (principal == User::"ada", action, resource == Tool::"papers/search");"#;
    let text: Vec<String> = others.chain([last.to_owned()]).collect();
    let source = Source {
        name: "bench.cedar".to_owned(),
        text: text.join("\n"),
    };
    Policies::load(&[source]).unwrap()
}

fn query(tool: &str) -> Query<'_> {
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
            name: tool,
        },
        context: Context {
            profile: "research",
            era: "modern",
            transport: "http",
            sign_in: Default::default(),
        },
    }
}
