-- Values that are good once: they are deleted by the statement that reads them.
CREATE TABLE one_time_value (
    name TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL,
    expires_us BIGINT NOT NULL
);

CREATE INDEX one_time_value_expires_us ON one_time_value (expires_us);

-- What people decided about client applications. scopes holds a sorted JSON array.
CREATE TABLE consent (
    principal TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    redirect TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    granted BOOLEAN NOT NULL,
    at_us BIGINT NOT NULL,
    expires_us BIGINT,
    PRIMARY KEY (principal, client, redirect, scopes)
);

CREATE INDEX consent_expires_us ON consent (expires_us) WHERE expires_us IS NOT NULL;
