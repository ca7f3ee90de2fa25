-- Who acted: user, agents and client application apart. May stand in either row; what the closed
-- row says is the later knowledge.
ALTER TABLE audit_record ADD COLUMN issuer TEXT;
ALTER TABLE audit_record ADD COLUMN application TEXT;
-- A JSON array, the outermost first; never empty.
ALTER TABLE audit_record ADD COLUMN actors TEXT;
-- The token's id, never the token.
ALTER TABLE audit_record ADD COLUMN token TEXT;

CREATE INDEX audit_record_application ON audit_record (application, entry)
WHERE application IS NOT NULL;
CREATE INDEX audit_record_token ON audit_record (token, entry) WHERE token IS NOT NULL;
