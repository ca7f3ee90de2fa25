use super::*;

const LIST: &str = "Required for 2026-07-28 (3 scenarios, frozen; run at the 2026-07-28 wire):

Server scenarios (test against a server):
  - server-stateless
  - caching

Client scenarios (test against a client):
  - tools_call

Run and reported, but never scored:
  extension (2):
    - auth/dpop [client]
    - tasks-lifecycle [server]
  pending (1):
    - http-header-validation [server]
";

#[test]
fn a_list_is_read_by_side() {
    assert_eq!(
        listed(LIST, Side::Server),
        [
            "server-stateless",
            "caching",
            "tasks-lifecycle",
            "http-header-validation"
        ]
    );
    assert_eq!(listed(LIST, Side::Client), ["tools_call", "auth/dpop"]);
    assert!(listed("", Side::Client).is_empty());
}

#[test]
fn a_folder_tells_its_scenario() {
    let folder = "server-input-required-result-multi-round-2026-11-22T15-00-00-000Z";
    assert_eq!(
        scenario_of(folder),
        Some("input-required-result-multi-round")
    );
    assert_eq!(scenario_of("tools_call-2026-11-22T15-00-00-000Z"), None);
    assert_eq!(scenario_of("server-x"), None);
}
