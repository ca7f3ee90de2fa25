use proptest::prelude::*;

use super::*;
use crate::error::{Fault, WireError};
use crate::json::{self, JsonKind, Limits};
use crate::method::Method;
use crate::version::{Era, ProtocolVersion};

use ClientCapabilities as C;
use ProtocolVersion as V;

fn set(parts: &[C]) -> C {
    parts.iter().fold(C::NONE, |set, part| set.union(*part))
}

#[test]
fn reads_what_a_client_declares() {
    let check = |raw: &str, version: V, parts: &[C]| {
        assert_eq!(C::read(raw, version), Ok(set(parts)), "{version}: {raw}");
    };
    for version in V::ALL {
        check("{}", *version, &[]);
        check(r#"{"experimental":{"x":{}},"vendor":1}"#, *version, &[]);
        check(r#"{"roots":null,"sampling":null}"#, *version, &[]);
        check(r#"{"roots":{}}"#, *version, &[C::ROOTS]);
        check(
            r#"{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html","text/html;profile=mcp-app"]},"x/y":{}}}"#,
            *version,
            &[C::UI],
        );
        check(
            r#"{"extensions":{"io.modelcontextprotocol/ui":{}}}"#,
            *version,
            &[C::UI],
        );
        check(
            r#"{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["image/png"]}}}"#,
            *version,
            &[],
        );
    }
    let announced = r#"{"roots":{"listChanged":true}}"#;
    check(
        announced,
        V::V2024_11_05,
        &[C::ROOTS, C::ROOTS_LIST_CHANGED],
    );
    check(
        announced,
        V::V2025_11_25,
        &[C::ROOTS, C::ROOTS_LIST_CHANGED],
    );
    check(announced, V::V2026_07_28, &[C::ROOTS]);
    check(
        r#"{"roots":{"listChanged":false}}"#,
        V::V2024_11_05,
        &[C::ROOTS],
    );

    let sampling = r#"{"sampling":{"tools":{}}}"#;
    check(
        sampling,
        V::V2025_06_18,
        &[C::SAMPLING, C::SAMPLING_CONTEXT],
    );
    check(sampling, V::V2025_11_25, &[C::SAMPLING, C::SAMPLING_TOOLS]);
    check(r#"{"sampling":{}}"#, V::V2026_07_28, &[C::SAMPLING]);
    check(
        r#"{"sampling":{"context":{}}}"#,
        V::V2026_07_28,
        &[C::SAMPLING, C::SAMPLING_CONTEXT],
    );

    let modes = [
        (r#"{"elicitation":{}}"#, [C::ELICITATION_FORM, C::NONE]),
        (
            r#"{"elicitation":{"form":{}}}"#,
            [C::ELICITATION_FORM, C::NONE],
        ),
        (
            r#"{"elicitation":{"url":{}}}"#,
            [C::ELICITATION_URL, C::NONE],
        ),
        (
            r#"{"elicitation":{"form":{"applyDefaults":true},"url":{}}}"#,
            [C::ELICITATION_FORM, C::ELICITATION_URL],
        ),
    ];
    for (raw, parts) in modes {
        check(raw, V::V2025_03_26, &[]);
        check(raw, V::V2025_06_18, &[C::ELICITATION_FORM]);
        check(raw, V::V2025_11_25, &parts);
        check(raw, V::V2026_07_28, &parts);
    }

    let tasks = r#"{"tasks":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
    check(tasks, V::V2025_11_25, &[]);
    check(tasks, V::V2026_07_28, &[C::TASKS]);
}

#[test]
fn refuses_client_capabilities_of_another_shape() {
    let check = |raw: &str, member: &'static str, fault: Fault| {
        assert_eq!(
            C::read(raw, V::LATEST),
            Err(WireError::Params { member, fault }),
            "{raw}"
        );
    };
    let object = Fault::Expected(JsonKind::Object);
    check("[]", "capabilities", object);
    check(r#"{"roots":true}"#, "roots", object);
    check(
        r#"{"sampling":{},"Sampling":{}}"#,
        "sampling",
        Fault::Ambiguous,
    );
    check(r#"{"Elicitation":{}}"#, "elicitation", Fault::Ambiguous);
    check(r#"{"sampling":{"tools":true}}"#, "tools", object);
    check(r#"{"elicitation":{"URL":{}}}"#, "url", Fault::Ambiguous);
    check(r#"{"extensions":[]}"#, "extensions", object);
    check(
        r#"{"extensions":{"io.modelcontextprotocol/tasks":true}}"#,
        TASKS_EXTENSION,
        object,
    );
    check(
        r#"{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":[1]}}}"#,
        "mimeTypes",
        Fault::Expected(JsonKind::String),
    );
    assert_eq!(
        C::read(r#"{"roots":{"listChanged":"yes"}}"#, V::LATEST_LEGACY),
        Err(WireError::Params {
            member: "listChanged",
            fault: Fault::Expected(JsonKind::Bool)
        })
    );
}

#[test]
fn writes_only_what_the_revision_knows() {
    let all = C::from_bits_truncate(u16::MAX);
    let ui = r#""extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}"#;
    let roots = r#""roots":{"listChanged":true}"#;
    for (version, expected) in [
        (V::V2024_11_05, format!(r#"{{{roots},"sampling":{{}},{ui}}}"#)),
        (V::V2025_03_26, format!(r#"{{{roots},"sampling":{{}},{ui}}}"#)),
        (
            V::V2025_06_18,
            format!(r#"{{{roots},"sampling":{{}},"elicitation":{{}},{ui}}}"#),
        ),
        (
            V::V2025_11_25,
            format!(
                r#"{{{roots},"sampling":{{"tools":{{}},"context":{{}}}},"elicitation":{{"form":{{}},"url":{{}}}},{ui}}}"#
            ),
        ),
        (
            V::V2026_07_28,
            r#"{"roots":{},"sampling":{"tools":{},"context":{}},"elicitation":{"form":{},"url":{}},"extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}}"#.to_owned(),
        ),
    ] {
        assert_eq!(all.write(version), expected, "{version}");
    }
    assert_eq!(C::NONE.write(V::LATEST), "{}");
    assert_eq!(C::SAMPLING_TOOLS.write(V::LATEST), "{}");
    assert_eq!(C::ELICITATION_URL.write(V::V2025_06_18), "{}");
    assert_eq!(
        C::ELICITATION_URL.write(V::LATEST),
        r#"{"elicitation":{"url":{}}}"#
    );
}

#[test]
fn asks_need_their_capability() {
    let check = |method: Method, params: Option<&str>, parts: &[C]| {
        assert_eq!(C::needed(method, params), Ok(set(parts)), "{params:?}");
    };
    let create = Method::SamplingCreateMessage;
    check(Method::RootsList, None, &[C::ROOTS]);
    check(Method::Ping, None, &[]);
    check(Method::ToolsListChanged, Some("{}"), &[]);
    check(
        create,
        Some(r#"{"messages":[],"maxTokens":1,"includeContext":"none"}"#),
        &[C::SAMPLING],
    );
    check(
        create,
        Some(r#"{"messages":[],"maxTokens":1,"includeContext":"allServers"}"#),
        &[C::SAMPLING, C::SAMPLING_CONTEXT],
    );
    for with_tools in [
        r#"{"messages":[],"maxTokens":1,"tools":[]}"#,
        r#"{"messages":[],"maxTokens":1,"toolChoice":{"mode":"none"}}"#,
    ] {
        check(create, Some(with_tools), &[C::SAMPLING, C::SAMPLING_TOOLS]);
    }
    let elicit = Method::ElicitationCreate;
    check(
        elicit,
        Some(r#"{"message":"m","requestedSchema":{}}"#),
        &[C::ELICITATION_FORM],
    );
    check(
        elicit,
        Some(r#"{"mode":"url","message":"m","url":"https://a/"}"#),
        &[C::ELICITATION_URL],
    );
    assert!(C::needed(elicit, Some("{}")).is_err());
    assert!(C::needed(create, None).is_err());
}

#[test]
fn reads_what_a_server_offers() {
    let all = r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"completions":{},"logging":{},"extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/ui":{}}}"#;
    let everything = ServerCapabilities {
        tools: true,
        prompts: true,
        resources: true,
        completions: true,
        logging: true,
        tools_list_changed: true,
        prompts_list_changed: true,
        resources_list_changed: true,
        resources_subscribe: true,
        tasks: true,
        ui: true,
    };
    assert_eq!(ServerCapabilities::read(all), Ok(everything));
    assert_eq!(everything.write(Era::Modern), all);
    assert_eq!(
        everything.write(Era::Legacy),
        all.replace(r#""io.modelcontextprotocol/tasks":{},"#, "")
    );
    let few = ServerCapabilities::read(
        r#"{"tools":{},"resources":{"subscribe":true,"listChanged":false},"tasks":{"list":{}},"logging":null}"#,
    )
    .unwrap();
    assert_eq!(
        few.write(Era::Modern),
        r#"{"tools":{},"resources":{"subscribe":true}}"#
    );
    assert_eq!(ServerCapabilities::default().write(Era::Modern), "{}");
    let part_without_whole = ServerCapabilities {
        tools_list_changed: true,
        ..ServerCapabilities::default()
    };
    assert_eq!(part_without_whole.write(Era::Modern), "{}");
}

#[test]
fn refuses_server_capabilities_of_another_shape() {
    let check = |raw: &str, member: &'static str, fault: Fault| {
        assert_eq!(
            ServerCapabilities::read(raw),
            Err(WireError::Result { member, fault }),
            "{raw}"
        );
    };
    check("1", "capabilities", Fault::Expected(JsonKind::Object));
    check(
        r#"{"tools":[]}"#,
        "tools",
        Fault::Expected(JsonKind::Object),
    );
    check(r#"{"tools":{},"Tools":{}}"#, "tools", Fault::Ambiguous);
    check(
        r#"{"resources":{"subscribe":1}}"#,
        "subscribe",
        Fault::Expected(JsonKind::Bool),
    );
    check(
        r#"{"extensions":{"io.modelcontextprotocol/tasks":1}}"#,
        TASKS_EXTENSION,
        Fault::Expected(JsonKind::Object),
    );
}

fn version() -> impl Strategy<Value = V> {
    prop::sample::select(V::ALL)
}

fn server() -> impl Strategy<Value = ServerCapabilities> {
    any::<[bool; 11]>().prop_map(
        |[
            tools,
            prompts,
            resources,
            completions,
            logging,
            tools_list_changed,
            prompts_list_changed,
            resources_list_changed,
            resources_subscribe,
            tasks,
            ui,
        ]| ServerCapabilities {
            tools,
            prompts,
            resources,
            completions,
            logging,
            tools_list_changed,
            prompts_list_changed,
            resources_list_changed,
            resources_subscribe,
            tasks,
            ui,
        },
    )
}

proptest! {
    #[test]
    fn a_declaration_never_grows(bits in any::<u16>(), version in version()) {
        let held = C::from_bits_truncate(bits);
        prop_assert_eq!(C::from_bits_truncate(held.bits()), held);
        let written = held.write(version);
        json::check(written.as_bytes(), &Limits::default()).unwrap();
        let read = C::read(&written, version).unwrap();
        // Before 2025-11-25 sampling includes context, whatever is written.
        let allowed = if version < V::V2025_11_25 && held.contains(C::SAMPLING) {
            held.union(C::SAMPLING_CONTEXT)
        } else {
            held
        };
        prop_assert!(allowed.contains(read), "{:?} became {:?} by {}", held, read, written);
        prop_assert_eq!(C::read(&read.write(version), version), Ok(read));
    }

    #[test]
    fn sets_are_sets(a in any::<u16>(), b in any::<u16>()) {
        let (a, b) = (C::from_bits_truncate(a), C::from_bits_truncate(b));
        prop_assert!(a.union(b).contains(a) && a.contains(a.intersection(b)));
        prop_assert!(a.without(b).intersection(b).is_empty());
        prop_assert_eq!(a.without(b).union(a.intersection(b)), a);
        prop_assert_eq!(a.contains(b), b.without(a).is_empty());
    }

    #[test]
    fn an_offer_is_read_as_it_is_written(offer in server(), other in server()) {
        let written = offer.write(Era::Modern);
        let read = ServerCapabilities::read(&written).unwrap();
        prop_assert_eq!(read.write(Era::Modern), written);
        prop_assert_eq!(read.union(offer), offer);
        prop_assert_eq!(offer.union(other), other.union(offer));
        prop_assert!(!ServerCapabilities::read(&offer.write(Era::Legacy)).unwrap().tasks);
    }
}
