use insta::assert_snapshot;

use super::*;

/// The problems of these files, one a line.
fn problems(files: &[(&str, &str)]) -> String {
    let problems = Policies::load(&sources(files)).unwrap_err();
    render(&problems)
}

fn render(problems: &[crate::Problem]) -> String {
    let line = |p: &crate::Problem| {
        let help = p.help.as_deref().map(|h| format!(" [{h}]"));
        format!("{p}{}", help.unwrap_or_default())
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn problems_of_several_files_come_together() {
    let files = [
        (
            "a.cedar",
            "// é\npermit (principal, action, resource);\npermit (principal;\n",
        ),
        (
            "b.cedar",
            "@id(\"b\")\npermit (principal, action, resource)\nwhen { principal.salary > 3 };\n",
        ),
        (
            "c.cedar",
            "permit (principal == Person::\"x\", action, resource);\n\n  forbid (principal, action == Action::\"fly\", resource);",
        ),
        (
            "d.cedar",
            "@id(\"fine\") permit (principal, action, resource);",
        ),
    ];
    assert_snapshot!(problems(&files), @r#"
    a.cedar:3:18: unexpected token `;`
    b.cedar:3:8: for policy `b`, attribute `salary` on entity type `Agent` not found [did you mean `issuer`?]
    b.cedar:3:8: for policy `b`, attribute `salary` on entity type `User` not found [did you mean `issuer`?]
    b.cedar:3:8: for policy `b`, attribute `salary` on entity type `Workload` not found [did you mean `issuer`?]
    c.cedar:1:22: for policy `c.cedar#1`, unrecognized entity type `Person` [did you mean `Server`?]
    c.cedar:3:32: for policy `c.cedar#2`, unrecognized action `Action::"fly"` [did you mean `Action::"connect"`?]
    "#);
}

#[test]
fn a_name_is_given_once() {
    let files = [
        (
            "a.cedar",
            "@id(\"x\") permit (principal, action, resource);\n@id(\"x\")\nforbid (principal, action, resource);",
        ),
        (
            "b.cedar",
            "\n@id(\"x\") permit (principal, action, resource);\n@id(\"a.cedar#1\") permit (principal, action, resource);",
        ),
        (
            "c.cedar",
            "@id(\"\") permit (principal, action, resource);\n@id permit (principal, action, resource);\n@id(\"a\\nb\") permit (principal, action, resource);",
        ),
    ];
    assert_snapshot!(problems(&files), @r#"
    a.cedar:2:1: the policy name `x` is taken [first used in a.cedar, line 1]
    b.cedar:2:1: the policy name `x` is taken [first used in a.cedar, line 1]
    c.cedar:1:1: the policy's @id is empty
    c.cedar:2:1: the policy name `` is taken [first used in c.cedar, line 1]
    c.cedar:2:1: the policy's @id is empty
    c.cedar:3:1: the policy's name holds control characters
    "#);
}

#[test]
fn a_file_is_given_once() {
    let text = "@id(\"x\") permit (principal, action, resource);";
    assert_snapshot!(problems(&[("a.cedar", text), ("a.cedar", "")]), @"a.cedar: two policy files have this name");
}

#[test]
fn templates_are_refused() {
    let text = "permit (principal == ?principal, action, resource);";
    assert_snapshot!(problems(&[("a.cedar", text)]), @"a.cedar:1:1: policy templates are not supported [write the principal and the resource out]");
}

/// What would fail when evaluated is mostly found when loading.
#[test]
fn validation_is_strict() {
    for condition in [
        "decimal(\"bad\").lessThan(decimal(\"1.0\"))",
        "resource.owner == principal",
        "context.risk > 3",
        "context.profile like principal.name",
        "[1, \"a\"].contains(1)",
        "context.era == 1",
        "decimal(context.profile).lessThan(decimal(\"1.0\"))",
    ] {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        assert!(
            Policies::load(&sources(&[("a.cedar", &text)])).is_err(),
            "{condition}"
        );
    }
}

#[test]
fn policies_without_a_name_are_counted_in_their_file() {
    let text = "permit (principal, action, resource);".repeat(11);
    let policies = load(&[
        ("a.cedar", &text),
        ("b.cedar", "permit (principal, action, resource);"),
    ]);
    assert_eq!(policies.len(), 12);
    let Decision::Permit { policies } = policies.authorize(&query()) else {
        panic!("denied")
    };
    let mut expected: Vec<String> = (1..=11).map(|n| format!("a.cedar#{n}")).collect();
    expected.push("b.cedar#1".to_owned());
    expected.sort();
    assert_eq!(policies, expected);

    // The count follows the file, not an order of the parser's.
    let last = text.clone() + "forbid (principal, action, resource);";
    let policies = load(&[("a.cedar", &last)]);
    assert_eq!(policies.authorize(&query()), forbidden(&["a.cedar#12"]));
}

#[test]
fn a_policy_that_can_never_apply_is_a_warning() {
    let text = "\n@id(\"never\")\npermit (principal, action, resource)\nwhen { false };";
    let policies = load(&[("a.cedar", text)]);
    assert_snapshot!(render(policies.warnings()), @"a.cedar:2:1: for policy `never`, policy is impossible: the policy expression evaluates to false for all valid requests");
    assert_eq!(policies.len(), 1);
}

#[test]
fn the_version_is_of_names_texts_and_order() {
    let version = |files: &[(&str, &str)]| load(files).version().to_owned();
    let a = version(&[("a", ""), ("b", "")]);
    assert_snapshot!(a, @"sha256:95b7aa4901af8eeae416e5a65f0efd6651fe665902e5397a0e9c66725bec3bd4");
    assert_eq!(a, version(&[("a", ""), ("b", "")]));
    for other in [
        &[("b", ""), ("a", "")][..],
        &[("a", "//b"), ("", "")],
        &[("a", ""), ("b", " ")],
        &[("a", "")],
        &[("ab", "")],
        &[],
    ] {
        assert_ne!(a, version(other), "{other:?}");
    }
}

#[test]
fn the_shipped_policies_and_the_schema_are_valid() {
    assert!(crate::schema().contains("entity Tool in [Server]"));
    let research = include_str!("../../../../policies/research.cedar");
    for (name, text) in [
        ("everything-local.cedar", crate::LOCAL_POLICY),
        ("research.cedar", research),
    ] {
        let policies = load(&[(name, text)]);
        assert!(
            policies.warnings().is_empty(),
            "{}",
            render(policies.warnings())
        );
        assert!(!policies.is_empty());
        assert_eq!(
            text.matches("@id(\"").count(),
            policies.len(),
            "{name}: every policy has a name"
        );
    }
}

#[test]
fn the_schema_and_the_actions_agree() {
    let (schema, _) = cedar_policy::Schema::from_cedarschema_str(crate::schema()).unwrap();
    // A group would make being in an action more than being it; the slices rely on that.
    assert_eq!(schema.action_groups().count(), 0);
    let mut known: Vec<String> = schema
        .actions()
        .map(|a| a.id().unescaped().to_owned())
        .collect();
    known.sort();
    let mut named: Vec<String> = Action::ALL.iter().map(ToString::to_string).collect();
    named.sort();
    assert_eq!(known, named);
}
