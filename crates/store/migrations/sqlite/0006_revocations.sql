-- What must not be believed any more, although it has not expired.
CREATE TABLE revocation (
    kind TEXT NOT NULL
        CHECK (kind IN ('agent', 'client', 'family', 'server', 'token', 'user', 'workload')),
    subject TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    reason TEXT NOT NULL,
    revoked_by TEXT NOT NULL,
    expires_us INTEGER,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX revocation_expires_us ON revocation (expires_us) WHERE expires_us IS NOT NULL;

-- One row; grows with every revocation that is made or taken back.
CREATE TABLE revocation_generation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL
) STRICT;

INSERT INTO revocation_generation (id, generation) VALUES (1, 0);
