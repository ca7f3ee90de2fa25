//! What must hold at the end of every test.

use std::path::Path;

use portcullis_store::AuditEntry;

use super::TestGateway;
use crate::{Received, eventually, sha256};

/// Methods that go to a server on a caller's behalf.
const CALLS: [&str; 4] = [
    "tools/call",
    "prompts/get",
    "resources/read",
    "completion/complete",
];

impl TestGateway {
    /// Stops the gateway and checks: every audit entry is closed; every call that a server got has
    /// an entry of its own with the digest of its arguments (unless the control `audit` is off); no
    /// canary is in the store's files, in an entry, in a reply or in what a server got.
    ///
    /// # Panics
    /// When one of these does not hold.
    pub async fn finish(self) {
        let entries = self.closed_entries().await;
        if self.gateway.config().controls.audit {
            self.check_calls(&entries);
        }
        self.stop().await;
        self.gateway.shutdown().await;
        self.check_canaries(&entries);
    }

    async fn closed_entries(&self) -> Vec<AuditEntry> {
        eventually("every audit entry is closed", async || {
            let entries = self.entries().await;
            entries
                .iter()
                .all(|entry| entry.closed.is_some())
                .then_some(entries)
        })
        .await
    }

    fn check_calls(&self, entries: &[AuditEntry]) {
        let mut recorded: Vec<_> = entries
            .iter()
            .filter_map(|entry| {
                let opened = &entry.opened;
                Some((
                    opened.server.clone()?,
                    opened.method.clone(),
                    opened.target.clone()?,
                    opened.arguments_digest.clone(),
                ))
            })
            .collect();
        // A call that the gateway makes again with answers of its host is the same call; what was
        // asked and answered has an entry of its own.
        let mut asked: Vec<&str> = entries
            .iter()
            .filter(|entry| entry.opened.direction == "server")
            .filter_map(|entry| entry.opened.server.as_deref())
            .collect();
        for (name, server) in &self.servers {
            for call in server
                .received()
                .iter()
                .filter(|call| CALLS.contains(&call.method.as_str()))
            {
                let digest = arguments(call).map(sha256);
                let key = (name.clone(), call.method.clone(), call.name(), digest);
                let at = recorded.iter().position(|known| *known == key);
                let round = asked.iter().position(|server| server == name);
                if let (None, Some(round), true) =
                    (at, round, call.param("inputResponses").is_some())
                {
                    asked.swap_remove(round);
                    continue;
                }
                let at = at.unwrap_or_else(|| {
                    panic!("a server was reached without an audit entry: {key:?}")
                });
                recorded.swap_remove(at);
            }
        }
    }

    fn check_canaries(&self, entries: &[AuditEntry]) {
        let mut places: Vec<(String, Vec<u8>)> = files(self.folder.path());
        places.push((
            "the audit entries".to_owned(),
            serde_json::to_vec(entries).unwrap(),
        ));
        let replies = self.replies.lock().unwrap();
        places.extend(
            replies
                .iter()
                .map(|reply| ("a reply".to_owned(), format!("{reply:?}").into_bytes())),
        );
        places.extend(self.servers.iter().map(|(name, server)| {
            (
                format!("the requests to {name}"),
                server.transcript().into_bytes(),
            )
        }));
        for canary in &self.canaries {
            for (place, content) in &places {
                let found = content
                    .windows(canary.len())
                    .any(|window| window == canary.as_bytes());
                assert!(!found, "the secret {canary} is in {place}");
            }
        }
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if self.listening.lock().unwrap().is_some() && !std::thread::panicking() {
            panic!("a test must end with TestGateway::finish");
        }
    }
}

fn arguments(call: &Received) -> Option<String> {
    matches!(call.method.as_str(), "tools/call" | "prompts/get")
        .then(|| call.param("arguments"))
        .flatten()
}

/// Every file of the store, its log included.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let listed = std::fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().path());
    let stored = listed.filter(|path| path.to_string_lossy().contains(".db"));
    stored
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}
