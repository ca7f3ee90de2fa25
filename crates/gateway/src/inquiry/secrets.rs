//! Forms that ask for secrets (2026-07-28, elicitation: a server must not ask for them in a form).

use portcullis_mcp::json::{self, Object};

/// Words that name a secret, as they stand in the name of a field once its parts are split.
const NAMES: &[&[&str]] = &[
    &["password"],
    &["passwd"],
    &["passphrase"],
    &["passcode"],
    &["pwd"],
    &["secret"],
    &["pin"],
    &["otp"],
    &["totp"],
    &["mfa"],
    &["cvv"],
    &["cvc"],
    &["ssn"],
    &["iban"],
    &["credential"],
    &["credentials"],
    &["apikey"],
    &["api", "key"],
    &["private", "key"],
    &["access", "key"],
    &["access", "token"],
    &["refresh", "token"],
    &["auth", "token"],
    &["bearer", "token"],
    &["session", "token"],
    &["id", "token"],
    &["credit", "card"],
    &["card", "number"],
    &["seed", "phrase"],
    &["recovery", "phrase"],
    &["security", "code"],
    &["verification", "code"],
    &["one", "time", "code"],
];

/// The field of a form that asks for a secret, by its name, its title or its description; or the
/// form itself, when its message asks and it has a single field of free text.
pub(super) fn asked_for(schema: &str, message: &str) -> Option<String> {
    let schema = Object::parse(schema).ok()?;
    let properties = schema.get("properties")?;
    let properties = Object::parse(properties.value).ok()?;
    for property in properties.members() {
        let told = Object::parse(property.value).ok();
        let text = |key: &str| {
            let member = told.as_ref()?.get(key)?;
            json::as_string(member.value)
        };
        // Yes or no to something about a password is no password.
        if text("type").as_deref() == Some("boolean") {
            continue;
        }
        let names_secret = names_secret(&property.key)
            || text("title").is_some_and(|title| names_secret(&title))
            || text("description").is_some_and(|description| asks(&description))
            || text("format").as_deref() == Some("password");
        if names_secret || (properties.members().len() == 1 && asks(message)) {
            return Some(property.key.chars().take(64).collect());
        }
    }
    None
}

fn names_secret(name: &str) -> bool {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    NAMES
        .iter()
        .any(|secret| words.windows(secret.len()).any(|window| window == *secret))
}

/// Whether a sentence asks for a secret: a verb of asking, and the name of one after it. Asking people
/// not to give one is no asking.
fn asks(sentence: &str) -> bool {
    const VERBS: &[&str] = &[
        "enter", "type", "provide", "give", "paste", "supply", "input",
    ];
    let words = words(sentence);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let asking = words.iter().enumerate().find(|(at, word)| {
        let before = words.get(..*at).unwrap_or_default();
        VERBS.contains(*word)
            && !matches!(before, [.., "not" | "never" | "dont"] | [.., "don", "t"])
    });
    let Some((at, _)) = asking else {
        return false;
    };
    let rest = words.get(at..).unwrap_or_default();
    NAMES
        .iter()
        .any(|secret| rest.windows(secret.len()).any(|window| window == *secret))
}

/// The words of a name or a sentence in lower case: `apiKey`, `api_key` and `API key` have the same.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for character in text.chars() {
        if !character.is_alphanumeric() {
            words.push(String::new());
            before_lower = false;
            continue;
        }
        if character.is_uppercase() && before_lower {
            words.push(String::new());
        }
        before_lower = character.is_lowercase() || character.is_numeric();
        if let Some(word) = words.last_mut() {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
