-- The newest row of `changes` gives the next version, so it is never deleted; a version can therefore not come back.
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY,
    key      TEXT    NOT NULL,
    kind     INTEGER NOT NULL              -- 1 written, 2 removed
) STRICT;

CREATE TABLE entries (
    id          INTEGER PRIMARY KEY,
    key         TEXT    NOT NULL UNIQUE,
    version     INTEGER NOT NULL,          -- changes.sequence of the write
    sliding_ms  INTEGER,
    absolute_ms INTEGER,
    touched_ms  INTEGER NOT NULL,
    expires_ms  INTEGER,
    sweep_ms    INTEGER,                   -- not later than expires_ms: when a sweep looks at the entry next
    value       BLOB    NOT NULL           -- last, so that the columns before it are read without its overflow pages
) STRICT;

-- Not of expires_ms: that moves with each write, and the index would cost each write a page.
CREATE INDEX entries_by_sweep ON entries (sweep_ms) WHERE sweep_ms IS NOT NULL;

CREATE TABLE leases (
    key      TEXT    PRIMARY KEY,
    owner    TEXT,                         -- NULL: released
    fence    INTEGER NOT NULL,
    span_ms  INTEGER NOT NULL,             -- how long the holding, or the memory of its outcome, was meant to last
    until_ms INTEGER NOT NULL,
    outcome  BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    client_id       TEXT    NOT NULL,      -- ASCII lower case
    account_id      TEXT    NOT NULL,
    tenant          TEXT    NOT NULL,
    username        TEXT    NOT NULL COLLATE NOCASE,
    activity_ms     INTEGER NOT NULL,
    due_ms          INTEGER NOT NULL,
    leased_until_ms INTEGER,
    claimed_ms      INTEGER,
    fence           INTEGER NOT NULL,
    generation      INTEGER NOT NULL,
    sign_ins        INTEGER NOT NULL,      -- gives grants their epochs: outlives a grant's row, so that none comes back
    attempts        INTEGER NOT NULL,
    revoked_ms      INTEGER,
    PRIMARY KEY (client_id, account_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX accounts_by_due ON accounts (client_id, due_ms) WHERE revoked_ms IS NULL;
CREATE INDEX accounts_by_username ON accounts (username);

CREATE TABLE grants (
    client_id   TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    account_id  TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    reason      TEXT,                      -- NULL: healthy
    claims      TEXT,
    since_ms    INTEGER,
    epoch       INTEGER NOT NULL,
    activity_ms INTEGER NOT NULL,
    expires_ms  INTEGER,
    PRIMARY KEY (client_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX grants_by_account ON grants (client_id, account_id);
CREATE INDEX grants_by_expiry ON grants (expires_ms) WHERE expires_ms IS NOT NULL;
