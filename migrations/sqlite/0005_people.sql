-- People with roles, what waits for a second person, logins, engagements. What the rules look at is a document (JSON);
-- what is searched for is a column beside it.

-- Accounts of before had no roles and no second factor: they are kept as auditors, and take a reset to be used.
CREATE TABLE people (
    id        TEXT PRIMARY KEY,
    login     TEXT NOT NULL UNIQUE,
    password  TEXT NOT NULL,          -- argon2id, PHC string; empty before enrolment
    factor    BLOB,                   -- what the second factor is derived from, with the node's key
    step      INTEGER NOT NULL,       -- the last step of the second factor that was used
    document  TEXT NOT NULL
);
INSERT INTO people (id, login, password, step, document)
    SELECT id, login, password, 0, json_object(
        'id', id, 'login', login, 'name', name, 'roles', json('{"roles":["auditor"],"site":null}'), 'vouched', NULL,
        'enabled', json(CASE enabled WHEN 0 THEN 'false' ELSE 'true' END), 'enrolled', json('false'), 'ends', NULL,
        'reviewed', strftime('%Y-%m-%dT%H:%M:%SZ', created, 'unixepoch'),
        'seen', strftime('%Y-%m-%dT%H:%M:%SZ', created, 'unixepoch'),
        'password_set', strftime('%Y-%m-%dT%H:%M:%SZ', password_set, 'unixepoch'),
        'file', json('{"job":null,"clause":null,"awareness":null}'), 'charter', NULL)
    FROM accounts;

CREATE TABLE passwords_of_people (
    place    INTEGER PRIMARY KEY AUTOINCREMENT,
    account  TEXT NOT NULL REFERENCES people (id),
    password TEXT NOT NULL,           -- argon2id, PHC string
    replaced INTEGER NOT NULL         -- seconds since 1970, UTC
);
INSERT INTO passwords_of_people (account, password, replaced)
    SELECT account, password, replaced FROM former_passwords ORDER BY place;
DROP TABLE former_passwords;
ALTER TABLE passwords_of_people RENAME TO former_passwords;
CREATE INDEX former_passwords_of ON former_passwords (account, place);

DROP TABLE tickets;
DROP TABLE accounts;
ALTER TABLE people RENAME TO accounts;

-- Codes for one use: to enrol, and to do without the second factor.
CREATE TABLE enrolments (
    account TEXT PRIMARY KEY,         -- an account's id; a role's name at genesis
    asker   BLOB,                     -- SHA-256 of the half that the requester has; none at genesis
    vouch   BLOB NOT NULL,            -- SHA-256 of the half that the approver has
    expires INTEGER NOT NULL
);
CREATE TABLE recovery_codes (
    hash    BLOB PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id)
);

CREATE TABLE requests (
    place    INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    half     BLOB,                    -- SHA-256 of the requester's half of an enrolment code
    settled  INTEGER NOT NULL,
    document TEXT NOT NULL
);

CREATE TABLE logins (
    hash    BLOB PRIMARY KEY,         -- SHA-256 of the token
    account TEXT NOT NULL REFERENCES accounts (id),
    began   INTEGER NOT NULL,
    used    INTEGER NOT NULL
);
CREATE TABLE devices (
    hash    BLOB PRIMARY KEY,         -- SHA-256 of what the device was given
    account TEXT NOT NULL REFERENCES accounts (id),
    seen    INTEGER NOT NULL
);
CREATE TABLE failures (
    account TEXT NOT NULL REFERENCES accounts (id),
    device  BLOB NOT NULL,            -- empty: all that are not known
    count   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    PRIMARY KEY (account, device)
);

CREATE TABLE papers (
    place     INTEGER PRIMARY KEY AUTOINCREMENT,
    paperwork TEXT NOT NULL,
    document  TEXT NOT NULL
);

CREATE TABLE engagements (
    place    INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL
);

ALTER TABLE sites ADD COLUMN engagement TEXT;
ALTER TABLE sites ADD COLUMN approved TEXT; -- SHA-256 of the settings that two people approved
UPDATE sites SET standing = 'stopped';

CREATE TABLE tickets (
    hash        BLOB PRIMARY KEY,     -- SHA-256 of the secret
    certificate BLOB,                 -- SHA-256 of the only workstation's certificate
    account     TEXT NOT NULL REFERENCES accounts (id),
    engagement  TEXT NOT NULL REFERENCES engagements (id),
    expires     INTEGER NOT NULL,
    used        INTEGER NOT NULL
);

-- Which key second factors are derived from: its SHA-256.
CREATE TABLE factor_key (
    digest TEXT PRIMARY KEY
);
