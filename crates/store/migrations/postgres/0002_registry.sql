-- Every version of every definition that was ever seen, and what was decided about it.
CREATE TABLE definition_version (
    server TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('seen', 'quarantined', 'approved', 'rejected', 'withdrawn')),
    first_seen_us BIGINT NOT NULL,
    last_seen_us BIGINT NOT NULL,
    decided_by TEXT COLLATE "C",
    decided_at_us BIGINT,
    findings TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C",
    PRIMARY KEY (server, kind, name, hash)
);

-- At most one version of a definition is approved, whatever the code above does.
CREATE UNIQUE INDEX definition_version_approved ON definition_version (server, kind, name)
WHERE state = 'approved';

CREATE TABLE definition_history (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    state_before TEXT COLLATE "C",
    state_after TEXT COLLATE "C" NOT NULL,
    decided_by TEXT COLLATE "C",
    at_us BIGINT NOT NULL,
    note TEXT COLLATE "C"
);

CREATE INDEX definition_history_key ON definition_history (server, kind, name);

CREATE TRIGGER definition_history_refuses_change BEFORE UPDATE OR DELETE ON definition_history
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER definition_history_refuses_truncate BEFORE TRUNCATE ON definition_history
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One row; grows with every change of a version or a state.
CREATE TABLE definition_generation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation BIGINT NOT NULL
);

INSERT INTO definition_generation (id, generation) VALUES (1, 0);

-- Other processes hear of it at once; whoever does not listen asks for the number.
CREATE FUNCTION announce_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('portcullis_change', TG_TABLE_NAME);
    RETURN NULL;
END
$$;

CREATE TRIGGER definition_generation_announces AFTER UPDATE ON definition_generation
FOR EACH STATEMENT EXECUTE FUNCTION announce_change();
