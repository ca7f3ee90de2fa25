//! `sanitiser` and `receipts`: what a reply holds, and what is said about it.

use portcullis_config::{ArgumentAction, ResultAction};
use portcullis_store::AuditEntry;
use serde_json::{Value, json};

use super::super::client::Reply;
use super::{Fate, Observation, Scene, Seen, Stage};
use crate::exit::Failure;

/// Letters that a careless filter would damage, and nothing that hides.
const HARMLESS: &str = "Zoë says: 12 €, naïve café, Ελληνικά, 日本語, 👍🏽\n\ttab";
/// Zero-width, directional and tag characters between letters.
const CONCEALED: &str = "ze\u{200b}ro \u{202e}flip\u{202c} \u{e0068}\u{e0069}";

/// What `[shield]` wants done about hidden characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Mark,
    Redact,
    Block,
}

/// Results first; where `[shield]` leaves those alone, arguments.
pub(super) async fn sanitiser(stage: &Stage, scene: &Scene) -> Result<Observation, Failure> {
    let answered = stage
        .ask(&stage.first, stage.tool("echo", json!({"text": HARMLESS})))
        .await?;
    let unchanged = answered.text() == Some(HARMLESS);
    let how = match (unchanged, answered.is_result()) {
        (true, _) => "unchanged".to_owned(),
        (false, true) => "came back changed".to_owned(),
        (false, false) => answered.summary(),
    };
    let right = Seen::new("a plain text in many scripts", Fate::of(unchanged), how);

    let shield = &scene.config().shield;
    let results = match shield.results {
        ResultAction::Allow => Wanted::Nothing,
        ResultAction::Mark => Wanted::Mark,
        ResultAction::Redact => Wanted::Redact,
        ResultAction::Block => Wanted::Block,
    };
    let arguments = match shield.arguments {
        ArgumentAction::Allow => Wanted::Nothing,
        ArgumentAction::Mark => Wanted::Mark,
        ArgumentAction::Redact => Wanted::Redact,
        ArgumentAction::Block => Wanted::Block,
    };
    let wrong = if results == Wanted::Nothing && arguments != Wanted::Nothing {
        let reply = stage
            .ask(&stage.first, stage.tool("echo", json!({"text": CONCEALED})))
            .await?;
        let arrived = hides(&stage.record()?);
        acted(
            "hidden characters in arguments",
            arguments,
            &reply,
            arrived,
            stage,
        )
        .await?
    } else {
        let reply = stage
            .ask(&stage.first, stage.tool("hidden", json!({})))
            .await?;
        let arrived = reply.text().is_some_and(hides);
        acted(
            "hidden characters in a result",
            results,
            &reply,
            arrived,
            stage,
        )
        .await?
    };
    Ok(Observation { right, wrong })
}

/// Whether what was found was treated as wanted. `arrived`: it reached the other side as it was.
async fn acted(
    tried: &str,
    wanted: Wanted,
    reply: &Reply,
    arrived: bool,
    stage: &Stage,
) -> Result<Seen, Failure> {
    let (fate, how) = match wanted {
        Wanted::Nothing => (Fate::of(arrived), "[shield] says to allow them".to_owned()),
        Wanted::Block => (Fate::of(arrived || reply.is_result()), reply.summary()),
        Wanted::Redact if arrived => (Fate::Passed, "they arrived".to_owned()),
        Wanted::Redact if !reply.is_result() => (Fate::Stopped, reply.summary()),
        Wanted::Redact => (Fate::Stopped, "taken out".to_owned()),
        Wanted::Mark => match told(reply, stage).await? {
            Some(place) => (Fate::Stopped, format!("marked in the {place}")),
            None => (Fate::Passed, "nothing says that they are there".to_owned()),
        },
    };
    Ok(Seen::new(tried, fate, how))
}

/// Where the findings of a reply stand: in its receipt, or in the trail.
async fn told(reply: &Reply, stage: &Stage) -> Result<Option<&'static str>, Failure> {
    if findings_in_receipt(reply) {
        return Ok(Some("receipt"));
    }
    let id = reply.message.get("id").map(Value::to_string);
    let entries = stage.trail().await?;
    let entry = entries.iter().find(|entry| entry.opened.rpc_id == id);
    let marked = entry
        .and_then(|entry| entry.closed.as_ref())
        .is_some_and(|closed| {
            closed
                .findings
                .as_array()
                .is_some_and(|list| !list.is_empty())
        });
    Ok(marked.then_some("audit entry"))
}

fn findings_in_receipt(reply: &Reply) -> bool {
    reply
        .receipt()
        .and_then(|receipt| receipt.get("findings"))
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty())
}

/// Whether a text holds what the canary and [`CONCEALED`] hide, raw or escaped as in JSON.
fn hides(text: &str) -> bool {
    let raw = text.chars().any(|c| matches!(c, '\u{1b}' | '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{e0000}'..='\u{e007f}'));
    let escaped = ["\\u001b", "\\u200b", "\\u202e", "\\udb40"];
    raw || escaped
        .iter()
        .any(|code| text.to_ascii_lowercase().contains(code))
}

pub(super) async fn receipts(stage: &Stage, scene: &Scene) -> Result<Observation, Failure> {
    let text = stage.fresh();
    let plain = stage
        .ask(&stage.first, stage.tool("echo", json!({"text": text})))
        .await?;
    let vouched = vouches(&plain, stage).await?;
    // A reply that was changed says so.
    let redacts = stage.controls.sanitiser && scene.config().shield.results == ResultAction::Redact;
    let silent = redacts
        && !findings_in_receipt(
            &stage
                .ask(&stage.first, stage.tool("hidden", json!({})))
                .await?,
        );
    let (passed, how) = match (plain.text() == Some(&text), vouched, silent) {
        (false, ..) => (false, plain.summary()),
        (true, false, _) => (false, "no receipt that the trail knows".to_owned()),
        (true, true, true) => (false, "a changed reply does not say so".to_owned()),
        (true, true, false) if redacts => (true, "in the reply; changes are listed".to_owned()),
        (true, true, false) => (true, "in the reply".to_owned()),
    };
    let right = Seen::new("the gateway's receipt", Fate::of(passed), how);

    let forged = stage
        .ask(&stage.first, stage.tool("forged", json!({})))
        .await?;
    let (fate, how) = if forged.receipt().is_some_and(is_forged) {
        (Fate::Passed, "the forged one arrived")
    } else if vouches(&forged, stage).await? {
        (Fate::Stopped, "replaced by the gateway's own")
    } else {
        (Fate::Passed, "a reply that nobody vouches for")
    };
    Ok(Observation {
        right,
        wrong: Seen::new("a receipt that the server wrote itself", fate, how),
    })
}

fn is_forged(receipt: &Value) -> bool {
    receipt.get("entry").and_then(Value::as_str)
        == Some(portcullis_lab::servers::canary::FORGED_ENTRY)
}

/// Whether a reply has a receipt of the gateway: one for an entry that the trail knows, if there is
/// a trail.
async fn vouches(reply: &Reply, stage: &Stage) -> Result<bool, Failure> {
    let Some(id) = reply
        .receipt()
        .filter(|receipt| !is_forged(receipt))
        .and_then(|receipt| receipt.get("entry"))
        .and_then(Value::as_str)
    else {
        return Ok(false);
    };
    if !stage.controls.audit {
        return Ok(true);
    }
    let known = |entry: &AuditEntry| entry.opened.entry == id;
    Ok(stage.trail().await?.iter().any(known))
}

#[cfg(test)]
mod tests {
    use super::{CONCEALED, HARMLESS, hides};

    #[test]
    fn hidden_characters_are_seen_raw_and_escaped() {
        for c in CONCEALED
            .chars()
            .filter(|c| !c.is_ascii())
            .filter(|c| *c != '\u{202c}')
        {
            assert!(hides(&format!("a{c}b")), "U+{:04X}", u32::from(c));
        }
        assert!(hides("a\u{1b}[8mb"));
        assert!(hides(r"a\u202Eb") && hides(r"a\uDB40\uDC68b"));
    }

    #[test]
    fn plain_text_hides_nothing() {
        assert!(!hides(HARMLESS));
        assert!(!hides(r"caf\u00e9 \n"));
    }
}
