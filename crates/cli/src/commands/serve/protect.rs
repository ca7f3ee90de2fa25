//! What is in the memory of a gateway must not get onto a disk.

use portcullis_config::{AuthMethod, Config};

/// Lets no core dump of this process be written, and where the vault is in use lets no other
/// process of the same user read its memory. Best effort: a system that refuses is said, and the
/// gateway starts.
pub(super) fn keep_memory_off_disk(config: &Config) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        if let Err(error) = setrlimit(Resource::Core, none) {
            tracing::warn!(%error, "core dumps of this process could not be switched off");
        }
    }
    // A limit does not hold where dumps go to a program, and does not keep debuggers away.
    #[cfg(target_os = "linux")]
    if holds_credentials(config) {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "the memory of this process could not be closed to others");
        }
    }
}

/// Whether tokens of users, or the gateway's own, come into the memory of this process.
fn holds_credentials(config: &Config) -> bool {
    let has_token = |method: &AuthMethod| matches!(method, AuthMethod::Token(_));
    config
        .servers
        .values()
        .any(|server| has_token(&server.auth.method))
        || config
            .authn
            .issuers
            .values()
            .any(|issuer| issuer.client.is_some())
}
