-- Every version of every definition that was ever seen, and what was decided about it.
CREATE TABLE definition_version (
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('seen', 'quarantined', 'approved', 'rejected', 'withdrawn')),
    first_seen_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    decided_by TEXT,
    decided_at_us INTEGER,
    findings TEXT NOT NULL,
    note TEXT,
    PRIMARY KEY (server, kind, name, hash)
) STRICT;

-- At most one version of a definition is approved, whatever the code above does.
CREATE UNIQUE INDEX definition_version_approved ON definition_version (server, kind, name)
WHERE state = 'approved';

CREATE TABLE definition_history (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    state_before TEXT,
    state_after TEXT NOT NULL,
    decided_by TEXT,
    at_us INTEGER NOT NULL,
    note TEXT
) STRICT;

CREATE INDEX definition_history_key ON definition_history (server, kind, name);

CREATE TRIGGER definition_history_refuses_update BEFORE UPDATE ON definition_history
BEGIN
    SELECT RAISE(ABORT, 'definition_history is append-only');
END;

CREATE TRIGGER definition_history_refuses_delete BEFORE DELETE ON definition_history
BEGIN
    SELECT RAISE(ABORT, 'definition_history is append-only');
END;

CREATE TRIGGER definition_history_refuses_replace BEFORE INSERT ON definition_history
WHEN EXISTS (SELECT 1 FROM definition_history WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'definition_history is append-only');
END;

-- One row; grows with every change of a version or a state.
CREATE TABLE definition_generation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL
) STRICT;

INSERT INTO definition_generation (id, generation) VALUES (1, 0);
