use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_config as config;
use portcullis_store::Sqlite;

use futures_util::FutureExt;

use super::*;
use crate::arrival::{Arrival, Credential, Facts, Headers, Selector, Transport};
use crate::authn::Authenticator;

const AGREED: Agreed = Agreed {
    version: ProtocolVersion::V2025_06_18,
    capabilities: ClientCapabilities::ELICITATION_FORM,
};

async fn sessions() -> (Sessions, Arc<Sqlite>) {
    let store = Arc::new(Sqlite::open_in_memory().await.unwrap());
    (Sessions::open(store.clone()).await.unwrap(), store)
}

fn principal(name: &str) -> Principal {
    let config = config::parse(&format!("[authn]\nloopback = \"{name}\"")).unwrap();
    let facts = Facts {
        transport: Transport::Stdio,
        remote: None,
        certificate: None,
        forwarded: false,
        profile: Selector::Name(String::new()),
        headers: Headers::default(),
        connection: None,
    };
    let arrival = Arrival {
        credential: Credential::Process,
        facts,
    };
    let caller = Authenticator::new(&config.authn, true, None, Vec::new())
        .authenticate(arrival, None)
        .now_or_never()
        .unwrap()
        .unwrap();
    Principal::clone(caller.principal())
}

fn opens(sessions: &Sessions, id: &str, who: &str, profile: &str, bound: bool) -> bool {
    match sessions.open_id(id, &principal(who), profile, bound) {
        Ok(session) => {
            assert_eq!(session.agreed(), AGREED);
            true
        }
        Err(refusal) => {
            assert_eq!(refusal.reason(), Reason::SessionUnknown);
            false
        }
    }
}

#[tokio::test]
async fn a_session_is_good_for_its_principal_and_profile() {
    let (sessions, _) = sessions().await;
    let id = sessions.seal(&principal("ana"), "main", AGREED).unwrap();
    assert!(id.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{id}");
    assert!(opens(&sessions, &id, "ana", "main", true));
    assert!(!opens(&sessions, &id, "ben", "main", true));
    assert!(opens(&sessions, &id, "ben", "main", false));
    assert!(!opens(&sessions, &id, "ana", "other", true));
    assert!(!opens(&sessions, &id, "ana", "other", false));
}

#[tokio::test]
async fn two_sessions_are_never_the_same_and_say_nothing() {
    let (sessions, _) = sessions().await;
    let ids: Vec<String> = (0..50)
        .map(|_| sessions.seal(&principal("ana"), "main", AGREED).unwrap())
        .collect();
    let distinct: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), 50);
    let plain = URL_SAFE_NO_PAD.decode(&ids[0]).unwrap();
    assert!(!plain.windows(3).any(|window| window == b"ana"));
}

#[tokio::test]
async fn a_session_with_any_byte_changed_is_unknown() {
    let (sessions, _) = sessions().await;
    let id = sessions.seal(&principal("ana"), "main", AGREED).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&id).unwrap();
    for at in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            assert!(
                !opens(
                    &sessions,
                    &URL_SAFE_NO_PAD.encode(&changed),
                    "ana",
                    "main",
                    false
                ),
                "byte {at}"
            );
        }
    }
    for length in 0..bytes.len() {
        assert!(
            !opens(
                &sessions,
                &URL_SAFE_NO_PAD.encode(&bytes[..length]),
                "ana",
                "main",
                false
            ),
            "{length} bytes"
        );
    }
    for text in [
        "",
        "=",
        "not base64!",
        "AAAA",
        &format!("{id}="),
        &format!("{id}A"),
        &format!(" {id}"),
    ] {
        assert!(!opens(&sessions, text, "ana", "main", false), "{text:?}");
    }
}

#[tokio::test]
async fn a_session_of_another_key_is_unknown() {
    let (here, _) = sessions().await;
    let (there, _) = sessions().await;
    let id = there.seal(&principal("ana"), "main", AGREED).unwrap();
    assert!(!opens(&here, &id, "ana", "main", false));
}

#[tokio::test]
async fn whoever_shares_the_store_shares_the_sessions() {
    let (one, store) = sessions().await;
    let two = Sessions::open(store).await.unwrap();
    let id = one.seal(&principal("ana"), "main", AGREED).unwrap();
    assert!(opens(&two, &id, "ana", "main", true));
    one.end(&one.open_id(&id, &principal("ana"), "main", true).unwrap())
        .await
        .unwrap();
    assert!(!opens(&one, &id, "ana", "main", true));
    two.refresh().await.unwrap();
    assert!(!opens(&two, &id, "ana", "main", true));
}

#[tokio::test]
async fn a_session_ends_after_its_lifetime() {
    let (sessions, _) = sessions().await;
    let issued = |age: i64| Sealed {
        p: "user:ana".to_owned(),
        f: "main".to_owned(),
        v: AGREED.version.as_str().to_owned(),
        c: AGREED.capabilities.bits(),
        t: clock::unix_seconds() - age,
    };
    for (age, expected) in [
        (0, true),
        (LIFETIME - 60, true),
        (LIFETIME, false),
        (i64::MAX, false),
    ] {
        let id = sessions.seal.seal(&issued(age)).unwrap();
        assert_eq!(
            opens(&sessions, &id, "ana", "main", true),
            expected,
            "{age} seconds"
        );
    }
}

#[tokio::test]
async fn what_ended_here_stays_ended_when_the_store_has_not_heard_of_it() {
    let (sessions, _) = sessions().await;
    let id = sessions.seal(&principal("ana"), "main", AGREED).unwrap();
    let until = clock::unix_micros() + 60_000_000;
    sessions.ended.write().unwrap().insert(id.clone(), until);
    sessions
        .ended
        .write()
        .unwrap()
        .insert("long ago".to_owned(), 1);
    sessions.refresh().await.unwrap();
    assert!(!opens(&sessions, &id, "ana", "main", true));
    assert_eq!(sessions.ended.read().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_of_the_wrong_length_is_no_key() {
    let store = Arc::new(Sqlite::open_in_memory().await.unwrap());
    store
        .secret("legacy-session-key", &|| vec![1; 16])
        .await
        .unwrap();
    assert!(matches!(Sessions::open(store).await, Err(SealError::Key)));
}
