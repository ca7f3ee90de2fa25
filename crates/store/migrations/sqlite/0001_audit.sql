-- The audit trail. A message has one 'opened' row and normally one 'closed' row.
-- Rows are only ever added: seq is never reused, and the triggers below refuse the rest.
CREATE TABLE audit_record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('opened', 'closed')),
    entry TEXT NOT NULL,
    at_us INTEGER NOT NULL,

    -- May stand in either row; what the closed row says is the later knowledge.
    principal TEXT,
    principal_kind TEXT,
    authentication TEXT,
    profile TEXT,
    server TEXT,
    target TEXT,
    definition TEXT,

    -- Opened rows.
    client TEXT,
    transport TEXT,
    era TEXT,
    protocol_version TEXT,
    direction TEXT,
    method TEXT,
    rpc_id TEXT,
    arguments_digest TEXT,
    trace TEXT,
    remote TEXT,

    -- Closed rows. policies, findings and timings_us hold JSON.
    decision TEXT,
    policies TEXT,
    policy_version TEXT,
    reason TEXT,
    outcome TEXT,
    verdict TEXT,
    findings TEXT,
    result_digest TEXT,
    bytes_in INTEGER,
    bytes_out INTEGER,
    timings_us TEXT,

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
) STRICT;

CREATE UNIQUE INDEX audit_record_opened ON audit_record (entry) WHERE kind = 'opened';
CREATE INDEX audit_record_closed ON audit_record (entry) WHERE kind = 'closed';
CREATE INDEX audit_record_at_us ON audit_record (at_us) WHERE kind = 'opened';
CREATE INDEX audit_record_method ON audit_record (method) WHERE method IS NOT NULL;
CREATE INDEX audit_record_principal ON audit_record (principal, entry) WHERE principal IS NOT NULL;
CREATE INDEX audit_record_profile ON audit_record (profile, entry) WHERE profile IS NOT NULL;
CREATE INDEX audit_record_server ON audit_record (server, entry) WHERE server IS NOT NULL;
CREATE INDEX audit_record_target ON audit_record (target, entry) WHERE target IS NOT NULL;
CREATE INDEX audit_record_decision ON audit_record (decision, entry) WHERE decision IS NOT NULL;
CREATE INDEX audit_record_outcome ON audit_record (outcome, entry) WHERE outcome IS NOT NULL;
CREATE INDEX audit_record_reason ON audit_record (reason, entry) WHERE reason IS NOT NULL;

CREATE TRIGGER audit_record_refuses_update BEFORE UPDATE ON audit_record
BEGIN
    SELECT RAISE(ABORT, 'audit_record is append-only');
END;

CREATE TRIGGER audit_record_refuses_delete BEFORE DELETE ON audit_record
BEGIN
    SELECT RAISE(ABORT, 'audit_record is append-only');
END;

-- INSERT OR REPLACE deletes without firing delete triggers, so a row that
-- would take the place of another is refused before the insert.
CREATE TRIGGER audit_record_refuses_replace BEFORE INSERT ON audit_record
WHEN EXISTS (SELECT 1 FROM audit_record WHERE seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'audit_record is append-only');
END;

CREATE TRIGGER audit_record_opens_once BEFORE INSERT ON audit_record
WHEN NEW.kind = 'opened'
    AND EXISTS (SELECT 1 FROM audit_record WHERE entry = NEW.entry AND kind = 'opened')
BEGIN
    SELECT RAISE(ABORT, 'audit entry is already open');
END;

CREATE TRIGGER audit_record_closes_what_was_opened BEFORE INSERT ON audit_record
WHEN NEW.kind = 'closed'
    AND NOT EXISTS (SELECT 1 FROM audit_record WHERE entry = NEW.entry AND kind = 'opened')
BEGIN
    SELECT RAISE(ABORT, 'audit entry was never opened');
END;

-- Entries that are open now, so that finding them does not read the whole trail.
-- This is a work list derived from audit_record, not evidence.
CREATE TABLE audit_unfinished (
    entry TEXT PRIMARY KEY,
    at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_record_lists_unfinished AFTER INSERT ON audit_record
WHEN NEW.kind = 'opened'
BEGIN
    INSERT INTO audit_unfinished (entry, at_us) VALUES (NEW.entry, NEW.at_us);
END;

CREATE TRIGGER audit_record_unlists_finished AFTER INSERT ON audit_record
WHEN NEW.kind = 'closed'
BEGIN
    DELETE FROM audit_unfinished WHERE entry = NEW.entry;
END;
