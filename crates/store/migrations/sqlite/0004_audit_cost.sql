-- What a record costs. The rules of the trail stay those of 0001_audit.sql: rows are only ever
-- added, an entry opens once and closes only if it was opened.

-- One trigger where there were three: each of them copied the whole row to look at it.
DROP TRIGGER audit_record_refuses_replace;
DROP TRIGGER audit_record_opens_once;
DROP TRIGGER audit_record_closes_what_was_opened;

CREATE TRIGGER audit_record_adds_in_order BEFORE INSERT ON audit_record
WHEN EXISTS (SELECT 1 FROM audit_record WHERE seq = NEW.seq)
    OR (NEW.kind = 'opened')
        = EXISTS (SELECT 1 FROM audit_record WHERE entry = NEW.entry AND kind = 'opened')
BEGIN
    SELECT CASE
        -- INSERT OR REPLACE deletes without firing delete triggers, so a row that would take
        -- the place of another is refused before the insert.
        WHEN EXISTS (SELECT 1 FROM audit_record WHERE seq = NEW.seq)
            THEN RAISE(ABORT, 'audit_record is append-only')
        WHEN NEW.kind = 'opened'
            THEN RAISE(ABORT, 'audit entry is already open')
        ELSE RAISE(ABORT, 'audit entry was never opened')
    END;
END;

-- Most messages open and close in one transaction and need not pass through audit_unfinished:
-- whoever appends keeps it up to date, once for a batch.
DROP TRIGGER audit_record_lists_unfinished;
DROP TRIGGER audit_record_unlists_finished;

-- What many entries have in common is found faster by reading back from the newest than by an
-- index, so only what is rare, or differs much, keeps one.
DROP INDEX audit_record_method;
DROP INDEX audit_record_profile;
DROP INDEX audit_record_server;
DROP INDEX audit_record_decision;
DROP INDEX audit_record_outcome;
CREATE INDEX audit_record_decision ON audit_record (decision, entry) WHERE decision <> 'permit';
CREATE INDEX audit_record_outcome ON audit_record (outcome, entry) WHERE outcome <> 'ok';
