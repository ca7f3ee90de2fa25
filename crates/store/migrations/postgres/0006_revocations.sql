-- What must not be believed any more, although it has not expired.
CREATE TABLE revocation (
    kind TEXT COLLATE "C" NOT NULL
        CHECK (kind IN ('agent', 'client', 'family', 'server', 'token', 'user', 'workload')),
    subject TEXT COLLATE "C" NOT NULL,
    at_us BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    revoked_by TEXT COLLATE "C" NOT NULL,
    expires_us BIGINT,
    PRIMARY KEY (kind, subject)
);

CREATE INDEX revocation_expires_us ON revocation (expires_us) WHERE expires_us IS NOT NULL;

-- One row; grows with every revocation that is made or taken back.
CREATE TABLE revocation_generation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation BIGINT NOT NULL
);

INSERT INTO revocation_generation (id, generation) VALUES (1, 0);

CREATE TRIGGER revocation_generation_announces AFTER UPDATE ON revocation_generation
FOR EACH STATEMENT EXECUTE FUNCTION announce_change();
