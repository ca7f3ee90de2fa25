//! `portcullis key`.

use serde_json::json;

use crate::binary::eventually;
use crate::http;
use crate::place::Place;

/// What `key new` prints can be pasted, and the key then opens the door.
#[test]
fn a_new_key_lets_its_holder_in() {
    let place = Place::empty();
    let made = place.run(&["key", "new", "ada", "--group", "researchers", "--json"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    insta::assert_json_snapshot!(made.json(), {
        ".key" => insta::dynamic_redaction(|value, _| {
            let key = value.as_str().unwrap();
            assert!(key.starts_with("pcl_") && key.len() == 47, "{key}");
            "[key]"
        }),
        ".entry" => insta::dynamic_redaction(|value, _| {
            let entry = value.as_str().unwrap();
            let (before, hash) = entry.split_once("sha256:").unwrap();
            format!("{before}sha256:[hash]{}", &hash[64..])
        }),
    }, @r#"
{
  "key": "[key]",
  "entry": "[[authn.key]]\nname = \"ada\"\nkind = \"user\"\nhash = \"sha256:[hash]\"\ngroups = [\"researchers\"]"
}
"#);
    let made = made.json();
    let (key, entry) = (
        made["key"].as_str().unwrap(),
        made["entry"].as_str().unwrap(),
    );

    let place = Place::new(&format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n[servers.canary]\ncommand = {:?}\nargs = [\"lab\", \"canary\"]\n\
         [profiles.p]\nservers = [\"canary\"]\n{entry}\n",
        crate::binary::path()
    ));
    let (_gateway, address) = place.serve();
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
    })
    .to_string();
    let greet = |authorization: &str| {
        http::send(
            &address,
            &format!(
                "POST /mcp/p HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\n{authorization}Content-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        )
    };
    assert_eq!(greet("").status, 401);
    assert_eq!(
        greet(&format!("Authorization: Bearer {key}x\r\n")).status,
        401
    );
    assert_eq!(
        greet(&format!("Authorization: Bearer {key}\r\n")).status,
        200
    );
    // The database follows the journal within a moment.
    let entry = eventually("the entry", || place.trail(&["--principal", "ada"]).pop());
    assert_eq!(entry["opened"]["authentication"], "api-key");
    // Neither the trail nor the store holds the key.
    for file in ["portcullis.db", "portcullis.db-wal"] {
        let bytes = std::fs::read(place.join(file)).unwrap_or_default();
        assert!(
            !bytes
                .windows(key.len())
                .any(|window| window == key.as_bytes()),
            "{file}"
        );
    }
}

#[test]
fn the_key_is_shown_with_what_to_paste() {
    let text = Place::empty()
        .run(&["key", "new", "bot", "--kind", "agent"])
        .fine();
    assert!(text.contains("kind = \"agent\""), "{text}");
    assert!(
        !text.contains('\u{1b}'),
        "colour without a terminal: {text:?}"
    );
}

#[test]
fn a_key_without_a_name_is_wrong_use() {
    assert_eq!(Place::empty().run(&["key", "new", ""]).code, 2);
    assert_eq!(Place::empty().run(&["key", "new"]).code, 2);
}
