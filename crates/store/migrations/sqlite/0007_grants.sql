-- Values that are good once: they are deleted by the statement that reads them.
CREATE TABLE one_time_value (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX one_time_value_expires_us ON one_time_value (expires_us);

-- What people decided about client applications. scopes holds a sorted JSON array.
CREATE TABLE consent (
    principal TEXT NOT NULL,
    client TEXT NOT NULL,
    redirect TEXT NOT NULL,
    scopes TEXT NOT NULL,
    granted INTEGER NOT NULL CHECK (granted IN (0, 1)),
    at_us INTEGER NOT NULL,
    expires_us INTEGER,
    PRIMARY KEY (principal, client, redirect, scopes)
) STRICT, WITHOUT ROWID;

CREATE INDEX consent_expires_us ON consent (expires_us) WHERE expires_us IS NOT NULL;
