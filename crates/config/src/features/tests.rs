use crate::{Features, parse};

fn read(body: &str) -> Result<Features, Vec<String>> {
    let text = format!("[servers.s]\ncommand = \"x\"\n[profiles.p]\nservers = [\"s\"]\n{body}");
    match parse(&text) {
        Ok(mut config) => Ok(config.profiles.remove("p").unwrap().features),
        Err(problems) => Err(problems
            .into_iter()
            .map(|problem| format!("{} ({})", problem.message, problem.hint.unwrap_or_default()))
            .collect()),
    }
}

#[test]
fn what_spends_the_model_or_tells_of_files_is_off() {
    let features = read("").unwrap();
    assert_eq!(features, Features::default());
    assert!(!features.sampling && !features.roots);
    assert!(features.elicitation && features.tasks && features.ui);
}

#[test]
fn each_can_be_chosen() {
    let features =
        read("sampling = true\nroots = true\nelicitation = false\nextensions = [\"ui\"]").unwrap();
    let expected = Features {
        sampling: true,
        roots: true,
        elicitation: false,
        tasks: false,
        ui: true,
    };
    assert_eq!(features, expected);
    assert!(!read("extensions = []").unwrap().ui);
}

#[test]
fn an_extension_that_nobody_carries_is_named() {
    assert_eq!(
        read("extensions = [\"taks\", \"skills\"]").unwrap_err(),
        [
            "unknown extension `taks` (did you mean `tasks`?)",
            "unknown extension `skills` (it can be `tasks`, `ui`)",
        ]
    );
}
