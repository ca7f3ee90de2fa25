-- The audit trail, as in ../sqlite/0001_audit.sql. Text is compared byte by byte, as SQLite does.
CREATE TABLE audit_record (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('opened', 'closed')),
    entry TEXT COLLATE "C" NOT NULL,
    at_us BIGINT NOT NULL,

    -- May stand in either row; what the closed row says is the later knowledge.
    principal TEXT COLLATE "C",
    principal_kind TEXT COLLATE "C",
    authentication TEXT COLLATE "C",
    profile TEXT COLLATE "C",
    server TEXT COLLATE "C",
    target TEXT COLLATE "C",
    definition TEXT COLLATE "C",

    -- Opened rows.
    client TEXT COLLATE "C",
    transport TEXT COLLATE "C",
    era TEXT COLLATE "C",
    protocol_version TEXT COLLATE "C",
    direction TEXT COLLATE "C",
    method TEXT COLLATE "C",
    rpc_id TEXT COLLATE "C",
    arguments_digest TEXT COLLATE "C",
    trace TEXT COLLATE "C",
    remote TEXT COLLATE "C",

    -- Closed rows. policies, findings and timings_us hold JSON, as it was written.
    decision TEXT COLLATE "C",
    policies TEXT COLLATE "C",
    policy_version TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    outcome TEXT COLLATE "C",
    verdict TEXT COLLATE "C",
    findings TEXT COLLATE "C",
    result_digest TEXT COLLATE "C",
    bytes_in BIGINT,
    bytes_out BIGINT,
    timings_us TEXT COLLATE "C",

    CHECK (
        kind <> 'opened'
        OR (transport IS NOT NULL AND direction IS NOT NULL AND method IS NOT NULL)
    ),
    CHECK (
        kind <> 'closed'
        OR (
            decision IS NOT NULL AND policies IS NOT NULL AND outcome IS NOT NULL
            AND findings IS NOT NULL AND timings_us IS NOT NULL
            AND bytes_in >= 0 AND bytes_out >= 0
        )
    )
);

CREATE UNIQUE INDEX audit_record_opened ON audit_record (entry) WHERE kind = 'opened';
CREATE INDEX audit_record_closed ON audit_record (entry) WHERE kind = 'closed';
CREATE INDEX audit_record_at_us ON audit_record (at_us) WHERE kind = 'opened';
CREATE INDEX audit_record_principal ON audit_record (principal, entry) WHERE principal IS NOT NULL;
CREATE INDEX audit_record_target ON audit_record (target, entry) WHERE target IS NOT NULL;
CREATE INDEX audit_record_reason ON audit_record (reason, entry) WHERE reason IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER audit_record_refuses_change BEFORE UPDATE OR DELETE ON audit_record
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_record_refuses_truncate BEFORE TRUNCATE ON audit_record
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Positions are given in the order in which transactions become visible, so that whoever follows
-- the trail by its positions misses nothing: one writer at a time, whoever it is.
CREATE FUNCTION audit_record_one_writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1349481076, 2);
    RETURN NULL;
END
$$;

CREATE TRIGGER audit_record_one_writer BEFORE INSERT ON audit_record
FOR EACH STATEMENT EXECUTE FUNCTION audit_record_one_writer();

CREATE FUNCTION audit_record_closes_what_was_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM audit_record WHERE entry = NEW.entry AND kind = 'opened'
    ) THEN
        RAISE EXCEPTION 'audit entry was never opened' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER audit_record_closes_what_was_opened AFTER INSERT ON audit_record
FOR EACH ROW WHEN (NEW.kind = 'closed')
EXECUTE FUNCTION audit_record_closes_what_was_opened();

-- Entries that are open now, so that finding them does not read the whole trail.
-- This is a work list derived from audit_record, not evidence.
CREATE TABLE audit_unfinished (
    entry TEXT COLLATE "C" PRIMARY KEY,
    at_us BIGINT NOT NULL
);

-- Says which database this is: journals of processes that write to it carry the name.
CREATE TABLE database_identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT COLLATE "C" NOT NULL
);

INSERT INTO database_identity (id, name) VALUES (1, gen_random_uuid()::text);
