-- Credentials, sealed by whoever puts them here: nothing in this table can be used without a key
-- that is not in this database.
CREATE TABLE credential (
    id TEXT PRIMARY KEY CHECK (id <> ''),
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    server TEXT NOT NULL,
    issuer TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL,
    key_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    expires_us INTEGER,
    -- What is revoked is not kept.
    CHECK (state = 'active' OR length(sealed) = 0)
) STRICT;

CREATE UNIQUE INDEX credential_active ON credential (principal, server, issuer, kind, tenant)
WHERE state = 'active';
CREATE INDEX credential_key_id ON credential (key_id) WHERE state = 'active';

-- What was once revoked stays so.
CREATE TRIGGER credential_stays_revoked BEFORE UPDATE ON credential
WHEN OLD.state = 'revoked' AND NEW.state <> 'revoked'
BEGIN
    SELECT RAISE(ABORT, 'credential is revoked');
END;

-- The keys that credentials are sealed under, themselves wrapped, or what it takes to derive them.
CREATE TABLE vault_key (
    id TEXT PRIMARY KEY CHECK (id <> ''),
    provider TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_us INTEGER NOT NULL,
    retired_us INTEGER
) STRICT;

-- Who does something that no two replicas should do at once.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
