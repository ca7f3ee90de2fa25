-- Sealed session ids carry their own state; only their early end is stored.
CREATE TABLE terminated_session (
    session TEXT COLLATE "C" PRIMARY KEY,
    expires_us BIGINT NOT NULL
);

CREATE INDEX terminated_session_expires_us ON terminated_session (expires_us);

-- Keys that every process on this database shares. Whoever may read this table has them.
CREATE TABLE shared_secret (
    name TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);
