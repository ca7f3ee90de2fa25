-- What many entries have in common is found faster by reading back from the newest than by an
-- index, so only what is rare has one.
CREATE INDEX audit_record_decision ON audit_record (decision, entry) WHERE decision <> 'permit';
CREATE INDEX audit_record_outcome ON audit_record (outcome, entry) WHERE outcome <> 'ok';
