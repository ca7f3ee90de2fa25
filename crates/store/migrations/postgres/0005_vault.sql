-- Credentials, sealed by whoever puts them here: nothing in this table can be used without a key
-- that is not in this database.
CREATE TABLE credential (
    id TEXT COLLATE "C" PRIMARY KEY CHECK (id <> ''),
    tenant TEXT COLLATE "C" NOT NULL,
    principal TEXT COLLATE "C" NOT NULL,
    server TEXT COLLATE "C" NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    sealed BYTEA NOT NULL,
    key_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'revoked')),
    created_us BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    expires_us BIGINT,
    -- What is revoked is not kept.
    CHECK (state = 'active' OR length(sealed) = 0)
);

CREATE UNIQUE INDEX credential_active ON credential (principal, server, issuer, kind, tenant)
WHERE state = 'active';
CREATE INDEX credential_key_id ON credential (key_id) WHERE state = 'active';

-- What was once revoked stays so.
CREATE FUNCTION credential_stays_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credential is revoked' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER credential_stays_revoked BEFORE UPDATE ON credential
FOR EACH ROW WHEN (OLD.state = 'revoked' AND NEW.state <> 'revoked')
EXECUTE FUNCTION credential_stays_revoked();

-- The keys that credentials are sealed under, themselves wrapped, or what it takes to derive them.
CREATE TABLE vault_key (
    id TEXT COLLATE "C" PRIMARY KEY CHECK (id <> ''),
    provider TEXT COLLATE "C" NOT NULL,
    wrapped BYTEA NOT NULL,
    created_us BIGINT NOT NULL,
    retired_us BIGINT
);

-- Who does something that no two replicas should do at once.
CREATE TABLE lease (
    name TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT COLLATE "C" NOT NULL,
    until_us BIGINT NOT NULL
);
