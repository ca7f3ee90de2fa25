-- Sealed session ids carry their own state; only their early end is stored.
CREATE TABLE terminated_session (
    session TEXT PRIMARY KEY,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX terminated_session_expires_us ON terminated_session (expires_us);

-- Keys that every process on this database shares. The file's mode protects them.
CREATE TABLE shared_secret (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
