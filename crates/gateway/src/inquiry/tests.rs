use portcullis_shield::{Settings, Shield};

use super::*;

type C = ClientCapabilities;

const ALL: C = C::SAMPLING
    .union(C::SAMPLING_TOOLS)
    .union(C::ROOTS)
    .union(C::ELICITATION_FORM)
    .union(C::ELICITATION_URL);

fn shield() -> Shield {
    Shield::new(Settings {
        definitions: Verdict::Hold,
        arguments: Verdict::Block,
        results: Verdict::Redact,
    })
}

fn ask(method: Method, params: &str, capabilities: C, attribute: bool) -> Result<String, Reason> {
    let shield = shield();
    let rules = Rules {
        shield: &shield,
        capabilities,
        attribute,
    };
    let asked = Asked {
        server: "papers",
        method,
        params: Some(params),
    };
    judge(asked, &rules)
        .map(|judged| judged.text)
        .map_err(|(refusal, _)| refusal.reason())
}

const FORM: &str = r#"{"message":"Which one?","requestedSchema":{"type":"object","properties":{"year":{"type":"integer"}}}}"#;
const SAMPLE: &str = r#"{"messages":[],"maxTokens":7}"#;

#[test]
fn only_what_is_offered_is_asked() {
    for (method, params, needed) in [
        (Method::ElicitationCreate, FORM, C::ELICITATION_FORM),
        (
            Method::ElicitationCreate,
            r#"{"mode":"url","message":"Log in","url":"https://example.com/login","elicitationId":"1"}"#,
            C::ELICITATION_URL,
        ),
        (Method::SamplingCreateMessage, SAMPLE, C::SAMPLING),
        (
            Method::SamplingCreateMessage,
            r#"{"messages":[],"maxTokens":7,"tools":[]}"#,
            C::SAMPLING.union(C::SAMPLING_TOOLS),
        ),
        (Method::RootsList, "{}", C::ROOTS),
    ] {
        assert_eq!(ask(method, params, needed, false).as_deref(), Ok(params));
        assert_eq!(
            ask(method, params, ALL.without(needed), false),
            Err(Reason::QuestionNotOffered),
            "{method}"
        );
    }
    assert_eq!(
        ask(Method::ToolsCall, r#"{"name":"x"}"#, ALL, false),
        Err(Reason::QuestionNotOffered)
    );
}

#[test]
fn a_question_that_does_not_fit_is_no_question() {
    assert_eq!(
        ask(Method::ElicitationCreate, "{}", ALL, false),
        Err(Reason::UpstreamProtocol)
    );
}

#[test]
fn sampling_never_brings_the_context_of_others() {
    let asked = r#"{"messages":[],"includeContext":"allServers","maxTokens":7}"#;
    assert_eq!(
        ask(Method::SamplingCreateMessage, asked, ALL, false).as_deref(),
        Ok(r#"{"messages":[],"includeContext":"none","maxTokens":7}"#)
    );
}

#[test]
fn a_person_is_told_who_asks_where_the_host_cannot_tell() {
    let told = ask(Method::ElicitationCreate, FORM, ALL, true).unwrap();
    assert!(
        told.contains(r#""message":"[papers] Which one?""#),
        "{told}"
    );
}

#[test]
fn metadata_of_a_hop_stays_there() {
    let asked = r#"{"_meta":{"progressToken":1,"io.portcullis/receipt":{},"io.modelcontextprotocol/x":1,"vendor/y":2},"messages":[],"maxTokens":7,"task":{"ttl":1}}"#;
    assert_eq!(
        ask(Method::SamplingCreateMessage, asked, ALL, false).as_deref(),
        Ok(r#"{"_meta":{"vendor/y":2},"messages":[],"maxTokens":7}"#)
    );
}

#[test]
fn a_form_that_asks_for_a_secret_is_refused() {
    let form = |message: &str, properties: &str| {
        let params = format!(
            r#"{{"message":"{message}","requestedSchema":{{"type":"object","properties":{properties}}}}}"#
        );
        ask(Method::ElicitationCreate, &params, ALL, false)
    };
    for (message, properties) in [
        ("Hello", r#"{"password":{"type":"string"}}"#),
        ("Hello", r#"{"apiKey":{"type":"string"}}"#),
        ("Hello", r#"{"GITHUB_API_KEY":{"type":"string"}}"#),
        ("Hello", r#"{"x":{"type":"string","title":"Access token"}}"#),
        (
            "Hello",
            r#"{"x":{"type":"string","description":"Please enter your API key."}}"#,
        ),
        ("Hello", r#"{"x":{"type":"string","format":"password"}}"#),
        ("Enter the one-time code", r#"{"value":{"type":"string"}}"#),
        (
            "Do not worry, enter your password",
            r#"{"value":{"type":"string"}}"#,
        ),
        (
            "Never mind: do not guess, type the PIN",
            r#"{"value":{"type":"string"}}"#,
        ),
    ] {
        assert_eq!(
            form(message, properties),
            Err(Reason::QuestionAsksForSecret),
            "{message} {properties}"
        );
    }
    for (message, properties) in [
        ("Your name", r#"{"name":{"type":"string"}}"#),
        ("Pinned items?", r#"{"pinned":{"type":"string"}}"#),
        ("Hello", r#"{"keyboard":{"type":"string"}}"#),
        ("Hello", r#"{"change_password":{"type":"boolean"}}"#),
        (
            "Hello",
            r#"{"author":{"type":"string","description":"Who wrote about passwords"}}"#,
        ),
        ("Tokens to generate", r#"{"max_tokens":{"type":"integer"}}"#),
        // As the reference server asks.
        (
            "Hello",
            r#"{"integer":{"type":"integer","description":"Your favorite integer (do not give us your phone number, pin, or other sensitive info)"}}"#,
        ),
        (
            "Hello",
            r#"{"x":{"type":"string","description":"Don't enter a password"}}"#,
        ),
    ] {
        assert!(form(message, properties).is_ok(), "{message} {properties}");
    }
}

#[test]
fn a_person_is_sent_to_safe_pages_only() {
    for (url, expected) in [
        ("https://example.com/login?state=1", true),
        ("http://127.0.0.1:4000/done", true),
        ("http://localhost/done", true),
        ("http://example.com/", false),
        ("https://user:pass@example.com/", false),
        ("https://xn--pple-43d.com/", false),
        ("javascript:alert(1)", false),
        ("file:///etc/passwd", false),
        ("/relative", false),
        ("https://ex\\u0061mple.com/", true),
    ] {
        let params =
            format!(r#"{{"mode":"url","message":"Go","url":"{url}","elicitationId":"1"}}"#);
        let outcome = ask(Method::ElicitationCreate, &params, ALL, false);
        assert_eq!(outcome.is_ok(), expected, "{url}");
        if !expected {
            assert_eq!(outcome, Err(Reason::QuestionUrl));
        }
    }
}

#[test]
fn hidden_text_does_not_reach_the_person() {
    let asked = r#"{"message":"Which\u200b\udb40\udc41 one?","requestedSchema":{"type":"object","properties":{"year":{"type":"integer"}}}}"#;
    let seen = ask(Method::ElicitationCreate, asked, ALL, false).unwrap();
    assert!(seen.contains("Which one?"), "{seen}");
}

#[test]
fn answers_are_judged_like_arguments() {
    let answer = |method, result: &str| {
        judge_answer(&shield(), method, result)
            .map(|judged| judged.text)
            .map_err(|(refusal, _)| refusal.reason())
    };
    assert_eq!(
        answer(
            Method::ElicitationCreate,
            r#"{"resultType":"complete","action":"accept","content":{"year":1999},"_meta":{"io.modelcontextprotocol/x":1}}"#
        )
        .as_deref(),
        Ok(r#"{"action":"accept","content":{"year":1999}}"#)
    );
    assert_eq!(
        answer(Method::ElicitationCreate, r#"{"action":"maybe"}"#),
        Err(Reason::InvalidParams)
    );
    assert_eq!(
        answer(
            Method::RootsList,
            r#"{"roots":[{"uri":"file:///a\u202eb"}]}"#
        ),
        Err(Reason::ArgumentsBlocked)
    );
}
